//! What leaves masked, and the decoys that leave in its place. Owns the key, the rules, and what a decoy that comes
//! back stands for. A decoy is recognised from itself and the key alone: nothing planted is kept but whose sessions
//! they were, for a while, so that an unauthenticated use is recorded under the root that the decoy was taken from.

pub mod decoy;
mod form;
pub mod json;
mod key;
pub mod rule;

pub use key::Error;
pub use rule::{Field, Rule};

use crate::config::Config;
use decoy::{Form, Found, Keys, Origin};
use interdict_schemas::{
    DecoyPlace, DecoyUse, Disclosure, DisclosureKind, Identity, Principal, PrincipalKind, Source,
};
use sha2::{Digest, Sha256};
use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};
use ulid::Ulid;

/// Sessions remembered; half of them may be forgotten at any time.
const MAX_SESSIONS: usize = 32 * 1024;
/// Uses told of one attempt; whoever presents more has given enough away.
const MAX_USES: usize = 16;
/// Decoys of one answer whose fingerprints are recorded.
const MAX_PLANTED: usize = 64;
/// What stands in a record in a decoy's place.
const BLOT: &str = "[decoy]";

/// The masks and decoys of one gateway.
#[derive(Debug)]
pub struct Decoys {
    keys: Keys,
    rules: HashMap<String, Arc<[Rule]>>,
    targets: HashMap<u32, String>,
    fields: HashMap<(u32, u32), String>,
    sessions: Mutex<Sessions>,
}

/// Two generations: when the young one is full it becomes the old one, and what was old is forgotten.
#[derive(Debug, Default)]
struct Sessions {
    young: HashMap<u128, Identity>,
    old: HashMap<u128, Identity>,
}

impl Decoys {
    /// Of a configuration. Makes the key in the data folder if none is configured and none is there.
    ///
    /// # Errors
    /// When the key cannot be read or made.
    pub fn new(config: &Config) -> Result<Self, Error> {
        let keys = key::load(&config.data, config.mask.key.as_deref())?;
        Ok(Self::with(keys, config))
    }

    fn with(keys: Keys, config: &Config) -> Self {
        let names = config.targets.iter().map(|target| &target.name);
        let targets = names.chain(config.inventory.iter().map(|entry| &entry.name));
        let targets = targets.map(|name| (number("target", name), name.clone())).collect();
        let mut rules: HashMap<String, Vec<Rule>> = HashMap::new();
        let mut fields = HashMap::new();
        for rule in &config.mask.rules {
            let name = rule.name();
            fields.insert((number("target", &rule.target), number("field", &name)), name);
            rules.entry(rule.target.clone()).or_default().push(rule.clone());
        }
        let rules = rules.into_iter().map(|(target, rules)| (target, rules.into())).collect();
        Self { keys, rules, targets, fields, sessions: Mutex::default() }
    }

    /// What is masked of a target, if anything is.
    #[must_use]
    pub fn rules(&self, target: &str) -> Option<Arc<[Rule]>> {
        self.rules.get(target).map(Arc::clone)
    }

    /// What is planted in one answer of a session.
    #[must_use]
    pub fn planter(&self, session: &str, identity: &Identity) -> Planter {
        Planter {
            keys: self.keys.clone(),
            session: Ulid::from_string(session).map_or(0, |ulid| ulid.0),
            identity: Some(identity.clone()),
            minted: HashMap::new(),
            planted: Vec::new(),
        }
    }

    /// The decoys in a text that somebody presents. Costs next to nothing where there are none.
    #[must_use]
    pub fn recognise(&self, text: &[u8], place: DecoyPlace) -> Vec<DecoyUse> {
        self.keys.find(text).iter().take(MAX_USES).map(|found| self.told(found, place)).collect()
    }

    /// A text with every decoy in it blotted out, for the record.
    #[must_use]
    pub fn blotted(&self, text: &str) -> String {
        let mut out = String::with_capacity(text.len());
        let mut at = 0;
        for found in self.keys.find(text.as_bytes()) {
            out.push_str(text.get(at..found.range.start).unwrap_or_default());
            out.push_str(BLOT);
            at = found.range.end;
        }
        out.push_str(text.get(at..).unwrap_or_default());
        out
    }

