//! Who is calling: bearer tokens are OIDC JWTs, checked against the issuer's keys. Refuses whatever it cannot verify:
//! there is no anonymous identity.

mod keys;
#[cfg(test)]
mod tests;
mod token;

use crate::{clock, config};
use interdict_schemas::{Identity, Time};
use keys::Keys;
use std::sync::Arc;

/// A believed token.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Verified {
    /// Who.
    pub identity: Identity,
    /// When the token ends.
    pub expires: Time,
}

/// Why a token is not believed. The display is for the log: it says which check failed; tell the client
/// [`Error::told`].
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Error {
    /// No JWT. The client's fault.
    #[error("the token is malformed: {0}")]
    Malformed(String),
    /// Signed by an algorithm that is not on the list. The client's fault, and worth a look.
    #[error("the token is signed with {0:?}, which identity.algorithms does not list")]
    Algorithm(String),
    /// No key of that id, even after asking the issuer again. The client's fault.
    #[error("the token names key {0:?}, which the issuer does not publish")]
    UnknownKey(String),
    /// No key id, and not exactly one key it could mean. The client's fault.
    #[error("the token names no key, and the issuer publishes {0} that could be meant")]
    NoKeyId(usize),
    /// The client's fault, and worth a look.
    #[error("the token's signature does not verify")]
    Signature,
    /// The client's fault.
    #[error("the token is from issuer {found:?}, not {wanted:?}")]
    Issuer {
        /// `iss`.
        found: String,
        /// As configured.
        wanted: String,
    },
    /// The client's fault.
    #[error("the token is for audience {found:?}, not {wanted:?}")]
    Audience {
        /// `aud`.
        found: Vec<String>,
        /// As configured.
        wanted: String,
    },
    /// The client's fault.
    #[error("the token expired at {0}")]
    Expired(Time),
    /// The client's fault, or a clock's.
    #[error("the token is valid only from {0}; check the clocks")]
    NotYetValid(Time),
    /// The client's fault.
    #[error("the token's delegation chain is longer than {most} principals (identity.max_delegation_depth)")]
    Depth {
        /// The most.
        most: usize,
    },
    /// The issuer's fault, or the network's.
    #[error("the issuer's keys are not known: {0}")]
    Keys(String),
}

impl Error {
    /// What the client is told: enough to act on, nothing about keys or settings.
    #[must_use]
    pub const fn told(&self) -> &'static str {
        match self {
            Self::Malformed(_) => "the token is malformed; use an OIDC token (JWT) of the configured issuer",
            Self::Expired(_) => "the token has expired; get a new one",
            Self::NotYetValid(_) => "the token is not valid yet; check the clocks",
            Self::Issuer { .. } => "the token is from another issuer",
            Self::Audience { .. } => "the token is for another audience",
            Self::Depth { .. } => "the token's delegation chain is too long",
            Self::Keys(_) => "the token cannot be checked now; try again shortly",
            Self::Algorithm(_) | Self::UnknownKey(_) | Self::NoKeyId(_) | Self::Signature => {
                "the token's signature is not believed"
            }
        }
    }

    /// Whether trying the same token again may help.
    #[must_use]
    pub const fn is_transient(&self) -> bool {
        matches!(self, Self::Keys(_) | Self::NotYetValid(_))
    }
}

/// Checks tokens of one issuer.
#[derive(Debug)]
pub struct Authenticator {
    settings: config::Identity,
    keys: Arc<Keys>,
}

impl Authenticator {
    /// For the configured issuer. A key file is read now; an issuer is asked at the first token, or by
    /// [`Authenticator::warm`].
    ///
    /// # Errors
    /// When the key file cannot be used.
    pub fn new(settings: &config::Identity) -> Result<Self, Error> {
        let keys = Keys::new(&settings.issuer, settings.keys.clone(), keys::Limits::default())?;
        Ok(Self { settings: settings.clone(), keys })
    }

    /// Asks the issuer for its keys ahead of the first token.
    ///
    /// # Errors
    /// When it does not answer; the first token will ask again.
    pub async fn warm(&self) -> Result<(), Error> {
        self.keys.warm().await
    }

    /// Checks a token; may ask the issuer for its keys.
    ///
    /// # Errors
    /// When it is not believed.
    pub async fn verify(&self, token: &str) -> Result<Verified, Error> {
        let header = token::header(token, &self.settings.algorithms)?;
        let key = self.keys.find(&header).await?;
        let claims = token::claims(token, header.algorithm, &key)?;
        token::identity(&claims, &self.settings, clock::now())
    }
}
