//! A mistake in a file that a person wrote, and where it stands.

use std::fmt;
use std::path::{Path, PathBuf};

/// One thing that is wrong.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Mistake {
    /// The file.
    pub path: PathBuf,
    /// From 1.
    pub line: usize,
    /// In characters, from 1.
    pub column: usize,
    /// What is wrong and what to do.
    pub message: String,
}

impl Mistake {
    /// A mistake at a byte offset of the file's text.
    pub(crate) fn at(path: &Path, text: &str, offset: usize, message: impl Into<String>) -> Self {
        let before = text.get(..offset).unwrap_or(text);
        let line = before.matches('\n').count() + 1;
        let column = before.rsplit('\n').next().map_or(0, |last| last.chars().count()) + 1;
        Self { path: path.to_owned(), line, column, message: message.into() }
    }
}

impl fmt::Display for Mistake {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}:{}:{}: {}", self.path.display(), self.line, self.column, self.message)
    }
}

/// Shows mistakes, each on its line.
pub(crate) struct Lines<'a>(pub(crate) &'a [Mistake]);

impl fmt::Display for Lines<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (index, mistake) in self.0.iter().enumerate() {
            if index > 0 {
                f.write_str("\n")?;
            }
            mistake.fmt(f)?;
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn place_counts_lines_and_characters_from_one() {
        let check = |offset: usize, expected: (usize, usize)| {
            let mistake = Mistake::at(Path::new("f"), "ab\n\u{e9}x\n", offset, "");
            assert_eq!((mistake.line, mistake.column), expected, "offset {offset}");
        };
        check(0, (1, 1));
        check(1, (1, 2));
        check(3, (2, 1));
        check(5, (2, 2));
        check(7, (3, 1));
        check(99, (3, 1));
    }
}
