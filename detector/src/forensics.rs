//! The same fold over stored events: an iterator of events in, an iterator of alerts and verdicts out.

use crate::{Counts, Detector, Output, Settings};
use interdict_schemas::Event;
use std::collections::VecDeque;

/// Judges events as they are pulled. Nothing is collected; verdicts are what would have been given.
#[derive(Debug)]
pub struct Forensics<I> {
    events: I,
    detector: Detector,
    ready: VecDeque<Output>,
}

impl<I> Forensics<I> {
    /// Over these events, in the order in which they were recorded.
    pub fn new(settings: Settings, events: I) -> Self {
        Self { events, detector: Detector::new(settings), ready: VecDeque::new() }
    }

    /// What was folded so far and what went wrong.
    pub fn counts(&self) -> Counts {
        self.detector.counts()
    }
}

impl<I: Iterator<Item = Result<Event, E>>, E> Iterator for Forensics<I> {
    type Item = Result<Output, E>;

    fn next(&mut self) -> Option<Self::Item> {
        loop {
            if let Some(output) = self.ready.pop_front() {
                return Some(Ok(output));
            }
            match self.events.next()? {
                Ok(event) => self.ready.extend(self.detector.observe(&event)),
                Err(error) => return Some(Err(error)),
            }
        }
    }
}
