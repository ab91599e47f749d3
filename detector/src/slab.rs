//! Things by number, in pieces, so that growing never moves what is there; and how all of them are written out as they
//! were at one moment, a slice at a time, while some are changed in between.
//!
//! INVARIANT: while a writing goes on, nothing is changed or taken out that was there when it began and is not written yet:
//! it is written first. So what is written is the state of that moment, however long the writing takes.

use serde::Serialize;

/// Things per piece.
const PIECE: usize = 64;

/// Pieces that are looked at for the next thing: most of those that are empty are old.
const LOOKED_AT: usize = 64;

/// Things by number.
#[derive(Debug)]
pub(crate) struct Slab<T> {
    pieces: Vec<Vec<Option<T>>>,
    // Numbers that were ever given out.
    end: u32,
    len: usize,
    writing: Option<Writing>,
}

/// How far a writing is.
#[derive(Debug)]
struct Writing {
    // Those from here on, before the end, are to be written.
    next: u32,
    end: u32,
    // Bits of those that are written ahead of `next`.
    ahead: Vec<u64>,
    out: Vec<u8>,
    failed: bool,
}

impl Writing {
    fn write<T: Serialize>(&mut self, number: u32, thing: Option<&T>) {
        if let Some(thing) = thing {
            match postcard::to_extend(&(number, thing), std::mem::take(&mut self.out)) {
                Ok(out) => self.out = out,
                Err(_) => self.failed = true,
            }
        }
    }

    /// Writes what is about to be changed, unless it is written.
    fn ahead<T: Serialize>(&mut self, number: u32, thing: Option<&T>) {
        if number < self.next || number >= self.end {
            return;
        }
        let (at, bit) = (number as usize / 64, 1 << (number % 64));
        if let Some(bits) = self.ahead.get_mut(at)
            && *bits & bit == 0
        {
            *bits |= bit;
            self.write(number, thing);
        }
    }

    fn is_ahead(&self, number: u32) -> bool {
        self.ahead.get(number as usize / 64).is_some_and(|bits| bits >> (number % 64) & 1 == 1)
    }
}

/// What a slice of a writing brought.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Slice {
    /// There is more.
    More,
    /// All is written.
    Done,
    /// Something cannot be written.
    Failed,
}

impl<T> Default for Slab<T> {
    fn default() -> Self {
        Self { pieces: Vec::new(), end: 0, len: 0, writing: None }
    }
}

const fn split(number: u32) -> (usize, usize) {
    (number as usize / PIECE, number as usize % PIECE)
}

fn number(piece: usize, at: usize) -> u32 {
    u32::try_from(piece * PIECE + at).unwrap_or(u32::MAX)
}

impl<T> Slab<T> {
    /// One of them.
    pub(crate) fn get(&self, number: u32) -> Option<&T> {
        let (piece, at) = split(number);
        self.pieces.get(piece)?.get(at)?.as_ref()
    }

    /// How many there are.
    pub(crate) const fn len(&self) -> usize {
        self.len
    }

    /// The number that the next one gets, if none is given out again.
    pub(crate) const fn end(&self) -> u32 {
        self.end
    }

    /// The first one at or after a number; if there is none among so many pieces, where they end.
    pub(crate) fn next(&self, from: u32) -> u32 {
        let (first, at) = split(from);
        for (piece, things) in self.pieces.iter().enumerate().skip(first).take(LOOKED_AT) {
            let begin = if piece == first { at } else { 0 };
            if let Some(found) = things.iter().skip(begin).position(Option::is_some) {
                return number(piece, begin + found);
            }
        }
        number(first + LOOKED_AT, 0)
    }

    /// All of them.
    pub(crate) fn iter(&self) -> impl Iterator<Item = &T> {
        self.pieces.iter().flatten().flatten()
    }

    /// All of them with their numbers.
    pub(crate) fn numbered(&self) -> impl Iterator<Item = (u32, &T)> {
        self.pieces.iter().enumerate().flat_map(|(piece, things)| {
            things.iter().enumerate().filter_map(move |(at, thing)| Some((number(piece, at), thing.as_ref()?)))
        })
    }

    /// Numbers that are free, of those before the greatest that is not.
    pub(crate) fn free(&self) -> Vec<u32> {
        let (mut free, mut next) = (Vec::new(), 0);
        for (number, _) in self.numbered() {
            free.extend(next..number);
            next = number + 1;
        }
        free
    }

    /// Bytes of the things themselves, about.
    pub(crate) fn bytes(&self) -> usize {
        self.pieces.iter().map(|piece| piece.capacity() * size_of::<Option<T>>() + size_of::<Vec<T>>()).sum()
    }

