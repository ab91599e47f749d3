//! What responses teach: matches bytes that flow to a client against the inventory of systems worth recognising.
//! Owns which words give a system away, and where a word ends. Keeps nothing of a response but the inventory's own
//! words found in it, and refuses words that would be found everywhere.
//!
//! A word is recognised as it stands, whatever the case of its letters: in a URL, before a port, after a schema, after
//! an escape of JSON or of a URL. It is recognised in base64, too (RFC 4648 sections 4 and 5), padded or not, wrapped
//! or not, by the same rules of where it begins and ends, if the run it stands in has 12 characters with its padding.
//! Not recognised are a part of a word, such as the first label of a host name, unless it is listed as an alias; other
//! encodings, such as hexadecimal; base64 in base64; and base64 of compressed or UTF-16 text.
//!
//! Contract: however a response is cut into pieces, the same disclosures are found; each is told once per scan, at
//! most [`MAX_DISCLOSURES`] of them. Of more than that, the cuts may decide which.

mod alphabet;
mod block;
mod bound;
mod encoded;
mod filter;
mod index;
mod rows;
mod run;
mod scan;
mod text;

pub use scan::Scan;

use bound::Shape;
use index::Index;
use interdict_schemas::{Disclosure, DisclosureKind};
use std::collections::HashMap;
use std::net::IpAddr;
use std::sync::Arc;

/// Disclosures that one scan tells of; whoever was taught more is known to be taught enough.
pub const MAX_DISCLOSURES: usize = 1_000;
/// Shorter words are found everywhere.
const MIN_WORD: usize = 3;
/// A DNS name has at most 253 bytes (RFC 1035 section 3.1); this bounds what a scan holds back.
const MAX_WORD: usize = 253;

/// Words that stand in ordinary responses and so give nothing away. Lower case, sorted.
const COMMON: &[&str] = &[
    "account",
    "admin",
    "administrator",
    "anonymous",
    "api",
    "app",
    "application",
    "backup",
    "cache",
    "client",
    "cluster",
    "config",
    "data",
    "database",
    "default",
    "demo",
    "deploy",
    "dev",
    "development",
    "email",
    "example",
    "false",
    "group",
    "guest",
    "host",
    "hostname",
    "http",
    "https",
    "info",
    "internal",
    "kubernetes",
    "local",
    "localhost",
    "main",
    "master",
    "name",
    "nobody",
    "node",
    "none",
    "null",
    "owner",
    "password",
    "postgres",
    "prod",
    "production",
    "proxy",
    "public",
    "queue",
    "read",
    "replica",
    "role",
    "root",
    "secret",
    "server",
    "service",
    "ssh",
    "staging",
    "status",
    "system",
    "target",
    "test",
    "testing",
    "token",
    "true",
    "ubuntu",
    "user",
    "username",
    "users",
    "web",
    "write",
    "www",
];

/// One system worth recognising.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Entry {
    /// The inventory's name; recognised itself.
    pub name: String,
    /// Its host name or address, if known.
    pub host: Option<String>,
    /// Other names by which it is known.
    pub aliases: Vec<String>,
    /// Addresses by which it is known.
    pub addresses: Vec<IpAddr>,
    /// Account names that give it away.
    pub accounts: Vec<String>,
}

/// What an alias or account name cannot be. Whose fault: the configuration's.
#[derive(Debug, thiserror::Error, PartialEq, Eq)]
pub enum Error {
    /// Too short to mean anything.
    #[error(
        "inventory entry {entry}: the {kind} {word:?} is shorter than {MIN_WORD} bytes and would be found everywhere; leave it out or give the full name"
    )]
    Short {
        /// The entry's name.
        entry: String,
        /// Alias or account.
        kind: DisclosureKind,
        /// The word.
        word: String,
    },
    /// Longer than any name.
    #[error("inventory entry {entry}: the {kind} starting {start:?} is longer than {MAX_WORD} bytes; shorten it")]
    Long {
        /// The entry's name.
        entry: String,
        /// Alias or account.
        kind: DisclosureKind,
        /// Its first characters.
        start: String,
    },
    /// White space or control characters.
    #[error(
        "inventory entry {entry}: the {kind} {word:?} holds white space or control characters; give one name per element"
    )]
    Spaced {
        /// The entry's name.
        entry: String,
        /// Alias or account.
        kind: DisclosureKind,
        /// The word.
        word: String,
    },
    /// More than the automaton can hold.
    #[error("the inventory is too large to be matched: {0}; list fewer systems")]
    Large(String),
}

