//! Signs how the chains of a local log stand. Owns the signing keys; refuses a key file that others can read.
//!
//! The file holds secret Ed25519 seeds, 64 hexadecimal digits a line. The first line signs. To rotate, put a new line
//! before it (`openssl rand -hex 32`) and restart: the log's next word is still signed with the old key and names the new
//! one, so that whoever trusts the old key trusts what follows. Then the old line can go. The public keys are written
//! beside the file, with `.pub` behind its name.

use crate::{Error, embedded::Embedded};
use aws_lc_rs::signature::{Ed25519KeyPair, KeyPair as _};
use interdict_schemas::{Checkpoint, Digest, Time, Topic};
use std::{
    fs::{self, OpenOptions},
    io::{self, Write as _},
    os::unix::fs::{OpenOptionsExt as _, PermissionsExt as _},
    path::Path,
    time::{SystemTime, UNIX_EPOCH},
};

/// Its name beside the store.
pub const FILE: &str = "chain_key";

/// The key that signs, and those that did.
#[derive(Debug)]
pub struct Signer {
    current: Ed25519KeyPair,
    earlier: Vec<Ed25519KeyPair>,
}

/// What a word is about.
pub(crate) struct Standing<'a> {
    pub(crate) proxy: &'a str,
    pub(crate) spool: &'a str,
    pub(crate) chain: Topic,
    pub(crate) sequence: u64,
    pub(crate) head: Digest,
}

impl Signer {
    /// Reads the file, or makes it where there is none.
    ///
    /// # Errors
    /// When it cannot be made or read, others can read it, or it holds no keys.
    pub fn open(path: &Path) -> Result<Self, Error> {
        let wrong = |detail: String| Error::Key { path: path.to_owned(), detail };
        if !path.exists() {
            make(path).map_err(|error| wrong(error.to_string()))?;
        }
        let mode = fs::metadata(path).map_err(|error| wrong(error.to_string()))?.permissions().mode();
        if mode & 0o077 != 0 {
            return Err(wrong("others can read it; `chmod 600` it, and change the key if somebody did".to_owned()));
        }
        let text = fs::read_to_string(path).map_err(|error| wrong(error.to_string()))?;
        let mut keys = Vec::new();
        for (number, line) in text.lines().map(str::trim).enumerate().filter(|(_, line)| !line.is_empty()) {
            let pair = seed(line).and_then(|seed| Ed25519KeyPair::from_seed_unchecked(&seed).ok());
            let number = number + 1;
            keys.push(pair.ok_or_else(|| wrong(format!("line {number} is not 64 hexadecimal digits")))?);
        }
        let mut keys = keys.into_iter();
        let current = keys.next().ok_or_else(|| wrong("it holds no key; remove it to have one made".to_owned()))?;
        let signer = Self { current, earlier: keys.collect() };
        let public: String = signer.pairs().map(|pair| format!("{}\n", Digest(public(pair)))).collect();
        let beside = path.with_extension("pub");
        if fs::read_to_string(&beside).is_ok_and(|found| found == public) {
            return Ok(signer);
        }
        fs::write(&beside, public)
            .map_err(|error| wrong(format!("{} cannot be written: {error}", beside.display())))?;
        Ok(signer)
    }

    fn pairs(&self) -> impl Iterator<Item = &Ed25519KeyPair> {
        std::iter::once(&self.current).chain(&self.earlier)
    }

    /// The public key that signs.
    #[must_use]
    pub fn key(&self) -> [u8; 32] {
        public(&self.current)
    }

    /// Signs something else than a chain. The bytes must begin with a word for their purpose (see `schemas::chain`), so
    /// that no signature passes for one of another kind.
    #[must_use]
    pub fn seal(&self, bytes: &[u8]) -> [u8; 64] {
        let mut signature = [0; 64];
        signature.copy_from_slice(self.current.sign(bytes).as_ref());
        signature
    }

    /// A signed word.
    pub(crate) fn sign(&self, standing: &Standing<'_>) -> Checkpoint {
        signed(&self.current, standing, None)
    }

    /// A word of the key that signed until now, which names the one that signs from here on; nothing where that is the
    /// same, or its secret is gone.
    pub(crate) fn hand_over(&self, last: &[u8; 32], standing: &Standing<'_>) -> Option<Checkpoint> {
        let old = self.earlier.iter().find(|pair| public(pair) == *last)?;
        Some(signed(old, standing, Some(self.key())))
    }
}

