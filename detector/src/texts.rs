//! A few texts that are made and dropped together, in one piece of memory: of what there are many, a piece for each text
//! would be looked for in memory, and waited for, one after the other.

use serde::{Deserialize, Serialize};

/// So many texts.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(bound(serialize = "[u32; N]: Serialize", deserialize = "[u32; N]: Deserialize<'de>"))]
pub(crate) struct Texts<const N: usize> {
    // One after the other, and where each ends.
    text: Box<str>,
    ends: [u32; N],
}

impl<const N: usize> Texts<N> {
    pub(crate) fn of(texts: [&str; N]) -> Self {
        let mut end = 0;
        let ends = texts.map(|text| {
            end += text.len();
            u32::try_from(end).unwrap_or(u32::MAX)
        });
        Self { text: texts.concat().into(), ends }
    }

    /// All of them. One that was read back and makes no sense is empty.
    pub(crate) fn all(&self) -> [&str; N] {
        let mut from = 0;
        self.ends.map(|end| {
            let text = self.text.get(from..end as usize).unwrap_or_default();
            from = end as usize;
            text
        })
    }

    /// Bytes behind it.
    pub(crate) const fn bytes(&self) -> usize {
        self.text.len()
    }
}

#[cfg(test)]
mod tests {
    use super::Texts;

    #[test]
    fn texts_are_told_apart_also_if_some_are_empty_or_make_no_sense() {
        for texts in [["", "", ""], ["a", "", "bc"], ["", "ä", ""]] {
            assert_eq!(Texts::of(texts).all(), texts);
        }
        let broken = Texts { text: "äb".into(), ends: [1, 9, 0] };
        assert_eq!(broken.all(), ["", "", ""]);
    }
}
