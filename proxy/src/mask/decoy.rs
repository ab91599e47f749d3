//! The scheme of decoys: from a key, and back from the string alone. No list of decoys is kept anywhere.
//!
//! A decoy's core stands for 26 bytes: session (a ULID's 16), target (4) and field (4) by the hashes of their names,
//! and a digest of the value it stands for (2), so that different rows look different. They are sealed in the manner
//! of SIV (RFC 5297): an 80-bit tag, the truncated HMAC-SHA256 of the bytes under one key, is also what a keystream
//! of HMAC-SHA256 under another starts from, and the bytes are encrypted with that. The same bytes make the same
//! decoy, without a nonce to store; without the key a core cannot be told from random characters. The 36 bytes are
//! written in one of three alphabets, at a fixed length each; what the alphabet has to spare is filled from the
//! keystream, and checked.
//!
//! - Forgery, and false positives: a string of the right length and alphabet passes with a chance of 2^-80 for each
//!   accepted key. Each word is tried at most [`MOST_TRIES`] times. A thousand million candidate words a day for a
//!   hundred years, with two keys, make a false alarm with a chance below 2^-31.
//! - Collisions of tags matter from some 2^40 decoys on; they would show that two decoys differ, and how.
//! - Rotation: the first key of the file mints; all are accepted. A new key goes in front, and an old one is removed
//!   when what it minted need not be recognised any more.
//! - Lengths: 49 characters of base 62, 58 of base 32 (a DNS label has 63; case does not count), 72 hexadecimal
//!   digits.
//!
//! INVARIANT: a core stands in the text as a word of its own, or with up to [`GLUE`] characters of its alphabet glued
//! to one of its ends (to 63 in all for base 32), so that a prefix that this gateway's rules do not know hides
//! nothing.

pub use super::form::Form;

use super::form::{SEALED, digits, write};
use hmac::{Hmac, Mac};
use sha2::Sha256;
use std::ops::Range;
use zeroize::Zeroizing;

/// Bytes of a key.
pub const KEY: usize = 32;
/// Keys in one file.
const MAX_KEYS: usize = 8;
/// Characters that a prefix or suffix may add to the core's word.
pub const GLUE: usize = 16;
/// What the longest DNS label leaves a host's prefix.
pub const HOST_GLUE: usize = LABEL - Form::Base32.digits();
/// Times that one word is tried for each key.
pub const MOST_TRIES: usize = 4;

/// What every JWT begins with: `{"` in base 64. Passwords here are JWTs, and their pieces have just the length of a
/// core.
const JWT: &[u8] = b"eyJ";

const PAYLOAD: usize = 26;
const TAG: usize = 10;
const _: () = assert!(TAG + PAYLOAD == SEALED);
/// Octets of a DNS label (RFC 1035 section 2.3.4).
const LABEL: usize = 63;
/// The shortest and the longest word that can be or hold a core.
const SHORTEST: usize = Form::Base62.digits();
const LONGEST: usize = Form::Hex.digits() + GLUE;

/// What a decoy stands for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Origin {
    /// The session it was planted in; a ULID.
    pub session: u128,
    /// Hash of the target's name.
    pub target: u32,
    /// Hash of the field's name.
    pub field: u32,
    /// Digest of the value it stands in the place of.
    pub variant: u16,
}

impl Origin {
    fn payload(self) -> [u8; PAYLOAD] {
        let mut bytes = [0; PAYLOAD];
        let parts = [
            &self.session.to_be_bytes()[..],
            &self.target.to_be_bytes(),
            &self.field.to_be_bytes(),
            &self.variant.to_be_bytes(),
        ];
        for (place, byte) in bytes.iter_mut().zip(parts.into_iter().flatten()) {
            *place = *byte;
        }
        bytes
    }

    fn from_payload(bytes: &[u8; PAYLOAD]) -> Option<Self> {
        let (session, rest) = bytes.split_first_chunk::<16>()?;
        let (target, rest) = rest.split_first_chunk::<4>()?;
        let (field, rest) = rest.split_first_chunk::<4>()?;
        Some(Self {
            session: u128::from_be_bytes(*session),
            target: u32::from_be_bytes(*target),
            field: u32::from_be_bytes(*field),
            variant: u16::from_be_bytes(*rest.first_chunk::<2>()?),
        })
    }
}