/// A word of the inventory that is not looked for, and why. Its entry is recognised by its other words only.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("inventory entry {entry}: the {kind} {word:?} is not looked for: {why}")]
pub struct Warning {
    /// The entry's name.
    pub entry: String,
    /// Host name, address, alias or account.
    pub kind: DisclosureKind,
    /// The word.
    pub word: String,
    /// The reason, and what to do.
    pub why: &'static str,
}

/// Every system worth recognising, ready to be matched. Cheap to clone.
#[derive(Debug, Clone)]
pub struct Inventory {
    index: Arc<Index>,
    addresses: Arc<HashMap<IpAddr, String>>,
    warnings: Arc<[Warning]>,
}

impl Inventory {
    /// Builds the automaton. Names and hosts that cannot be told from ordinary text are left out with a warning.
    ///
    /// # Errors
    /// When an alias or account is too short, too long or not one word, or the whole is too large.
    pub fn new(entries: impl IntoIterator<Item = Entry>) -> Result<Self, Error> {
        let mut words = Words::default();
        let mut addresses = HashMap::new();
        for entry in entries {
            words.add(&entry)?;
            let host = entry.host.as_deref().and_then(|host| host.parse().ok());
            for address in entry.addresses.into_iter().chain(host).map(|address| address.to_canonical()) {
                if telling(address) {
                    addresses.entry(address).or_insert_with(|| entry.name.clone());
                }
            }
        }
        words.add_labels();
        let index = Index::new(words.owners).map_err(|error| Error::Large(error.to_string()))?;
        Ok(Self { index: Arc::new(index), addresses: Arc::new(addresses), warnings: words.warnings.into() })
    }

    /// A scan of one response.
    #[must_use]
    pub fn scan(&self) -> Scan {
        Scan::new(Arc::clone(&self.index))
    }

    /// The system that an address belongs to; of several, the one listed first. Loopback belongs to none.
    #[must_use]
    pub fn target_of_address(&self, address: IpAddr) -> Option<&str> {
        self.addresses.get(&address.to_canonical()).map(String::as_str)
    }

    /// Words that are not looked for.
    #[must_use]
    pub fn warnings(&self) -> &[Warning] {
        &self.warnings
    }
}

/// Words with all the things each stands for.
#[derive(Default)]
struct Words {
    owners: HashMap<String, Vec<(Shape, Disclosure)>>,
    // First labels of host names, with the one host that each can only mean.
    labels: HashMap<String, Option<Disclosure>>,
    warnings: Vec<Warning>,
}

impl Words {
    fn add(&mut self, entry: &Entry) -> Result<(), Error> {
        for address in &entry.addresses {
            self.address(entry, address.to_canonical());
        }
        if let Some(host) = &entry.host {
            match host.parse::<IpAddr>() {
                Ok(address) => self.address(entry, address.to_canonical()),
                Err(_) => {
                    self.implied(entry, DisclosureKind::HostName, host.trim_end_matches('.'));
                    self.label(entry, host);
                }
            }
        }
        // A name with no host behind it is what people call the host.
        let kind = if entry.host.is_some() { DisclosureKind::Alias } else { DisclosureKind::HostName };
        self.implied(entry, kind, &entry.name);
        for alias in &entry.aliases {
            match alias.parse::<IpAddr>() {
                Ok(address) => self.address(entry, address.to_canonical()),
                Err(_) => self.given(entry, DisclosureKind::Alias, alias.trim_end_matches('.'))?,
            }
        }
        for account in &entry.accounts {
            self.given(entry, DisclosureKind::Account, account)?;
        }
        Ok(())
    }