/// The keyspace entry under which a log keeps the public key that signed last.
pub(crate) fn signed_last(log: &Embedded) -> Result<Option<[u8; 32]>, Error> {
    Ok(log.note(FILE)?.and_then(|bytes| bytes.try_into().ok()))
}

fn signed(pair: &Ed25519KeyPair, standing: &Standing<'_>, successor: Option<[u8; 32]>) -> Checkpoint {
    let Standing { proxy, spool, chain, sequence, head } = standing;
    let mut checkpoint = Checkpoint {
        proxy: (*proxy).to_owned(),
        spool: (*spool).to_owned(),
        chain: *chain,
        sequence: *sequence,
        head: *head,
        time: now(),
        key: public(pair),
        successor,
        signature: [0; 64],
    };
    let signature = pair.sign(&checkpoint.signed());
    checkpoint.signature.copy_from_slice(signature.as_ref());
    checkpoint
}

fn public(pair: &Ed25519KeyPair) -> [u8; 32] {
    pair.public_key().as_ref().try_into().unwrap_or_default()
}

fn now() -> Time {
    let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    Time(i64::try_from(since.as_micros()).unwrap_or(i64::MAX))
}

fn seed(line: &str) -> Option<[u8; 32]> {
    let (pairs, rest) = line.as_bytes().as_chunks::<2>();
    let byte = |pair: &[u8; 2]| u8::from_str_radix(std::str::from_utf8(pair).ok()?, 16).ok();
    let bytes: Vec<u8> = pairs.iter().map(byte).collect::<Option<_>>()?;
    if rest.is_empty() { bytes.try_into().ok() } else { None }
}

fn make(path: &Path) -> io::Result<()> {
    let mut seed = [0; 32];
    aws_lc_rs::rand::fill(&mut seed).map_err(|_| io::Error::other("the system gives no random numbers"))?;
    let mut file = OpenOptions::new().write(true).create_new(true).mode(0o600).open(path)?;
    writeln!(file, "{}", Digest(seed))?;
    file.sync_all()
}

#[cfg(test)]
mod tests {
    use super::*;
    use aws_lc_rs::signature::{ED25519, UnparsedPublicKey};
    use interdict_schemas::chain;

    fn standing() -> Standing<'static> {
        let head = chain::genesis("s", Topic::Events, 0);
        Standing { proxy: "gw", spool: "s", chain: Topic::Events, sequence: 0, head }
    }

    fn holds(checkpoint: &Checkpoint) -> bool {
        UnparsedPublicKey::new(&ED25519, checkpoint.key).verify(&checkpoint.signed(), &checkpoint.signature).is_ok()
    }

    #[test]
    fn a_word_holds_only_as_it_was_signed() {
        let folder = tempfile::tempdir().expect("folder");
        let signer = Signer::open(&folder.path().join(FILE)).expect("made");
        let mut word = signer.sign(&standing());
        assert!(holds(&word));
        word.sequence += 1;
        assert!(!holds(&word));
        let again = Signer::open(&folder.path().join(FILE)).expect("read");
        assert_eq!(again.key(), signer.key());
    }

    #[test]
    fn the_old_key_names_the_new_one() {
        let folder = tempfile::tempdir().expect("folder");
        let path = folder.path().join(FILE);
        let old = Signer::open(&path).expect("made").key();
        let text = fs::read_to_string(&path).expect("read");
        fs::write(&path, format!("{}\n{text}", "07".repeat(32))).expect("write");
        let rotated = Signer::open(&path).expect("read");
        let word = rotated.hand_over(&old, &standing()).expect("handed over");
        assert!(holds(&word));
        assert_eq!((word.key, word.successor), (old, Some(rotated.key())));
        assert!(rotated.hand_over(&rotated.key(), &standing()).is_none());
        let public = fs::read_to_string(path.with_extension("pub")).expect("public keys");
        assert_eq!(public.lines().count(), 2);
    }

    #[test]
    fn what_is_no_key_file_is_refused_with_advice() {
        let folder = tempfile::tempdir().expect("folder");
        let check = |content: &str, mode: u32, expected: &str| {
            let path = folder.path().join(FILE);
            fs::write(&path, content).expect("write");
            fs::set_permissions(&path, fs::Permissions::from_mode(mode)).expect("mode");
            let error = Signer::open(&path).expect_err("refused").to_string();
            assert!(error.contains(expected), "{error}");
        };
        check("", 0o600, "holds no key");
        check("abc\n", 0o600, "line 1 is not 64 hexadecimal digits");
        check(&"0é".repeat(22), 0o600, "line 1");
        check(&"07".repeat(32), 0o644, "others can read it");
    }
}
