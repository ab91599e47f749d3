//! Sessions that are open, for who reads history: files may never close one, so the oldest go beyond a bound.

use std::collections::{HashMap, VecDeque};

/// Those that are remembered.
const MOST: usize = 1 << 20;

/// Open sessions by id, each with what is known of it.
#[derive(Debug)]
pub(crate) struct Open<T> {
    by: HashMap<Box<str>, (u64, T)>,
    // In the order in which they were opened; those that have ended since count for nothing.
    order: VecDeque<(u64, Box<str>)>,
    serial: u64,
}

impl<T> Default for Open<T> {
    fn default() -> Self {
        Self { by: HashMap::new(), order: VecDeque::new(), serial: 0 }
    }
}

impl<T> Open<T> {
    /// Whether it was not known to be open.
    pub(crate) fn add(&mut self, session: &str, value: T) -> bool {
        self.add_within(session, value, MOST)
    }

    fn add_within(&mut self, session: &str, value: T, most: usize) -> bool {
        if let Some((_, known)) = self.by.get_mut(session) {
            *known = value;
            return false;
        }
        self.serial += 1;
        self.by.insert(session.into(), (self.serial, value));
        self.order.push_back((self.serial, session.into()));
        if self.order.len() > 2 * self.by.len() + 16 {
            let is_open =
                |(serial, session): &(u64, Box<str>)| self.by.get(session).is_some_and(|one| one.0 == *serial);
            self.order.retain(is_open);
        }
        while self.by.len() > most
            && let Some((serial, oldest)) = self.order.pop_front()
        {
            if self.by.get(&oldest).is_some_and(|one| one.0 == serial) {
                self.by.remove(&oldest);
            }
        }
        true
    }

    /// It ends; what was known of it.
    pub(crate) fn end(&mut self, session: &str) -> Option<T> {
        self.by.remove(session).map(|(_, known)| known)
    }

    /// All of them, in no order.
    pub(crate) fn iter(&self) -> impl Iterator<Item = (&str, &T)> {
        self.by.iter().map(|(session, (_, value))| (&**session, value))
    }
}

#[cfg(test)]
mod tests {
    use super::Open;

    #[test]
    fn the_oldest_go_and_what_has_ended_takes_nobody_s_place() {
        let mut open = Open::default();
        assert!(open.add_within("long", 0, 3));
        for at in 1..1_000 {
            let session = at.to_string();
            assert!(open.add_within(&session, at, 3));
            open.end(&session);
        }
        assert!(!open.add_within("long", 1, 3), "it is still there");
        assert!(open.order.len() < 40, "{}", open.order.len());
        for session in ["a", "b", "c"] {
            open.add_within(session, 0, 3);
        }
        let mut left: Vec<_> = open.iter().map(|(session, _)| session).collect();
        left.sort_unstable();
        assert_eq!(left, ["a", "b", "c"]);
    }
}