    /// Puts one at a number that was read back. Nothing is given a number from `bound` on; whether it was put.
    pub(crate) fn restore(&mut self, number: u32, thing: T, bound: u32) -> bool {
        if number >= bound || self.get(number).is_some() {
            return false;
        }
        self.end = self.end.max(number.saturating_add(1));
        self.set(number, Some(thing));
        true
    }

    /// Says up to where numbers were given out, after all was read back.
    pub(crate) fn restored(&mut self, end: u32) {
        self.end = self.end.max(end);
    }

    fn set(&mut self, number: u32, thing: Option<T>) -> Option<T> {
        let (piece, at) = split(number);
        if self.pieces.len() <= piece {
            self.pieces.resize_with(piece + 1, Vec::new);
        }
        let piece = self.pieces.get_mut(piece)?;
        if piece.len() <= at {
            piece.reserve_exact(PIECE);
            piece.resize_with(PIECE, || None);
        }
        let (after, slot) = (thing.is_some(), piece.get_mut(at)?);
        let before = std::mem::replace(slot, thing);
        self.len = self.len + usize::from(after) - usize::from(before.is_some());
        if !after && piece.iter().all(Option::is_none) {
            *piece = Vec::new();
        }
        before
    }
}

impl<T: Serialize> Slab<T> {
    /// One of them, to be changed.
    pub(crate) fn get_mut(&mut self, number: u32) -> Option<&mut T> {
        let (piece, at) = split(number);
        let thing = self.pieces.get_mut(piece)?.get_mut(at)?;
        if let Some(writing) = &mut self.writing {
            writing.ahead(number, thing.as_ref());
        }
        thing.as_mut()
    }

    /// Adds one under a number that was never used.
    pub(crate) fn push(&mut self, thing: T) -> u32 {
        let number = self.end;
        self.end = self.end.saturating_add(1);
        self.set(number, Some(thing));
        number
    }

    /// Puts one under a free number.
    pub(crate) fn put(&mut self, number: u32, thing: T) {
        if let Some(writing) = &mut self.writing {
            writing.ahead::<T>(number, None);
        }
        self.set(number, Some(thing));
    }

    /// Takes one out.
    pub(crate) fn remove(&mut self, number: u32) -> Option<T> {
        self.get_mut(number)?;
        self.set(number, None)
    }

    /// Begins to write out what is there now.
    pub(crate) fn begin(&mut self) {
        let ahead = vec![0; self.end as usize / 64 + 1];
        self.writing = Some(Writing { next: 0, end: self.end, ahead, out: Vec::new(), failed: false });
    }

    /// Writes so many more.
    pub(crate) fn slice(&mut self, things: u32) -> Slice {
        let Some(mut writing) = self.writing.take() else { return Slice::Done };
        let until = writing.next.saturating_add(things).min(writing.end);
        for number in writing.next..until {
            if !writing.is_ahead(number) {
                writing.write(number, self.get(number));
            }
        }
        writing.next = until;
        let slice = match (writing.failed, until == writing.end) {
            (true, _) => Slice::Failed,
            (false, true) => Slice::Done,
            (false, false) => Slice::More,
        };
        self.writing = Some(writing);
        slice
    }

    /// What was written since the last time.
    pub(crate) fn written(&mut self) -> Vec<u8> {
        self.writing.as_mut().map(|writing| std::mem::take(&mut writing.out)).unwrap_or_default()
    }

    /// Ends a writing.
    pub(crate) fn end_writing(&mut self) {
        self.writing = None;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_written_is_the_state_of_one_moment() {
        let mut slab = Slab::default();
        (0..200_u32).for_each(|value| {
            slab.push(value);
        });
        slab.remove(3);
        slab.begin();
        assert_eq!(slab.slice(50), Slice::More);
        let mut bytes = slab.written();
        // Behind the writing, ahead of it, taken out, put anew, and one that was not there.
        *slab.get_mut(10).expect("one") = 1000;
        *slab.get_mut(100).expect("one") = 1000;
        *slab.get_mut(100).expect("one") = 1001;
        slab.remove(150);
        slab.put(150, 1000);
        slab.put(3, 1000);
        slab.push(1000);
        while slab.slice(7) == Slice::More {}
        bytes.extend(slab.written());
        let (mut rest, mut read) = (&*bytes, Vec::new());
        while !rest.is_empty() {
            let ((number, value), left) = postcard::take_from_bytes::<(u32, u32)>(rest).expect("a number");
            assert_eq!(number, value);
            read.push(number);
            rest = left;
        }
        read.sort_unstable();
        assert_eq!(read, (0..200).filter(|number| *number != 3).collect::<Vec<_>>());
        assert_eq!(slab.get(100), Some(&1001));
    }
}
