//! `redteam.txt` of Los Alamos' Comprehensive Multi-Source Cyber-Security Events: `time,user@domain,source,destination`,
//! each a logon of the red team. Times are seconds since the recording began and stay so.

use super::draft::{self, Draft, Ids};
use super::lanl_auth::{Line, computer, seconds};
use super::{Format, Head, Reader, Record, Skip};
use interdict_schemas::{Account, Event, Kind, Protocol, Source};
use std::collections::VecDeque;

#[derive(Debug)]
pub(super) struct LanlRedteam;

impl Format for LanlRedteam {
    fn name(&self) -> &'static str {
        "lanl-redteam"
    }

    fn recognises(&self, head: &Head<'_>) -> bool {
        head.any(|line| {
            let Ok(line) = Line::<4>::parse(line) else { return false };
            let [time, user, ..] = line.columns;
            seconds(time).is_ok() && user.contains('@')
        })
    }

    fn reader(&self) -> Box<dyn Reader> {
        Box::new(Logons)
    }
}

struct Logons;

impl Reader for Logons {
    fn read(&mut self, record: &Record<'_>, out: &mut VecDeque<Event>) -> Result<(), Skip> {
        let [time, user, from, to] = Line::parse(record.text)?.columns;
        let mut ids = Ids::of("lanl-redteam", record);
        let draft = Draft {
            time: seconds(time)?,
            session: ids.base(),
            identity: draft::identity("lanl", user, draft::windows_kind(user)),
            source: Source { host: Some(computer(from, "source")?), ..Source::default() },
            target: draft::target(&computer(to, "destination")?, Protocol::Logon, 0),
            account: Account { name: user.to_owned(), credential: None },
        };
        out.push_back(draft.event(&mut ids, Kind::Opened));
        Ok(())
    }
}
