//! Event ids seen recently, by hash, in bounded memory.
//!
//! Each event asks here first, and what is asked is seldom in the processor's cache: so a hash has one bucket, which is
//! one line of it, and what finds no room there is set aside in a small set.

use crate::fingerprint::{self, Fingerprint};
use serde::{Serialize, Serializer};
use std::collections::HashSet;

/// Hashes of one bucket.
const SLOTS: usize = 8;
/// Bits of a slot that say in which generation its hash was noted; none in a slot that is free.
const GENERATION: u64 = 3;

/// One line of the processor's cache.
#[derive(Debug, Clone, Default)]
#[repr(align(64))]
struct Bucket([u64; SLOTS]);

/// Two generations of ids: when the younger is full the older is forgotten, so that between one and two generations are
/// remembered.
#[derive(Debug)]
pub(crate) struct Recent {
    bound: usize,
    // A power of two, with two to four times the slots for what is remembered; at most as many as one generation has ids,
    // so that each is swept before another generation begins.
    buckets: Vec<Bucket>,
    swept: usize,
    // The younger generation, from 1 to 3, and how many are of it.
    generation: u64,
    younger: usize,
    // Of both generations, what found its bucket full.
    beside: [HashSet<u64, foldhash::fast::RandomState>; 2],
}

/// Hashes of both generations, the older first.
pub(crate) type Generations = [Vec<u64>; 2];

/// The generation after one; the third is the one before it, since there are three.
const fn next(generation: u64) -> u64 {
    generation % GENERATION + 1
}

impl Recent {
    /// Remembers at least `bound` ids.
    #[must_use]
    pub(crate) fn new(bound: usize) -> Self {
        let bound = bound.max(1);
        let buckets = (bound / 2).next_power_of_two();
        Self {
            bound,
            buckets: vec![Bucket::default(); buckets],
            swept: 0,
            generation: 1,
            younger: 0,
            beside: Default::default(),
        }
    }

    /// One that remembers these generations, the older first, as one with the same bound wrote them; nothing if it cannot
    /// have done so.
    #[must_use]
    pub(crate) fn of(bound: usize, generations: &Generations) -> Option<Self> {
        let mut recent = Self::new(bound);
        let [older, younger] = generations;
        if older.len() > recent.bound || younger.len() >= recent.bound {
            return None;
        }
        for hash in older {
            recent.note(*hash);
        }
        // A generation that was filled has begun the next one.
        if recent.younger > 0 {
            recent.turn();
        }
        for hash in younger {
            recent.note(*hash);
        }
        Some(recent)
    }

    /// What is remembered.
    fn generations(&self) -> Generations {
        let of = |generation: u64, beside: &HashSet<u64, _>| {
            let slots = self.buckets.iter().flat_map(|bucket| bucket.0);
            let noted = slots.filter(|slot| slot & GENERATION == generation).map(|slot| slot & !GENERATION);
            noted.chain(beside.iter().copied()).collect()
        };
        let [older, younger] = &self.beside;
        [of(self.older(), older), of(self.generation, younger)]
    }

    const fn older(&self) -> u64 {
        next(next(self.generation))
    }

    /// Bytes held, about.
    pub(crate) fn bytes(&self) -> usize {
        self.buckets.len() * size_of::<Bucket>()
            + self.beside.iter().map(|beside| beside.capacity() * 9).sum::<usize>()
    }

    /// Whether this id is new; from now on it is not.
    pub(crate) fn admit(&mut self, id: &str) -> bool {
        self.note(fingerprint::of(id))
    }

    /// Looks at where an id of this fingerprint stands, or will.
    pub(crate) fn touch(&self, id: Fingerprint) -> u64 {
        self.buckets.get(self.at(id)).map_or(0, |bucket| bucket.0[0])
    }

    const fn at(&self, hash: u64) -> usize {
        (hash >> 32) as usize & (self.buckets.len() - 1)
    }

