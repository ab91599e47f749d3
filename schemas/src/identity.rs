//! Who is acting: a verified identity and the chain of delegates through which it acts (RFC 8693 section 4.1).

use crate::named;
use serde::{Deserialize, Serialize};

named! {
    /// What kind of principal acts.
    PrincipalKind {
        /// A person.
        Person = "person",
        /// A person with administrative rights.
        Administrator = "administrator",
        /// A CI job or service account.
        Workload = "workload",
        /// An AI agent.
        Agent = "agent",
    }
}

/// One link of a delegation chain.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct Principal {
    /// The subject as the issuer names it (`sub`).
    pub id: String,
    /// Person, workload or agent.
    pub kind: PrincipalKind,
}

/// The grant under which an agent acts, where the token names one.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Default, Serialize, Deserialize)]
pub struct Delegation {
    /// This grant.
    pub id: String,
    /// The grant it was made from; empty at the root.
    pub parent: String,
}

/// A verified identity.
// INVARIANT: `chain` is never empty; only `Identity::new` and `Identity::rooted` make one.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct Identity {
    /// Who vouches for it (`iss`).
    pub issuer: String,
    /// Groups of the root.
    pub groups: Vec<String>,
    /// The grant, if the token names one.
    pub delegation: Option<Delegation>,
    chain: Vec<Principal>,
}

/// A chain that cannot be: it has no principal.
#[derive(Debug, thiserror::Error, PartialEq, Eq)]
#[error("a delegation chain needs at least one principal")]
pub struct ChainError;

impl Identity {
    /// An identity from its chain, root first, acting principal last.
    ///
    /// # Errors
    /// When the chain is empty.
    pub fn new(issuer: impl Into<String>, chain: Vec<Principal>) -> Result<Self, ChainError> {
        if chain.is_empty() {
            return Err(ChainError);
        }
        Ok(Self { issuer: issuer.into(), groups: Vec::new(), delegation: None, chain })
    }

    /// An identity from its root and those it delegated to, the acting principal last.
    #[must_use]
    pub fn rooted(issuer: impl Into<String>, root: Principal, delegates: Vec<Principal>) -> Self {
        let chain = std::iter::once(root).chain(delegates).collect();
        Self { issuer: issuer.into(), groups: Vec::new(), delegation: None, chain }
    }

    /// The person or workload at the start of the chain.
    #[must_use]
    pub fn root(&self) -> &Principal {
        #[expect(clippy::indexing_slicing, reason = "a chain is never empty")]
        &self.chain[0]
    }

    /// Who acts now; the root itself when nothing was delegated.
    #[must_use]
    pub fn actor(&self) -> &Principal {
        self.chain.last().unwrap_or_else(|| self.root())
    }

    /// Root first, actor last.
    #[must_use]
    pub fn chain(&self) -> &[Principal] {
        &self.chain
    }

    /// Whether `id` stands anywhere in the chain.
    #[must_use]
    pub fn involves(&self, id: &str) -> bool {
        self.chain.iter().any(|principal| principal.id == id)
    }
}

impl std::fmt::Display for Identity {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        for (depth, principal) in self.chain.iter().enumerate() {
            if depth > 0 {
                f.write_str(" -> ")?;
            }
            f.write_str(&principal.id)?;
        }
        Ok(())
    }
}