/// A decoy found in a text.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Found {
    /// Where its core stands.
    pub range: Range<usize>,
    /// In which characters.
    pub form: Form,
    /// What it stands for.
    pub origin: Origin,
}

/// What is wrong with a key file.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Error {
    /// A line that is no key.
    #[error("line {0} is not a key of {digits} hexadecimal digits", digits = 2 * KEY)]
    Line(usize),
    /// None, or more than can be tried.
    #[error("it holds {0} keys; 1 to {MAX_KEYS} are taken")]
    Count(usize),
}

/// The keys: the first mints, all are accepted.
#[derive(Clone)]
pub struct Keys(Vec<Key>);

impl std::fmt::Debug for Keys {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Keys(..)")
    }
}

/// HMAC states with their keys taken in, so that a try costs two compressions each.
#[derive(Clone)]
struct Key {
    mac: Hmac<Sha256>,
    stream: Hmac<Sha256>,
    value: Hmac<Sha256>,
}

impl Key {
    fn new(secret: &[u8; KEY]) -> Self {
        let derived = |purpose: &[u8]| keyed(&hmac(&keyed(secret), purpose));
        Self { mac: derived(b"decoy tag"), stream: derived(b"decoy stream"), value: derived(b"decoy value") }
    }

    fn seal(&self, origin: Origin, form: Form) -> String {
        let payload = origin.payload();
        let tag = tag(&self.mac, &payload);
        let stream = hmac(&self.stream, &tag);
        let mut sealed = [0; SEALED];
        let encrypted = payload.iter().zip(&stream).map(|(byte, key)| byte ^ key);
        for (place, byte) in sealed.iter_mut().zip(tag.into_iter().chain(encrypted)) {
            *place = byte;
        }
        write(&sealed, filler(&stream, form), form)
    }

    fn open(&self, sealed: &[u8; SEALED], filled: u8, form: Form) -> Option<Origin> {
        let (found, encrypted) = sealed.split_first_chunk::<TAG>()?;
        let stream = hmac(&self.stream, found);
        if filler(&stream, form) != filled {
            return None;
        }
        let mut payload = [0; PAYLOAD];
        for (place, (byte, key)) in payload.iter_mut().zip(encrypted.iter().zip(&stream)) {
            *place = byte ^ key;
        }
        // In constant time: how far a guess is right must not be measurable.
        let differ = tag(&self.mac, &payload).iter().zip(found).fold(0, |differ, (a, b)| differ | (a ^ b));
        if differ == 0 { Origin::from_payload(&payload) } else { None }
    }
}

/// What fills an alphabet's spare room.
fn filler(stream: &[u8; 32], form: Form) -> u8 {
    stream.last().map_or(0, |byte| byte % form.spare())
}

impl Keys {
    /// Reads a key file: one key of 64 hexadecimal digits a line; blank lines and lines that begin with `#` are
    /// passed over.
    ///
    /// # Errors When a line is no key, or there are none or too many.
    pub fn parse(text: &str) -> Result<Self, Error> {
        let lines = text.lines().enumerate().map(|(at, line)| (at, line.trim()));
        let lines = lines.filter(|(_, line)| !line.is_empty() && !line.starts_with('#'));
        let keys = lines.map(|(at, line)| key(line).map(|key| Key::new(&key)).ok_or(Error::Line(at + 1)));
        let keys = keys.collect::<Result<Vec<_>, _>>()?;
        if keys.is_empty() || keys.len() > MAX_KEYS { Err(Error::Count(keys.len())) } else { Ok(Self(keys)) }
    }

    /// The core of a decoy. One in 200,000 would begin like a JWT, which is not looked at; then it is that of the
    /// next variant.
    #[must_use]
    pub fn mint(&self, mut origin: Origin, form: Form) -> String {
        let Some(key) = self.0.first() else { return String::new() };
        loop {
            let core = key.seal(origin, form);
            if !core.as_bytes().starts_with(JWT) {
                return core;
            }
            origin.variant = origin.variant.wrapping_add(1);
        }
    }

