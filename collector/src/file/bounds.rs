//! The least and the greatest text of a page or a column, in the order of their bytes (Parquet format, `UTF8`).

/// Bytes of a bound in a file: what is longer is cut, and said to be.
const LONGEST: usize = 64;

/// Bounds; none where there is no text.
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct Bounds<'a>(Option<(&'a [u8], &'a [u8])>);

impl<'a> Bounds<'a> {
    pub(super) fn add(&mut self, text: &'a [u8]) {
        self.join(&Self(Some((text, text))));
    }

    pub(super) fn join(&mut self, other: &Self) {
        self.0 = match (self.0, other.0) {
            (Some((low, high)), Some((lower, higher))) => Some((low.min(lower), high.max(higher))),
            (bounds, None) | (None, bounds) => bounds,
        };
    }

    pub(super) const fn is_empty(&self) -> bool {
        self.0.is_none()
    }

    /// Both as they are written, and whether each is exact; empty where there is none.
    pub(super) fn short(&self) -> [(Vec<u8>, bool); 2] {
        let (low, high) = self.0.unwrap_or_default();
        [(prefix(low).to_vec(), low.len() <= LONGEST), above(high)]
    }
}

/// At most [`LONGEST`] bytes, whole characters.
fn prefix(text: &[u8]) -> &[u8] {
    let is_inner = |byte: &u8| byte & 0xc0 == 0x80;
    let mut end = text.len().min(LONGEST);
    while end > 0 && text.get(end).is_some_and(is_inner) {
        end -= 1;
    }
    text.get(..end).unwrap_or(text)
}

/// A short text that is not below this one, and whether it is this one. Long ones that cannot be cut are left whole.
fn above(text: &[u8]) -> (Vec<u8>, bool) {
    if text.len() <= LONGEST {
        return (text.to_vec(), true);
    }
    let mut cut = prefix(text).to_vec();
    // The last character that has a next one of as many bytes: of plain ones all but the last.
    while let Some(last) = cut.pop() {
        if last < 0x7f {
            cut.push(last + 1);
            return (cut, false);
        }
    }
    (text.to_vec(), true)
}

/// Whether the bounds of pages rise or fall.
#[derive(Debug, Default)]
pub(super) struct Order<'a> {
    last: Option<(&'a [u8], &'a [u8])>,
    rises: bool,
    falls: bool,
}

impl<'a> Order<'a> {
    pub(super) fn add(&mut self, bounds: &Bounds<'a>) {
        let Some((low, high)) = bounds.0 else { return };
        (self.rises, self.falls) = match self.last {
            None => (true, true),
            Some((lower, higher)) => {
                (self.rises && lower <= low && higher <= high, self.falls && lower >= low && higher >= high)
            }
        };
        self.last = Some((low, high));
    }

    /// True if they rise, false if they fall.
    pub(super) const fn is(&self) -> Option<bool> {
        match (self.rises, self.falls) {
            (true, _) => Some(true),
            (false, true) => Some(false),
            (false, false) => None,
        }
    }
}
