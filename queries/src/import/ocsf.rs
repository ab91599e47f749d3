//! OCSF JSON lines, as interdict writes them. What they mean is the contracts' to say.

use super::{Format, Head, Reader, Record, Skip};
use interdict_schemas::{Event, ocsf};
use std::collections::VecDeque;

#[derive(Debug)]
pub(super) struct Ocsf;

impl Format for Ocsf {
    fn name(&self) -> &'static str {
        "ocsf"
    }

    fn recognises(&self, head: &Head<'_>) -> bool {
        head.any(|line| line.starts_with(b"{") && super::contains(line, b"\"class_uid\""))
    }

    fn reader(&self) -> Box<dyn Reader> {
        Box::new(Lines)
    }
}

struct Lines;

impl Reader for Lines {
    fn read(&mut self, record: &Record<'_>, out: &mut VecDeque<Event>) -> Result<(), Skip> {
        match ocsf::read_event(record.text) {
            Ok(event) => {
                out.push_back(event);
                Ok(())
            }
            Err(error) if error.is_foreign() => Err(Skip::Foreign(error.name())),
            Err(error) => Err(Skip::fault(error.name(), error.to_string())),
        }
    }
}
