//! Who acts in CloudTrail: an access key leads to whom it was issued to, and through whom. The chain's root is the
//! principal that was there first; each role session follows it.

use super::super::Skip;
use super::super::bounded::Recent;
use super::super::draft;
use super::super::value::{at, name};
use interdict_schemas::{Identity, Principal, PrincipalKind};
use serde_json::Value;

/// The most principals of a chain: roles that assume each other in a circle make it no longer.
const DEPTH: usize = 16;

/// Identities of temporary credentials, by access key and by the name of the session they were issued for.
#[derive(Default)]
pub(super) struct Issued {
    known: Recent<Identity>,
}

impl Issued {
    /// Remembers whose a temporary credential is. `session` is the principal id of the role session, `AROA…:name`.
    pub(super) fn insert(&mut self, key: &str, session: Option<&str>, identity: &Identity) {
        let bytes: usize = identity.chain().iter().map(|principal| principal.id.len() + 64).sum();
        self.known.insert(&["key", key], identity.clone(), bytes);
        if let Some(session) = session {
            self.known.insert(&["session", session], identity.clone(), bytes);
        }
    }

    /// Who the record says acts, and through whom, as far as the trail tells.
    pub(super) fn identify(&self, user: &Value) -> Result<Identity, Skip> {
        let key = name(user, "accessKeyId")?.unwrap_or_default();
        if let Some(identity) = self.known.find(&["key", key]).filter(|_| !key.is_empty()) {
            return Ok(identity.clone());
        }
        let principal = name(user, "principalId")?.unwrap_or_default();
        if let Some(identity) = self.known.find(&["session", principal]).filter(|_| !principal.is_empty()) {
            return Ok(identity.clone());
        }
        let kind = name(user, "type")?.unwrap_or_default();
        let account = name(user, "accountId")?.or(name(user, "sessionContext.sessionIssuer.accountId")?);
        let issuer = name(user, "identityProvider")?.map_or_else(
            || account.map_or_else(|| "aws".to_owned(), |account| format!("aws:{account}")),
            str::to_owned,
        );
        let arn = name(user, "arn")?;
        let workload = |id: &str| Principal { id: id.to_owned(), kind: PrincipalKind::Workload };
        match kind {
            "AssumedRole" => {
                // The trail does not have the beginning: the source identity outlives role sessions, else the role.
                let first = match name(user, "sessionContext.sourceIdentity")? {
                    Some(source) => Some(Principal { id: source.to_owned(), kind: PrincipalKind::Person }),
                    None => name(user, "sessionContext.sessionIssuer.arn")?.map(workload),
                };
                let session = arn.or(Some(principal).filter(|id| !id.is_empty())).map(workload);
                match (first, session) {
                    (Some(first), session) => Ok(Identity::rooted(issuer, first, session.into_iter().collect())),
                    (None, Some(session)) => Ok(Identity::rooted(issuer, session, Vec::new())),
                    (None, None) => Err(Skip::missing("arn")),
                }
            }
            _ => {
                let named = [
                    name(user, "onBehalfOf.userId")?,
                    arn,
                    name(user, "userName")?,
                    Some(principal).filter(|id| !id.is_empty()),
                    name(user, "invokedBy")?,
                    account,
                ];
                let id = named.into_iter().flatten().next().ok_or_else(|| Skip::missing("arn"))?;
                let kind = match kind {
                    "Root" => PrincipalKind::Administrator,
                    "IAMUser" | "SAMLUser" | "IdentityCenterUser" | "Directory" => PrincipalKind::Person,
                    _ => PrincipalKind::Workload,
                };
                Ok(draft::identity(&issuer, id, kind))
            }
        }
    }
}

/// The identity of a session that `caller` was given credentials for.
pub(super) fn delegate(caller: &Identity, user: &Value, role: &str, session: &str) -> Identity {
    let to = Principal { id: session.to_owned(), kind: PrincipalKind::Workload };
    // A service that assumes a role does not act for itself: the role is where the story begins.
    let is_service = at(user, "type").and_then(Value::as_str) == Some("AWSService");
    let (root, mut delegates) = if is_service {
        (Principal { id: role.to_owned(), kind: PrincipalKind::Workload }, Vec::new())
    } else {
        let middle = caller.chain().iter().skip(1).cloned().collect();
        (caller.root().clone(), middle)
    };
    delegates.push(to);
    if delegates.len() >= DEPTH {
        delegates.drain(..=delegates.len() - DEPTH);
    }
    let mut identity = Identity::rooted(caller.issuer.clone(), root, delegates);
    identity.groups.clone_from(&caller.groups);
    identity
}
