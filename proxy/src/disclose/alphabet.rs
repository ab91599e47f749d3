//! The characters of base64, standard and URL-safe alike (RFC 4648 sections 4 and 5), and what they encode. Pure.

/// Set where a byte is no character.
const BROKEN: u32 = 1 << 31;
/// Set where the first, second or third of the bytes encoded is not there, or is in no word of ASCII: its highest bits
/// are those of another character set or of a control character.
const ODD: [u32; 3] = [1 << 24, 1 << 25, 1 << 26];
/// How often four characters are looked at to dispose of a row: 45 bytes make as many bits.
const GLANCE: usize = 15;

/// What a character at each of four places adds to the three bytes that they encode, the first byte lowest.
#[expect(clippy::indexing_slicing, reason = "evaluated by the compiler")]
static PLACES: [[u32; 256]; 4] = {
    // Two characters encode one byte, three two.
    let none = BROKEN | ODD[0] | ODD[1] | ODD[2];
    let mut places = [[none; 256], [none; 256], [BROKEN | ODD[1] | ODD[2]; 256], [BROKEN | ODD[2]; 256]];
    let mut byte = 0;
    while byte < 256 {
        let value = match byte as u8 {
            upper @ b'A'..=b'Z' => upper - b'A',
            lower @ b'a'..=b'z' => lower - b'a' + 26,
            digit @ b'0'..=b'9' => digit - b'0' + 52,
            b'+' | b'-' => 62,
            b'/' | b'_' => 63,
            _ => u8::MAX,
        } as u32;
        if value < 64 {
            // Of the first byte the upper six bits, of the second the upper four, of the third the upper two.
            let odd = [!matches!(value >> 3, 0x1..=0x3), !matches!(value & 0xf, 0x2..=0x7), value & 0x2 != 0];
            places[0][byte] = value << 2 | if odd[0] { ODD[0] } else { 0 };
            places[1][byte] = value >> 4 | (value & 0xf) << 12 | if odd[1] { ODD[1] } else { 0 };
            places[2][byte] = (value >> 2) << 8 | (value & 0x3) << 22 | if odd[2] { ODD[2] } else { 0 };
            places[3][byte] = value << 16;
        }
        byte += 1;
    }
    places
};

/// The six bits that a character stands for.
pub(super) fn value(byte: u8) -> Option<u32> {
    let [.., last] = &PLACES;
    last.get(usize::from(byte)).filter(|value| **value & BROKEN == 0).map(|value| value >> 16)
}

/// Decodes four characters at a time, as long as all four are; how many characters.
pub(super) fn decode(bytes: &[u8], to: &mut Vec<u8>) -> usize {
    let (fours, _) = bytes.as_chunks::<4>();
    let mut read = 0;
    for four in fours {
        let bytes = encoded(*four);
        if bytes & BROKEN != 0 {
            break;
        }
        let [first, second, third, _] = bytes.to_le_bytes();
        to.extend_from_slice(&[first, second, third]);
        read += four.len();
    }
    read
}

/// Whether the row of characters at the start may encode a word of ASCII, of `shortest` bytes at least. In ordinary
/// text rows are short and seldom may; to say so costs a fraction of decoding and searching them.
pub(super) fn may_tell(bytes: &[u8], shortest: usize) -> bool {
    let (fours, _) = bytes.as_chunks::<4>();
    let mut odd = u64::MAX;
    for four in fours.iter().take(GLANCE) {
        let bytes = encoded(*four);
        odd = odd >> 3 | u64::from(bytes >> 24) << 61;
        if bytes & BROKEN != 0 {
            return (1..shortest).fold(!odd, |even, _| even & even >> 1) != 0;
        }
    }
    // The row is long, or goes on in the next bytes.
    true
}

fn encoded(four: [u8; 4]) -> u32 {
    let add = |place: &[u32; 256], byte: u8| place.get(usize::from(byte)).copied().unwrap_or(BROKEN);
    let ([a, b, c, d], [first, second, third, fourth]) = (&PLACES, four);
    add(a, first) | add(b, second) | add(c, third) | add(d, fourth)
}
