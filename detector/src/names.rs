//! Strings as small numbers, so that the graph, habit and what was learned compare and hash integers. Names that
//! nothing refers to any more are swept; their numbers are used again, so no output may depend on a number.

use std::borrow::Cow;
use std::collections::HashMap;

/// A string that [`Names`] holds.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Name(u32);

/// The strings.
#[derive(Debug, Default)]
pub struct Names {
    texts: Vec<Option<Box<str>>>,
    free: Vec<u32>,
    known: HashMap<Box<str>, u32>,
}

/// Which names are still in use; filled by everything that holds names, then given to [`Names::sweep`].
#[derive(Debug)]
pub struct Marks(Vec<bool>);

impl Marks {
    /// Says that `name` is in use.
    pub fn mark(&mut self, name: Name) {
        if let Some(used) = self.0.get_mut(name.0 as usize) {
            *used = true;
        }
    }
}

impl Names {
    /// The name of `text`, new if need be.
    pub fn intern(&mut self, text: &str) -> Name {
        if let Some(&number) = self.known.get(text) {
            return Name(number);
        }
        let number = self.free.pop().unwrap_or_else(|| {
            self.texts.push(None);
            u32::try_from(self.texts.len() - 1).unwrap_or(u32::MAX)
        });
        if let Some(slot) = self.texts.get_mut(number as usize) {
            *slot = Some(text.into());
        }
        self.known.insert(text.into(), number);
        Name(number)
    }

    /// The name of `text` if it is known.
    #[must_use]
    pub fn find(&self, text: &str) -> Option<Name> {
        self.known.get(text).copied().map(Name)
    }

    /// What a name stands for; empty for one that was swept.
    #[must_use]
    pub fn text(&self, name: Name) -> &str {
        self.texts.get(name.0 as usize).and_then(Option::as_deref).unwrap_or_default()
    }

    /// How many strings are held.
    #[must_use]
    pub fn len(&self) -> usize {
        self.known.len()
    }

    /// Whether none is held.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.known.is_empty()
    }

    /// An empty set of marks for the names held now.
    #[must_use]
    pub fn marks(&self) -> Marks {
        Marks(vec![false; self.texts.len()])
    }

    /// Forgets every name that is not marked.
    pub fn sweep(&mut self, marks: &Marks) {
        for (number, (slot, used)) in (0_u32..).zip(self.texts.iter_mut().zip(&marks.0)) {
            if !used && let Some(text) = slot.take() {
                self.known.remove(&text);
                self.free.push(number);
            }
        }
    }
}

/// Host names, aliases and accounts as they are compared: lower case, without the root's dot.
#[must_use]
pub fn folded(text: &str) -> Cow<'_, str> {
    let text = text.strip_suffix('.').unwrap_or(text);
    if text.chars().any(char::is_uppercase) { Cow::Owned(text.to_lowercase()) } else { Cow::Borrowed(text) }
}