    /// Whom a use by nobody known is recorded under: the identity of the decoy's own session if this gateway planted
    /// it not long ago, since there the movement began; otherwise one that says from where it was presented.
    #[must_use]
    pub fn suspect(&self, presented: &[DecoyUse], source: &Source) -> Identity {
        let sessions = self.sessions.lock().unwrap_or_else(PoisonError::into_inner);
        let known = presented.iter().filter_map(|used| Ulid::from_string(&used.session).ok());
        if let Some(identity) = known.into_iter().find_map(|session| sessions.find(session.0)) {
            return identity.clone();
        }
        let from = source.address.map_or_else(|| "nowhere".to_owned(), |address| address.to_string());
        Identity::rooted(
            String::new(),
            Principal { id: format!("unknown:{from}"), kind: PrincipalKind::Workload },
            Vec::new(),
        )
    }

    /// Remembers whose session something was planted in.
    pub fn remember(&self, planter: &mut Planter) {
        if let Some(identity) = planter.identity.take() {
            self.sessions.lock().unwrap_or_else(PoisonError::into_inner).insert(planter.session, identity);
        }
    }

    fn told(&self, found: &Found, place: DecoyPlace) -> DecoyUse {
        let Origin { session, target, field, .. } = found.origin;
        let unknown = |number: u32| format!("#{number:08x}");
        // Of a host's form, a word in a command says where it leads.
        let place = match (place, found.form) {
            (DecoyPlace::Command, Form::Base32) => DecoyPlace::Destination,
            (place, _) => place,
        };
        DecoyUse {
            session: Ulid(session).to_string(),
            field: self.fields.get(&(target, field)).cloned().unwrap_or_else(|| unknown(field)),
            target: self.targets.get(&target).cloned().unwrap_or_else(|| unknown(target)),
            place,
        }
    }
}

impl Sessions {
    fn insert(&mut self, session: u128, identity: Identity) {
        if self.young.len() >= MAX_SESSIONS / 2 {
            self.old = std::mem::take(&mut self.young);
        }
        self.young.insert(session, identity);
    }

    fn find(&self, session: u128) -> Option<&Identity> {
        self.young.get(&session).or_else(|| self.old.get(&session))
    }
}

/// Makes the decoys of one session, and gathers what is to be recorded of them.
#[derive(Debug)]
pub struct Planter {
    keys: Keys,
    session: u128,
    /// Until it is remembered.
    identity: Option<Identity>,
    /// Decoys by rule and variant: rows repeat values.
    minted: HashMap<(u32, u16), String>,
    planted: Vec<Disclosure>,
}

impl Planter {
    /// What stands in a value's place.
    pub fn plant(&mut self, rule: &Rule, value: &[u8]) -> String {
        /// Values remembered; more are minted each time.
        const MAX_MINTED: usize = 4 * 1024;
        let (field, variant) = (number("field", &rule.name()), self.keys.variant(value));
        if let Some(decoy) = self.minted.get(&(field, variant)) {
            return decoy.clone();
        }
        let origin = Origin { session: self.session, target: number("target", &rule.target), field, variant };
        let core = self.keys.mint(origin, rule.shape.form);
        let decoy = format!("{}{core}{}", rule.shape.prefix, rule.shape.suffix);
        if self.planted.len() < MAX_PLANTED {
            let (value, target) = (fingerprint(&decoy), Some(rule.target.clone()));
            self.planted.push(Disclosure { kind: DisclosureKind::Decoy, value, target });
        }
        if self.minted.len() < MAX_MINTED {
            self.minted.insert((field, variant), decoy.clone());
        }
        decoy
    }

    /// What was planted since the last call, for the record.
    pub fn take(&mut self) -> Vec<Disclosure> {
        std::mem::take(&mut self.planted)
    }
}

/// What a record says of a use.
#[must_use]
pub fn words(presented: &[DecoyUse]) -> String {
    let uses = presented.iter().map(|used| {
        format!(
            "a decoy of {} {} from session {} was presented ({})",
            used.target, used.field, used.session, used.place
        )
    });
    uses.collect::<Vec<_>>().join("; ")
}

/// What a record says of a decoy: enough to find it again by, and nothing to use.
#[must_use]
pub fn fingerprint(decoy: &str) -> String {
    let digest = Sha256::digest(decoy.as_bytes());
    digest.iter().take(16).fold(String::with_capacity(32), |hex, byte| hex + &format!("{byte:02x}"))
}

/// The number that stands for a name of this kind in a decoy: the same at every gateway.
fn number(kind: &str, name: &str) -> u32 {
    let digest = Sha256::new().chain_update(kind).chain_update([0]).chain_update(name).finalize();
    digest.first_chunk::<4>().map_or(0, |bytes| u32::from_be_bytes(*bytes))
}

#[cfg(test)]
mod tests;
