//! The loaded policies and their two questions.

use super::Error;
use crate::config::Target;
use interdict_schemas::{Action, Decision, Effect, Identity, Source};
use std::path::Path;

/// Policies, ready to decide.
#[derive(Debug)]
pub struct Policies(());

impl Policies {
    /// Loads a `.cedar` file, or every one in a folder.
    ///
    /// # Errors
    /// When they cannot be read or hold a mistake.
    pub fn load(path: &Path) -> Result<Self, Error> {
        Err(Error::Empty { path: path.to_owned() })
    }

    /// Whether the identity may open a session to the target.
    #[must_use]
    pub fn admission(&self, _identity: &Identity, _target: &Target, _source: &Source) -> Decision {
        Decision { effect: Effect::Deny, reason: "no policy permits it".into(), policies: Vec::new() }
    }

    /// Whether the identity may do this there.
    #[must_use]
    pub fn action(&self, identity: &Identity, target: &Target, source: &Source, _action: &Action) -> Decision {
        self.admission(identity, target, source)
    }
}
