//! How a core is written: three alphabets, a fixed number of digits each, as one large number. Pure arithmetic; knows
//! nothing of keys.

/// Bytes of a sealed core.
pub(super) const SEALED: usize = 36;

/// In which characters a core is written.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Form {
    /// Digits and letters of both cases.
    Base62,
    /// Lower-case letters and the digits 2 to 7 (RFC 4648); upper case reads as lower.
    Base32,
    /// Lower-case hexadecimal digits.
    Hex,
}

impl Form {
    /// The core's length.
    #[must_use]
    pub const fn digits(self) -> usize {
        match self {
            Self::Base62 => 49,
            Self::Base32 => 58,
            Self::Hex => 72,
        }
    }

    pub(super) const fn alphabet(self) -> &'static [u8] {
        match self {
            Self::Base62 => b"0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz",
            Self::Base32 => b"abcdefghijklmnopqrstuvwxyz234567",
            Self::Hex => b"0123456789abcdef",
        }
    }

    /// How often 2^288 goes into what the digits can write: 62^49 = 13.5 * 2^288, 32^58 = 4 * 2^288, 16^72 = 2^288.
    pub(super) const fn spare(self) -> u8 {
        match self {
            Self::Base62 => 13,
            Self::Base32 => 4,
            Self::Hex => 1,
        }
    }

    fn value(self, byte: u8) -> Option<u32> {
        let value = match (self, byte) {
            (Self::Base62 | Self::Hex, b'0'..=b'9') => byte - b'0',
            (Self::Base62, b'A'..=b'Z') => byte - b'A' + 10,
            (Self::Base62, b'a'..=b'z') => byte - b'a' + 36,
            (Self::Hex, b'a'..=b'f') => byte - b'a' + 10,
            (Self::Base32, b'a'..=b'z') => byte - b'a',
            (Self::Base32, b'A'..=b'Z') => byte - b'A',
            (Self::Base32, b'2'..=b'7') => byte - b'2' + 26,
            _ => return None,
        };
        Some(u32::from(value))
    }
}

/// Limbs of the number that the digits write, the lowest first: 36 bytes, and what fills the spare room above them.
const LIMBS: usize = SEALED / 4 + 1;

/// A core's digits.
pub(super) fn write(sealed: &[u8; SEALED], filled: u8, form: Form) -> String {
    let mut limbs = [0_u32; LIMBS];
    let bytes = sealed.chunks(4).rev().filter_map(<[u8]>::first_chunk::<4>).map(|bytes| u32::from_be_bytes(*bytes));
    for (limb, value) in limbs.iter_mut().zip(bytes.chain([u32::from(filled)])) {
        *limb = value;
    }
    let alphabet = form.alphabet();
    let base = alphabet.len() as u64;
    let mut out = vec![0; form.digits()];
    for place in out.iter_mut().rev() {
        let mut remainder = 0_u64;
        for limb in limbs.iter_mut().rev() {
            let value = remainder << 32 | u64::from(*limb);
            // A quotient by the base of what is below base * 2^32 fits 32 bits.
            *limb = u32::try_from(value / base).unwrap_or(u32::MAX);
            remainder = value % base;
        }
        *place = usize::try_from(remainder).ok().and_then(|digit| alphabet.get(digit)).copied().unwrap_or(b'0');
    }
    String::from_utf8(out).unwrap_or_default()
}

/// The filler and the 36 bytes that digits write, if there are as many digits as there must be.
pub(super) fn digits(core: &[u8], form: Form) -> Option<(u8, [u8; SEALED])> {
    if core.len() != form.digits() {
        return None;
    }
    let base = form.alphabet().len() as u64;
    let mut limbs = [0_u32; LIMBS];
    for byte in core {
        let mut carry = u64::from(form.value(*byte)?);
        for limb in &mut limbs {
            let value = u64::from(*limb) * base + carry;
            *limb = u32::try_from(value & 0xffff_ffff).unwrap_or(u32::MAX);
            carry = value >> 32;
        }
    }
    let (filled, rest) = limbs.split_last()?;
    let mut sealed = [0; SEALED];
    let bytes = rest.iter().rev().flat_map(|limb| limb.to_be_bytes());
    for (place, byte) in sealed.iter_mut().zip(bytes) {
        *place = byte;
    }
    Some((u8::try_from(*filled).ok()?, sealed))
}
