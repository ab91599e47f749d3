//! Whether an archive is the case that was signed: every file of the list, with the bytes that it names, and no other.

use super::archive::Reader;
use super::manifest::{FORMAT, Manifest, NAME, SIGNATURE};
use aws_lc_rs::signature::{ED25519, UnparsedPublicKey};
use interdict_schemas::{Digest, chain};
use sha2::{Digest as _, Sha256};
use std::collections::HashMap;
use std::io::{self, BufRead, BufReader, Read};

/// The longest list, and the most files.
const MAX_LIST: u64 = 64 << 20;
const MAX_FILES: usize = 1_000_000;
/// How a frame of Zstandard begins (RFC 8878).
const ZSTD: [u8; 4] = [0x28, 0xb5, 0x2f, 0xfd];

/// What was found.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Checked {
    /// The alert that it is about, as its list says.
    pub alert: String,
    /// The key that its list names, in hexadecimal digits.
    pub key: String,
    /// Files that are as they were signed.
    pub files: usize,
    /// What is wrong; nothing if it is the case that was signed.
    pub faults: Vec<String>,
}

/// A file as it is in the archive.
struct Found {
    bytes: u64,
    digest: Digest,
}

/// Reads an archive, compressed or not. `key` is the public key that must have signed it; without one, the signature
/// proves no more than that the list is whole since whoever has the key it names made it.
///
/// # Errors
/// When it cannot be read.
pub fn check(archive: impl Read, key: Option<[u8; 32]>) -> io::Result<Checked> {
    let mut archive = BufReader::new(archive);
    let compressed = archive.fill_buf()?.starts_with(&ZSTD);
    let inner: Box<dyn Read + '_> =
        if compressed { Box::new(zstd::Decoder::with_buffer(archive)?) } else { Box::new(archive) };
    let mut faults = Vec::new();
    let (mut list, mut signature, mut found) = (Vec::new(), Vec::new(), HashMap::new());
    let mut reader = Reader::new(inner);
    loop {
        let member = match reader.next() {
            Ok(Some(member)) => member,
            Ok(None) => break,
            Err(fault) => {
                faults.push(fault);
                break;
            }
        };
        let kept = match member.name.as_str() {
            NAME => Some(&mut list),
            SIGNATURE => Some(&mut signature),
            _ => None,
        };
        if let Some(kept) = kept {
            if !kept.is_empty() || member.size == 0 || member.size > MAX_LIST {
                faults.push(format!("{} stands twice in it, or is empty or too long", member.name));
                break;
            }
            if let Err(error) = reader.by_ref().take(MAX_LIST).read_to_end(kept) {
                faults.push(format!("{} cannot be read: {error}", member.name));
                break;
            }
            continue;
        }
        let mut hash = Sha256::new();
        match io::copy(&mut reader, &mut hash) {
            Ok(bytes) => {
                let file = Found { bytes, digest: Digest(hash.finalize().into()) };
                if found.len() >= MAX_FILES || found.insert(member.name.clone(), file).is_some() {
                    faults.push(format!("{} stands twice in it, or there are too many files", member.name));
                    break;
                }
            }
            Err(error) => {
                faults.push(format!("{} cannot be read: {error}", member.name));
                break;
            }
        }
    }
    Ok(compare(&list, &signature, found, key, faults))
}

fn compare(
    list: &[u8],
    signature: &[u8],
    mut found: HashMap<String, Found>,
    key: Option<[u8; 32]>,
    mut faults: Vec<String>,
) -> Checked {
    let manifest: Manifest = match serde_json::from_slice(list) {
        Ok(manifest) => manifest,
        Err(error) => {
            faults.push(format!("{NAME} cannot be read, so that nothing of it is proven: {error}"));
            return Checked { alert: String::new(), key: String::new(), files: 0, faults };
        }
    };
    if manifest.format != FORMAT {
        faults.push(format!("its form is {}, this build knows {FORMAT}", manifest.format.escape_debug()));
    }
    let named: Option<[u8; 32]> = digits(&manifest.key).and_then(|key| key.try_into().ok());
    match (named, key) {
        (Some(named), Some(key)) if named != key => {
            faults.push(format!("it is signed with the key {}, not with the one that was given", manifest.key));
        }
        _ => {}
    }
    let written = std::str::from_utf8(signature).ok().and_then(|text| digits(text.strip_suffix('\n')?));
    let holds = named.zip(written);
    let holds = holds.is_some_and(|(named, signature)| {
        UnparsedPublicKey::new(&ED25519, named).verify(&chain::case(list), &signature).is_ok()
    });
    if !holds {
        faults.push(format!("the signature does not hold: {NAME} is not what was signed"));
    }
    let mut files = 0;
    for file in &manifest.files {
        match found.remove(&file.name) {
            None => faults.push(format!("{} is missing", file.name.escape_debug())),
            Some(is) if is.bytes != file.bytes || is.digest.to_string() != file.sha256 => {
                faults.push(format!("{} is not what was signed", file.name));
            }
            Some(_) => files += 1,
        }
    }
    let mut more: Vec<_> = found.into_keys().collect();
    more.sort();
    faults.extend(more.into_iter().map(|name| format!("{name} was put in: {NAME} does not name it")));
    Checked { alert: manifest.alert, key: manifest.key, files, faults }
}

/// Bytes as they are written here: two lower-case digits each, so that there is one way to write them.
fn digits(text: &str) -> Option<Vec<u8>> {
    let (pairs, rest) = text.as_bytes().as_chunks::<2>();
    let plain = text.bytes().all(|byte| matches!(byte, b'0'..=b'9' | b'a'..=b'f'));
    let byte = |pair: &[u8; 2]| u8::from_str_radix(std::str::from_utf8(pair).ok()?, 16).ok();
    if rest.is_empty() && plain { pairs.iter().map(byte).collect() } else { None }
}