    /// The digest of a value: what tells decoys of one field from each other, and says nothing of the value to
    /// whoever has no key.
    #[must_use]
    pub fn variant(&self, value: &[u8]) -> u16 {
        let digest = self.0.first().map(|key| hmac(&key.value, value));
        digest
            .and_then(|digest| digest.first_chunk::<2>().map(|bytes| u16::from_be_bytes(*bytes)))
            .unwrap_or_default()
    }

    /// What a core stands for, if it is one.
    #[must_use]
    pub fn read(&self, core: &[u8], form: Form) -> Option<Origin> {
        let (filled, sealed) = digits(core, form)?;
        self.0.iter().find_map(|key| key.open(&sealed, filled, form))
    }

    /// Every decoy that stands in a text. A text without a word of 49 letters and digits costs a look at every 49th
    /// byte or so.
    #[must_use]
    pub fn find(&self, text: &[u8]) -> Vec<Found> {
        let mut found = Vec::new();
        let mut start = 0;
        while let Some(window) = text.get(start..start + SHORTEST) {
            if let Some(gap) = window.iter().rposition(|byte| !byte.is_ascii_alphanumeric()) {
                start += gap + 1;
                continue;
            }
            let rest = text.get(start..).unwrap_or_default();
            let length = rest.iter().position(|byte| !byte.is_ascii_alphanumeric()).unwrap_or(rest.len());
            let word = rest.get(..length).unwrap_or_default();
            if length <= LONGEST && !word.starts_with(JWT) {
                found.extend(self.word(word).map(|(at, form, origin)| {
                    let begin = start + at;
                    Found { range: begin..begin + form.digits(), form, origin }
                }));
            }
            start += length + 1;
        }
        found
    }

    fn word(&self, word: &[u8]) -> Option<(usize, Form, Origin)> {
        [Form::Base62, Form::Base32, Form::Hex].into_iter().find_map(|form| {
            let most = if form == Form::Base32 { LABEL } else { form.digits() + GLUE };
            let glued = word.len().checked_sub(form.digits()).filter(|_| word.len() <= most)?;
            // Behind what is glued to its front, or before what is glued to its end.
            let places = if glued == 0 { &[0][..] } else { &[glued, 0] };
            places.iter().find_map(|&at| {
                let core = word.get(at..at + form.digits())?;
                Some((at, form, self.read(core, form)?))
            })
        })
    }
}

/// A fresh key as a line of a key file.
#[must_use]
pub fn generate() -> Zeroizing<String> {
    let secret = Zeroizing::new(rand::random::<[u8; KEY]>());
    let mut line = Zeroizing::new(String::with_capacity(2 * KEY + 1));
    for byte in secret.iter() {
        for digit in [byte >> 4, byte & 15] {
            line.push(char::from_digit(u32::from(digit), 16).unwrap_or_default());
        }
    }
    line
}

fn key(line: &str) -> Option<Zeroizing<[u8; KEY]>> {
    let mut key = Zeroizing::new([0; KEY]);
    if line.len() != 2 * KEY {
        return None;
    }
    for (place, pair) in key.iter_mut().zip(line.as_bytes().chunks(2)) {
        let [high, low] = pair else { return None };
        let digit = |byte: u8| char::from(byte).to_digit(16).and_then(|digit| u8::try_from(digit).ok());
        *place = digit(*high)? << 4 | digit(*low)?;
    }
    Some(key)
}

fn keyed(key: &[u8; KEY]) -> Hmac<Sha256> {
    let mut block = sha2::digest::generic_array::GenericArray::default();
    for (place, byte) in block.iter_mut().zip(key) {
        *place = *byte;
    }
    <Hmac<Sha256> as hmac::digest::KeyInit>::new(&block)
}

fn hmac(state: &Hmac<Sha256>, text: &[u8]) -> [u8; 32] {
    let mut mac = state.clone();
    mac.update(text);
    mac.finalize().into_bytes().into()
}

fn tag(mac: &Hmac<Sha256>, payload: &[u8; PAYLOAD]) -> [u8; TAG] {
    let whole = hmac(mac, payload);
    let mut tag = [0; TAG];
    for (place, byte) in tag.iter_mut().zip(whole) {
        *place = byte;
    }
    tag
}

#[cfg(test)]
#[path = "decoy_tests.rs"]
mod tests;
