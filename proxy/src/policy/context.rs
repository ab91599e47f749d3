//! The facts of one question: where it comes from, through whom, and what is to be done.

use super::entities::{Unaskable, World, text};
use cedar_policy::{Context, RestrictedExpression};
use interdict_schemas::{Action, Class, Identity, Source};

/// The context of a question; without an action, of an admission.
pub(super) fn of(
    world: &World,
    identity: &Identity,
    source: &Source,
    action: Option<&Action>,
) -> Result<Context, Unaskable> {
    let principal = |id: &str| RestrictedExpression::new_entity_uid(world.principal(id));
    let depth = i64::try_from(identity.chain().len()).unwrap_or(i64::MAX);
    let mut facts = vec![
        ("root", principal(&identity.root().id)),
        ("actor", principal(&identity.actor().id)),
        ("depth", RestrictedExpression::new_long(depth)),
    ];
    if let Some(address) = source.address {
        facts.push(("source_address", RestrictedExpression::new_ip(address.to_string())));
    }
    if let Some(target) = &source.target {
        facts.push(("source_target", RestrictedExpression::new_entity_uid(world.target(target))));
    }
    if let Some(action) = action {
        facts.push(("verb", text(action.verb.name())));
        facts.push(("text", text(&action.text)));
        facts.push(("objects", RestrictedExpression::new_set(action.objects.iter().map(|object| text(object)))));
        if let Some(database) = &action.database {
            facts.push(("database", text(database)));
        }
        if let (Class::Request | Class::Api, Some((method, path))) = (action.class, action.text.split_once(' ')) {
            facts.push(("method", text(method)));
            // The object is the path alone: a query must not change which path a policy sees.
            let path = action.objects.first().map_or_else(|| path.split('?').next().unwrap_or(path), String::as_str);
            facts.push(("path", text(path)));
        }
    }
    let facts = facts.into_iter().map(|(name, value)| (name.to_owned(), value));
    Context::from_pairs(facts).map_err(Unaskable::new)
}