    fn note(&mut self, hash: u64) -> bool {
        let (what, forgotten) = (hash & !GENERATION, next(self.generation));
        let at = self.at(hash);
        let Some(bucket) = self.buckets.get_mut(at) else { return true };
        let mut room = None;
        for slot in &mut bucket.0 {
            let generation = *slot & GENERATION;
            if generation == 0 || generation == forgotten {
                room = Some(slot);
            } else if *slot & !GENERATION == what {
                return false;
            }
        }
        if self.beside.iter().any(|beside| beside.contains(&what)) {
            return false;
        }
        if let Some(slot) = room {
            *slot = what | self.generation;
        } else {
            self.beside[1].insert(what);
        }
        self.sweep(forgotten);
        self.younger += 1;
        if self.younger >= self.bound {
            self.turn();
        }
        true
    }

    /// Frees what one bucket holds of the generation that is forgotten, before its number is given to another one.
    fn sweep(&mut self, forgotten: u64) {
        if let Some(bucket) = self.buckets.get_mut(self.swept) {
            bucket.0.iter_mut().filter(|slot| **slot & GENERATION == forgotten).for_each(|slot| *slot = 0);
            self.swept += 1;
        }
    }

    /// Begins another generation.
    fn turn(&mut self) {
        let forgotten = next(self.generation);
        while self.swept < self.buckets.len() {
            self.sweep(forgotten);
        }
        (self.generation, self.younger, self.swept) = (forgotten, 0, 0);
        self.beside.swap(0, 1);
        self.beside[1].clear();
    }
}

impl Serialize for Recent {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        self.generations().serialize(serializer)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn as_many_as_its_bound_are_remembered_and_twice_as_many_are_not() {
        for bound in [1, 2, 3, 10, 100, 5000] {
            let mut recent = Recent::new(bound);
            for id in 0..bound * 7 {
                assert!(recent.admit(&id.to_string()), "{id} of {bound} is new");
                if bound <= 100 || id % bound == 1 {
                    let kept: HashSet<u64> = recent.generations().concat().into_iter().collect();
                    let is_kept = |id: &usize| kept.contains(&(fingerprint::of(&*id.to_string()) & !GENERATION));
                    assert!(
                        ((id + 1).saturating_sub(bound)..=id).all(|id| is_kept(&id)),
                        "the last of {bound} at {id}"
                    );
                    assert!(!(0..(id + 1).saturating_sub(2 * bound)).any(|id| is_kept(&id)), "older ones of {bound}");
                }
            }
        }
    }

    #[test]
    fn what_finds_no_room_in_its_bucket_is_remembered_as_long() {
        let mut recent = Recent::new(64);
        // All of one bucket.
        let hash = |number: u64| number << 2;
        assert!((0..640).all(|number| recent.note(hash(number))));
        assert!((576..640).all(|number| !recent.note(hash(number))));
        assert!((0..512).all(|number| recent.note(hash(number))), "what is older is new again");
        assert!(recent.beside.iter().all(|beside| beside.len() <= 64));
    }

    #[test]
    fn it_is_read_back_as_it_was() {
        let mut recent = Recent::new(50);
        assert!((0..170).all(|id: usize| recent.admit(&id.to_string())));
        let bytes = postcard::to_stdvec(&recent).expect("written");
        let generations: Generations = postcard::from_bytes(&bytes).expect("read");
        let mut back = Recent::of(50, &generations).expect("what it wrote");
        // They go on the same way: what one forgets, the other does.
        for id in (100..170).chain(0..400).chain(350..420) {
            assert_eq!(recent.admit(&id.to_string()), back.admit(&id.to_string()), "{id}");
        }
        for made_up in [[vec![0; 51], Vec::new()], [Vec::new(), vec![0; 50]]] {
            assert!(Recent::of(50, &made_up).is_none(), "more than it remembers");
        }
    }
}
