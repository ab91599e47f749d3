//! What a client learns from rows: the values of DataRow messages, however the bytes are cut, gathered as text to be
//! scanned. Owns where values begin and end. The lengths between values are left out, since a length's bytes can look
//! like letters and glue themselves to a word.

/// Stands between two values; no word goes across it.
pub(super) const BETWEEN: u8 = b'\n';

/// Where in a row the next byte stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Place {
    /// In the two bytes that count the values; so many are still to come.
    Count { seen: u8, value: u16 },
    /// In the four bytes of a value's length.
    Length { seen: u8, value: u32 },
    /// In a value of which so many bytes are still to come.
    Value(u32),
    /// Behind the last value.
    End,
}

/// Reads the values of one row after the other.
#[derive(Debug)]
pub(super) struct Rows {
    place: Place,
    left: u16,
    /// Bytes of the current value read since [`Rows::mark`].
    within: usize,
}

/// A row whose values do not fill its message.
#[derive(Debug, PartialEq, Eq, thiserror::Error)]
#[error("a row's values do not fill its message")]
pub(super) struct Malformed;

impl Rows {
    /// Before the first row.
    pub(super) fn new() -> Self {
        Self { place: Place::End, left: 0, within: 0 }
    }

    /// A row's body begins.
    pub(super) fn begin(&mut self) {
        *self = Self { place: Place::Count { seen: 0, value: 0 }, left: 0, within: self.within };
    }

    /// Takes the next bytes of the row's body; values go to `text`.
    ///
    /// # Errors
    /// When more bytes come than the values need, or a length is impossible.
    pub(super) fn read(&mut self, mut bytes: &[u8], text: &mut Vec<u8>) -> Result<(), Malformed> {
        while let Some((&first, rest)) = bytes.split_first() {
            match self.place {
                Place::Value(left) => {
                    let count = usize::try_from(left).unwrap_or(usize::MAX).min(bytes.len());
                    let (value, after) = bytes.split_at(count);
                    text.extend_from_slice(value);
                    self.within += count;
                    bytes = after;
                    match left - u32::try_from(count).unwrap_or(left) {
                        0 => self.next_value(),
                        left => self.place = Place::Value(left),
                    }
                }
                Place::Count { seen, value } => {
                    bytes = rest;
                    let value = value << 8 | u16::from(first);
                    if seen == 0 {
                        self.place = Place::Count { seen: 1, value };
                    } else {
                        self.left = value;
                        self.next_value();
                    }
                }
                Place::Length { seen, value } => {
                    bytes = rest;
                    let value = value << 8 | u32::from(first);
                    if seen < 3 {
                        self.place = Place::Length { seen: seen + 1, value };
                        continue;
                    }
                    text.push(BETWEEN);
                    self.within = 0;
                    match value {
                        0 | u32::MAX => self.next_value(),
                        _ if value > i32::MAX as u32 => return Err(Malformed),
                        _ => self.place = Place::Value(value),
                    }
                }
                Place::End => return Err(Malformed),
            }
        }
        Ok(())
    }

    /// The row's message is over.
    ///
    /// # Errors
    /// When its values are not.
    pub(super) fn end(&self) -> Result<(), Malformed> {
        if self.place == Place::End { Ok(()) } else { Err(Malformed) }
    }

    /// How many of the bytes read last belong to a value that goes on.
    pub(super) fn within(&self) -> usize {
        if matches!(self.place, Place::Value(_)) { self.within } else { 0 }
    }

    fn next_value(&mut self) {
        self.place = match self.left {
            0 => Place::End,
            left => {
                self.left = left - 1;
                Place::Length { seen: 0, value: 0 }
            }
        };
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn row(values: &[Option<&str>]) -> Vec<u8> {
        let mut body = u16::try_from(values.len()).unwrap().to_be_bytes().to_vec();
        for value in values {
            match value {
                None => body.extend((-1i32).to_be_bytes()),
                Some(value) => {
                    body.extend(u32::try_from(value.len()).unwrap().to_be_bytes());
                    body.extend(value.as_bytes());
                }
            }
        }
        body
    }

    #[test]
    fn values_are_found_at_any_split() {
        let long = "a".repeat(97);
        let body = row(&[Some("bastion-3"), None, Some(""), Some(&long)]);
        for split in 0..=body.len() {
            let (mut rows, mut text) = (Rows::new(), Vec::new());
            rows.begin();
            rows.read(&body[..split], &mut text).unwrap();
            rows.read(&body[split..], &mut text).unwrap();
            rows.end().unwrap();
            assert_eq!(text, format!("\nbastion-3\n\n\n{long}").into_bytes());
        }
    }

    #[test]
    fn rows_that_lie_about_their_length_are_refused() {
        let check = |body: &[u8], whole: bool| {
            let (mut rows, mut text) = (Rows::new(), Vec::new());
            rows.begin();
            let read = rows.read(body, &mut text).and_then(|()| rows.end());
            assert_eq!(read.is_ok(), whole, "{body:?}");
        };
        check(&row(&[Some("a")]), true);
        check(&row(&[]), true);
        check(&[row(&[Some("a")]).as_slice(), b"x"].concat(), false);
        check(&row(&[Some("abc")])[..7], false);
        check(&[0, 1, 0x80, 0, 0, 0, 1], false);
        check(&[0], false);
    }
}