    /// People and files call `bastion-2.prod.example` by its first label. It counts where it cannot mean another host, and
    /// is no ordinary word: those have neither digit nor hyphen.
    fn label(&mut self, entry: &Entry, host: &str) {
        let Some((label, _)) = host.split_once('.') else { return };
        let is_telling = label.len() > MIN_WORD && label.bytes().any(|byte| byte.is_ascii_digit() || byte == b'-');
        if is_telling && check(entry, DisclosureKind::HostName, label).is_ok() {
            let kind = DisclosureKind::HostName;
            let disclosure = Disclosure { kind, value: label.to_owned(), target: Some(entry.name.clone()) };
            let is_other = |known: &mut Option<Disclosure>| *known = known.take().filter(|one| *one == disclosure);
            let known = self.labels.entry(label.to_ascii_lowercase());
            known.and_modify(is_other).or_insert_with(|| Some(disclosure.clone()));
        }
    }

    fn add_labels(&mut self) {
        for (label, disclosure) in std::mem::take(&mut self.labels) {
            // One that somebody gave means what they said.
            if let Some(disclosure) = disclosure {
                self.owners.entry(label).or_insert_with(|| vec![(Shape::Name, disclosure)]);
            }
        }
    }

    fn address(&mut self, entry: &Entry, address: IpAddr) {
        if telling(address) {
            let shape = if address.is_ipv4() { Shape::V4 } else { Shape::V6 };
            self.insert(entry, shape, DisclosureKind::Address, &address.to_string());
        } else {
            self.warn(entry, DisclosureKind::Address, &address.to_string(), "every machine has it");
        }
    }

    /// A word that came with the entry: one that does not do is left out.
    fn implied(&mut self, entry: &Entry, kind: DisclosureKind, word: &str) {
        match check(entry, kind, word) {
            Ok(()) => self.uncommon(entry, kind, word),
            Err(_) => self.warn(entry, kind, word, "it is too short, too long or not one word; add an alias that is"),
        }
    }

    /// A word that was given in order to be found: one that does not do is a mistake.
    fn given(&mut self, entry: &Entry, kind: DisclosureKind, word: &str) -> Result<(), Error> {
        check(entry, kind, word)?;
        self.uncommon(entry, kind, word);
        Ok(())
    }

    fn uncommon(&mut self, entry: &Entry, kind: DisclosureKind, word: &str) {
        if COMMON.binary_search(&word.to_ascii_lowercase().as_str()).is_ok() {
            self.warn(entry, kind, word, "it is an ordinary word; add one that only this system has");
        } else {
            let shape = if kind == DisclosureKind::Account { Shape::Account } else { Shape::Name };
            self.insert(entry, shape, kind, word);
        }
    }

    fn insert(&mut self, entry: &Entry, shape: Shape, kind: DisclosureKind, word: &str) {
        let owners = self.owners.entry(word.to_ascii_lowercase()).or_default();
        let target = Some(entry.name.clone());
        // One word of one system is told once, as the first thing it was called; an account is another thing.
        if !owners.iter().any(|(have, disclosure)| *have == shape && disclosure.target == target) {
            owners.push((shape, Disclosure { kind, value: word.to_owned(), target }));
        }
    }

    fn warn(&mut self, entry: &Entry, kind: DisclosureKind, word: &str, why: &'static str) {
        self.warnings.push(Warning { entry: entry.name.clone(), kind, word: word.to_owned(), why });
    }
}

fn check(entry: &Entry, kind: DisclosureKind, word: &str) -> Result<(), Error> {
    let name = || entry.name.clone();
    if word.len() < MIN_WORD {
        Err(Error::Short { entry: name(), kind, word: word.to_owned() })
    } else if word.len() > MAX_WORD {
        Err(Error::Long { entry: name(), kind, start: word.chars().take(32).collect() })
    } else if word.chars().any(|c| c.is_whitespace() || c.is_control()) {
        Err(Error::Spaced { entry: name(), kind, word: word.to_owned() })
    } else {
        Ok(())
    }
}

/// Whether an address tells one machine from another.
fn telling(address: IpAddr) -> bool {
    let own = [IpAddr::from([127, 0, 0, 1]), IpAddr::from([0, 0, 0, 0, 0, 0, 0, 1])];
    !own.contains(&address) && !address.is_unspecified()
}

#[cfg(test)]
mod tests;
