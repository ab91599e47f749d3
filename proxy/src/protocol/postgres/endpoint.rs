//! The hash of a certificate for SCRAM's channel binding `tls-server-end-point` (RFC 5929 section 4.1). Owns just as
//! much of DER as finds the signature algorithm. Refuses, by giving none, an algorithm that names no hash.

use sha2::{Digest, Sha256, Sha384, Sha512};

/// Object identifiers of signature algorithms, as DER encodes them, and the hash each stands for.
const SHA256: &[&[u8]] = &[
    // sha1WithRSAEncryption and ecdsa-with-SHA1 are to be hashed with SHA-256.
    &[0x2a, 0x86, 0x48, 0x86, 0xf7, 0x0d, 0x01, 0x01, 0x05],
    &[0x2a, 0x86, 0x48, 0xce, 0x3d, 0x04, 0x01],
    &[0x2a, 0x86, 0x48, 0x86, 0xf7, 0x0d, 0x01, 0x01, 0x0b],
    &[0x2a, 0x86, 0x48, 0xce, 0x3d, 0x04, 0x03, 0x02],
];
const SHA384: &[&[u8]] =
    &[&[0x2a, 0x86, 0x48, 0x86, 0xf7, 0x0d, 0x01, 0x01, 0x0c], &[0x2a, 0x86, 0x48, 0xce, 0x3d, 0x04, 0x03, 0x03]];
const SHA512: &[&[u8]] =
    &[&[0x2a, 0x86, 0x48, 0x86, 0xf7, 0x0d, 0x01, 0x01, 0x0d], &[0x2a, 0x86, 0x48, 0xce, 0x3d, 0x04, 0x03, 0x04]];

const SEQUENCE: u8 = 0x30;
const OBJECT: u8 = 0x06;

/// The hash, if the certificate's signature algorithm names one.
pub(super) fn hash(certificate: &[u8]) -> Option<Vec<u8>> {
    let (body, _) = element(certificate, SEQUENCE)?;
    let (_, rest) = element(body, SEQUENCE)?;
    let (algorithm, _) = element(rest, SEQUENCE)?;
    let (object, _) = element(algorithm, OBJECT)?;
    if SHA256.contains(&object) {
        Some(Sha256::digest(certificate).to_vec())
    } else if SHA384.contains(&object) {
        Some(Sha384::digest(certificate).to_vec())
    } else if SHA512.contains(&object) {
        Some(Sha512::digest(certificate).to_vec())
    } else {
        None
    }
}

/// The contents of the DER element at the front, which must have this tag, and what follows it.
fn element(bytes: &[u8], tag: u8) -> Option<(&[u8], &[u8])> {
    let (&found, rest) = bytes.split_first()?;
    let (&first, rest) = rest.split_first()?;
    if found != tag {
        return None;
    }
    let (length, rest) = if first < 0x80 {
        (usize::from(first), rest)
    } else {
        let (length, rest) = rest.split_at_checked(usize::from(first & 0x7f))?;
        if length.len() > 4 {
            return None;
        }
        (length.iter().fold(0, |sum, &byte| sum << 8 | usize::from(byte)), rest)
    };
    rest.split_at_checked(length)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn certificates_are_hashed_as_their_signature_says() {
        let signed = rcgen::generate_simple_self_signed(["localhost".to_owned()]).unwrap();
        let der = signed.cert.der();
        assert_eq!(hash(der), Some(Sha256::digest(der).to_vec()));
        for end in 0..der.len() {
            hash(&der[..end]);
        }
        assert_eq!(hash(b""), None);
    }
}
