//! Text from bytes that come in pieces: a character split between two pieces is one character.

/// The bytes of a character that has begun and not ended.
#[derive(Debug, Default)]
pub(super) struct Utf8 {
    tail: Vec<u8>,
}

impl Utf8 {
    /// The text that is certain now. What is not UTF-8 becomes U+FFFD.
    pub(super) fn push(&mut self, bytes: &[u8]) -> String {
        let mut pending = std::mem::take(&mut self.tail);
        pending.extend_from_slice(bytes);
        let mut text = String::with_capacity(pending.len());
        let mut chunks = pending.utf8_chunks().peekable();
        while let Some(chunk) = chunks.next() {
            text.push_str(chunk.valid());
            let invalid = chunk.invalid();
            if invalid.is_empty() {
                continue;
            }
            if chunks.peek().is_none() && unfinished(invalid) {
                self.tail = invalid.to_vec();
            } else {
                text.push(char::REPLACEMENT_CHARACTER);
            }
        }
        text
    }

    /// What is left at the end: nothing more will complete it.
    pub(super) fn finish(&mut self) -> String {
        if std::mem::take(&mut self.tail).is_empty() {
            String::new()
        } else {
            char::REPLACEMENT_CHARACTER.to_string()
        }
    }
}

/// Whether more bytes could make a character of these.
fn unfinished(bytes: &[u8]) -> bool {
    std::str::from_utf8(bytes).is_err_and(|error| error.valid_up_to() == 0 && error.error_len().is_none())
}

#[cfg(test)]
mod tests {
    use super::Utf8;

    #[test]
    fn text_is_the_same_wherever_it_was_split() {
        for bytes in ["a ß 日 🦀 z".as_bytes(), b"a\xffb\xe6\x97", b"\xf0\x9f\xa6", b"\xe6\x97x"] {
            let whole = String::from_utf8_lossy(bytes);
            for first in 0..=bytes.len() {
                for second in first..=bytes.len() {
                    let mut utf8 = Utf8::default();
                    let pieces = [&bytes[..first], &bytes[first..second], &bytes[second..]];
                    let mut text: String = pieces.iter().map(|piece| utf8.push(piece)).collect();
                    text += &utf8.finish();
                    assert_eq!(text, whole, "split at {first} and {second}");
                }
            }
        }
    }
}
