//! The automaton over all words, walked only from where the filter says "perhaps". Pure. Refuses to answer before the
//! bytes that decide have come.

use super::bound::{Edge, LEFT, Shape, ends_escape};
use super::filter::Filter;
use aho_corasick::automaton::Automaton;
use aho_corasick::nfa::contiguous::NFA;
use aho_corasick::{Anchored, BuildError, MatchKind};
use interdict_schemas::Disclosure;
use std::collections::HashMap;

/// Words, ready to be found.
#[derive(Debug)]
pub(super) struct Index {
    automaton: Option<NFA>,
    owners: Vec<Vec<(Shape, Disclosure)>>,
    filter: Filter,
}

/// What stands at one position.
enum Attempt {
    Nothing,
    /// A word of this length.
    Word {
        pattern: usize,
        length: usize,
    },
    /// The next bytes will say.
    Open,
}

impl Index {
    /// From lower-case words of at least three bytes.
    pub(super) fn new(words: HashMap<String, Vec<(Shape, Disclosure)>>) -> Result<Self, BuildError> {
        let (patterns, owners): (Vec<_>, Vec<_>) = words.into_iter().unzip();
        let filter = Filter::new(&patterns);
        let automaton = if patterns.is_empty() {
            None
        } else {
            Some(NFA::builder().match_kind(MatchKind::LeftmostLongest).prefilter(false).build(&patterns)?)
        };
        Ok(Self { automaton, owners, filter })
    }

    pub(super) fn is_empty(&self) -> bool {
        self.automaton.is_none()
    }

    pub(super) const fn filter(&self) -> &Filter {
        &self.filter
    }

    /// What a found pattern stands for to one of its owners.
    pub(super) fn disclosure(&self, pattern: usize, owner: usize) -> Option<&Disclosure> {
        self.owners.get(pattern)?.get(owner).map(|(_, disclosure)| disclosure)
    }

    /// Finds the longest word at each position from `from` on, and goes on after it. `end` says that nothing follows
    /// `text`. Returns the first position that the next bytes will decide.
    pub(super) fn search(&self, text: &[u8], from: usize, end: bool, mut found: impl FnMut(usize, usize)) -> usize {
        let Some(automaton) = &self.automaton else { return text.len() };
        let mut at = from;
        loop {
            at = self.filter.candidate(text, at);
            if at >= text.len() {
                return text.len();
            }
            match self.attempt(automaton, text, at, end) {
                Attempt::Nothing => at += 1,
                Attempt::Open => return at,
                Attempt::Word { pattern, length } => {
                    self.bounded(pattern, text, at, at + length, end).for_each(|owner| found(pattern, owner));
                    at += length;
                }
            }
        }
    }

    fn attempt(&self, automaton: &NFA, text: &[u8], at: usize, end: bool) -> Attempt {
        let before = left(text, at);
        if before.last().is_some_and(|&byte| byte.is_ascii_alphanumeric() || byte == b'_') && !ends_escape(before) {
            return Attempt::Nothing;
        }
        let Ok(mut state) = automaton.start_state(Anchored::Yes) else { return Attempt::Nothing };
        let mut best = Attempt::Nothing;
        let mut position = at;
        loop {
            if automaton.is_match(state) {
                // A state also lists words that are its suffixes; those begin elsewhere.
                let length = position - at;
                let own = (0..automaton.match_len(state))
                    .map(|index| automaton.match_pattern(state, index))
                    .find(|pattern| automaton.pattern_len(*pattern) == length);
                if let Some(pattern) = own.map(|pattern| pattern.as_usize()) {
                    if !end && self.open(pattern, text, at, position) {
                        return Attempt::Open;
                    }
                    if self.bounded(pattern, text, at, position, end).next().is_some() {
                        best = Attempt::Word { pattern, length };
                    }
                }
            }
            let Some(byte) = text.get(position) else {
                return if end { best } else { Attempt::Open };
            };
            state = automaton.next_state(Anchored::Yes, state, byte.to_ascii_lowercase());
            if automaton.is_dead(state) {
                return best;
            }
            position += 1;
        }
    }

    /// Whether a found pattern waits for the bytes after it.
    fn open(&self, pattern: usize, text: &[u8], from: usize, to: usize) -> bool {
        let after = text.get(to..).unwrap_or_default();
        let mut owners = self.owners.get(pattern).into_iter().flatten();
        owners.any(|(shape, _)| shape.begins(left(text, from)) && shape.ends(after, false) == Edge::Open)
    }

    /// The owners of a pattern for whom it stands alone.
    fn bounded(&self, pattern: usize, text: &[u8], from: usize, to: usize, end: bool) -> impl Iterator<Item = usize> {
        let after = text.get(to..).unwrap_or_default();
        let owners = self.owners.get(pattern).into_iter().flatten().enumerate();
        owners.filter_map(move |(owner, (shape, _))| {
            (shape.begins(left(text, from)) && shape.ends(after, end) == Edge::Free).then_some(owner)
        })
    }
}

fn left(text: &[u8], at: usize) -> &[u8] {
    text.get(at.saturating_sub(LEFT)..at).unwrap_or_default()
}
