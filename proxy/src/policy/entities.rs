//! Who and what, as Cedar sees them: principals, groups, targets, tags.

use super::Error;
use crate::config::Target;
use cedar_policy::{Entities, Entity, EntityId, EntityTypeName, EntityUid, RestrictedExpression};
use interdict_schemas::Identity;
use std::collections::{HashMap, HashSet};
use std::str::FromStr;
use std::sync::Arc;

/// Entity types, parsed once, and the targets, which do not change.
#[derive(Debug)]
pub(super) struct World {
    action: EntityTypeName,
    group: EntityTypeName,
    principal: EntityTypeName,
    tag: EntityTypeName,
    target: EntityTypeName,
    targets: HashMap<String, Entity>,
}

impl World {
    pub(super) fn new(targets: &[Arc<Target>]) -> Result<Self, Error> {
        let kind = |name| EntityTypeName::from_str(name).map_err(|error| Error::Schema(error.to_string()));
        let mut world = Self {
            action: kind("Action")?,
            group: kind("Group")?,
            principal: kind("Principal")?,
            tag: kind("Tag")?,
            target: kind("Target")?,
            targets: HashMap::new(),
        };
        for target in targets {
            let entity = world.protected(target).map_err(|error| Error::Schema(error.to_string()))?;
            world.targets.insert(target.name.clone(), entity);
        }
        Ok(world)
    }

    pub(super) fn action(&self, name: &str) -> EntityUid {
        named(&self.action, name)
    }

    pub(super) fn principal(&self, id: &str) -> EntityUid {
        named(&self.principal, id)
    }

    pub(super) fn target(&self, name: &str) -> EntityUid {
        named(&self.target, name)
    }

    /// Everything that one question may look at.
    pub(super) fn around(
        &self,
        identity: &Identity,
        target: &str,
        source: Option<&str>,
    ) -> Result<Entities, Unaskable> {
        let mut entities = Vec::with_capacity(identity.chain().len() + 2);
        let mut seen = HashSet::new();
        for (depth, link) in identity.chain().iter().enumerate() {
            // A principal that stands in a chain twice is one entity; the first place, nearest the root, counts.
            if !seen.insert(link.id.as_str()) {
                continue;
            }
            // Groups are the root's. A delegate is in none: it is permitted by name, by kind, or by its root.
            let groups = if depth == 0 { identity.groups.as_slice() } else { &[] };
            let attributes = HashMap::from([
                ("issuer".to_owned(), text(&identity.issuer)),
                ("kind".to_owned(), text(link.kind.name())),
            ]);
            let parents = groups.iter().map(|group| named(&self.group, group)).collect();
            entities.push(Entity::new(self.principal(&link.id), attributes, parents).map_err(Unaskable::new)?);
        }
        for name in [Some(target), source.filter(|source| *source != target)].into_iter().flatten() {
            entities.push(match self.targets.get(name) {
                Some(entity) => entity.clone(),
                None => self.other(name)?,
            });
        }
        Entities::from_entities(entities, None).map_err(Unaskable::new)
    }

    fn protected(&self, target: &Target) -> Result<Entity, Unaskable> {
        let attributes = HashMap::from([
            ("name".to_owned(), text(&target.name)),
            ("protocol".to_owned(), text(target.protocol.name())),
            ("tags".to_owned(), RestrictedExpression::new_set(target.tags.iter().map(|tag| text(tag)))),
        ]);
        let parents = target.tags.iter().map(|tag| named(&self.tag, tag)).collect();
        Entity::new(self.target(&target.name), attributes, parents).map_err(Unaskable::new)
    }

    /// A system of the inventory that is no target: a session may come from there.
    fn other(&self, name: &str) -> Result<Entity, Unaskable> {
        let attributes = HashMap::from([
            ("name".to_owned(), text(name)),
            ("protocol".to_owned(), text("")),
            ("tags".to_owned(), RestrictedExpression::new_set([])),
        ]);
        Entity::new(self.target(name), attributes, HashSet::new()).map_err(Unaskable::new)
    }
}

/// A question that cannot be put to Cedar, in its words.
#[derive(Debug, thiserror::Error)]
#[error("{0}")]
pub(super) struct Unaskable(String);

impl Unaskable {
    pub(super) fn new(error: impl std::fmt::Display) -> Self {
        Self(error.to_string())
    }
}

pub(super) fn text(value: &str) -> RestrictedExpression {
    RestrictedExpression::new_string(value.to_owned())
}

fn named(kind: &EntityTypeName, name: &str) -> EntityUid {
    EntityUid::from_type_name_and_id(kind.clone(), EntityId::new(name))
}
