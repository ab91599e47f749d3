//! The loaded policies and their two questions. A question is put once for every principal of the chain; all must be
//! permitted, so that delegation can only narrow.

use super::entities::{Unaskable, World};
use super::{Error, context, load};
use crate::config::Target;
use cedar_policy::{Authorizer, Decision as Verdict, PolicyId, PolicySet, Request, Response, Schema};
use interdict_schemas::{Action, Decision, Effect, Identity, Source};
use std::path::Path;
use std::sync::Arc;

/// The annotation that limits the rows that a permit lets see.
const ROWS: &str = "rows";

/// Policies, ready to decide.
#[derive(Debug)]
pub struct Policies {
    policies: PolicySet,
    schema: Schema,
    world: World,
    authorizer: Authorizer,
}

impl Policies {
    /// Loads a `.cedar` file, or every one in a folder, for these targets.
    ///
    /// # Errors
    /// When they cannot be read or hold a mistake.
    pub fn load(path: &Path, targets: &[Arc<Target>]) -> Result<Self, Error> {
        let schema = load::schema()?;
        let policies = load::policies(path, &schema)?;
        Ok(Self { policies, schema, world: World::new(targets)?, authorizer: Authorizer::new() })
    }

    /// Whether the identity may open a session to the target.
    #[must_use]
    pub fn admission(&self, identity: &Identity, target: &Target, source: &Source) -> Decision {
        self.decide(identity, target, source, None, |_| {})
    }

    /// Whether the identity may do this there.
    #[must_use]
    pub fn action(&self, identity: &Identity, target: &Target, source: &Source, action: &Action) -> Decision {
        self.decide(identity, target, source, Some(action), |_| {})
    }

    /// Which rows of a table an action may see: for each principal of the chain the conditions that its permits have in
    /// their annotation `@rows`, any of which a row must meet. A principal with a permit without the annotation sees
    /// every row and is left out. What a condition is, whoever holds the rows knows.
    ///
    /// # Errors
    /// The decision, if the action is denied.
    pub fn rows(
        &self,
        identity: &Identity,
        target: &Target,
        source: &Source,
        action: &Action,
    ) -> Result<Vec<Vec<String>>, Decision> {
        let mut narrowed = Vec::new();
        let decision = self.decide(identity, target, source, Some(action), |response| {
            let permits = determining(response).into_iter();
            let conditions = permits.map(|id| self.policies.annotation(id, ROWS).map(str::to_owned));
            narrowed.extend(conditions.collect::<Option<Vec<_>>>());
        });
        if decision.effect == Effect::Allow { Ok(narrowed) } else { Err(decision) }
    }

    /// Every annotation `@rows` there is: the policy's name and the condition.
    pub fn conditions(&self) -> impl Iterator<Item = (&str, &str)> {
        self.policies.policies().filter_map(|policy| Some((policy.id().as_ref(), policy.annotation(ROWS)?)))
    }

    /// How many policies there are.
    #[must_use]
    pub fn len(&self) -> usize {
        self.policies.num_of_policies()
    }

    /// Whether there are none, so that nothing is permitted.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.policies.is_empty()
    }

    /// `each` sees the answer for every principal that is permitted.
    fn decide(
        &self,
        identity: &Identity,
        target: &Target,
        source: &Source,
        action: Option<&Action>,
        each: impl FnMut(&Response),
    ) -> Decision {
        self.ask(identity, target, source, action, each).unwrap_or_else(|error| {
            // Facts that Cedar cannot take permit nothing.
            tracing::error!(%error, target = target.name, "a question cannot be put to the policies; denied");
            deny("the gateway cannot put this to its policies".into(), Vec::new())
        })
    }

    fn ask(
        &self,
        identity: &Identity,
        target: &Target,
        source: &Source,
        action: Option<&Action>,
        mut each: impl FnMut(&Response),
    ) -> Result<Decision, Unaskable> {
        let name = action.map_or("connect", |action| action.class.name());
        let entities = self.world.around(identity, &target.name, source.target.as_deref())?;
        let context = context::of(&self.world, identity, source, action)?;
        let mut names: Vec<String> = Vec::new();
        for principal in identity.chain() {
            let request = Request::new(
                self.world.principal(&principal.id),
                self.world.action(name),
                self.world.target(&target.name),
                context.clone(),
                Some(&self.schema),
            )
            .map_err(Unaskable::new)?;
            let response = self.authorizer.is_authorized(&request, &self.policies, &entities);
            let decided = determining(&response).into_iter().map(ToString::to_string);
            if let Some(reason) = self.objection(&response, &principal.id, name, &target.name) {
                return Ok(deny(reason, decided.collect()));
            }
            names.extend(decided);
            each(&response);
        }
        names.sort();
        names.dedup();
        Ok(Decision { effect: Effect::Allow, reason: String::new(), policies: names })
    }

    /// Why not, if not.
    fn objection(&self, response: &Response, principal: &str, action: &str, target: &str) -> Option<String> {
        // Cedar passes over a policy that fails; it might have been the one that forbids.
        if let Some(error) = response.diagnostics().errors().next() {
            tracing::error!(%error, "a policy cannot be evaluated; denied");
            return Some(format!("a policy cannot be evaluated ({error}), so nothing is permitted by them"));
        }
        if response.decision() == Verdict::Allow {
            return None;
        }
        Some(match determining(response).first() {
            Some(id) => match self.policies.annotation(id, "reason") {
                Some(reason) if !reason.is_empty() => reason.to_owned(),
                _ => format!("policy {id} forbids {principal} to {action} on {target}"),
            },
            None => format!("no policy permits {principal} to {action} on {target}"),
        })
    }
}

/// The policies that decided, by name: Cedar keeps them in no order, and the same question gets the same answer.
fn determining(response: &Response) -> Vec<&PolicyId> {
    let mut ids: Vec<&PolicyId> = response.diagnostics().reason().collect();
    ids.sort();
    ids
}

fn deny(reason: String, policies: Vec<String>) -> Decision {
    Decision { effect: Effect::Deny, reason, policies }
}
