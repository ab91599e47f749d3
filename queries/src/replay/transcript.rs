//! What was said in a session and what came of it: statements, commands and requests with their decisions and outcomes.

use super::Days;
use crate::{Error, Rows, Snapshot, neutral};
use interdict_schemas::lake::{self, Located};
use interdict_schemas::{Action, Decision, Disclosure, Effect, Event, Kind, Outcome, Status, Time};
use serde::Serialize;
use std::collections::{HashMap, VecDeque};
use std::io::Write;

/// One thing in a transcript.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case", tag = "entry")]
pub enum Entry {
    /// The session was admitted.
    Opened(Box<Event>),
    /// The session was not admitted.
    Refused(Box<Event>),
    /// An action, with what came of it if the lake knows.
    Action {
        /// When it was decided.
        time: Time,
        /// What.
        action: Box<Action>,
        /// Whether it might be.
        decision: Decision,
        /// What came of it.
        outcome: Option<Outcome>,
        /// What its response taught.
        disclosures: Vec<Disclosure>,
    },
    /// The session ended.
    Closed(Box<Event>),
}

/// The most entries that are held while the first of them waits for its result; then it is given out without.
const WAITING: usize = 10_000;

/// A session's transcript as it is read.
///
/// Actions come in the order they were decided; each waits for its result, which stands later in the log.
pub struct Transcript {
    rows: Rows,
    read: VecDeque<Located<Event>>,
    ended: bool,
    entries: VecDeque<Entry>,
    // Action id to its place, counted from the first entry ever made.
    pending: HashMap<String, usize>,
    given: usize,
    /// Actions before this moment are left out.
    from: Time,
}

impl Transcript {
    /// The transcript of a session.
    ///
    /// # Errors
    /// When the lake knows no such session.
    pub async fn open(lake: &Snapshot, session: &str) -> Result<Self, Error> {
        let days = Days::of(lake, session).await?;
        let sql = "select * from events where session = $1 and date between $2 and $3 \
                   order by bus_partition, bus_offset";
        let rows = lake.ask(sql, days.values(session)).await?;
        Ok(Self {
            rows,
            read: VecDeque::new(),
            ended: false,
            entries: VecDeque::new(),
            pending: HashMap::new(),
            given: 0,
            from: Time(i64::MIN),
        })
    }

    /// Leaves out what was done before this moment.
    #[must_use]
    pub fn since(self, from: Time) -> Self {
        Self { from, ..self }
    }

    /// The next entry; `None` at the end.
    ///
    /// # Errors
    /// When the lake cannot be read on.
    pub async fn next(&mut self) -> Result<Option<Entry>, Error> {
        loop {
            let full = self.entries.len() > WAITING;
            if let Some(entry) = self.entries.pop_front_if(|entry| {
                let waits = matches!(entry, Entry::Action { action, .. } if self.pending.contains_key(&action.id));
                !waits || self.ended || full
            }) {
                if let Entry::Action { action, .. } = &entry {
                    self.pending.remove(&action.id);
                }
                self.given += 1;
                return Ok(Some(entry));
            }
            if self.ended {
                return Ok(None);
            }
            match self.read.pop_front() {
                Some(event) => self.take(event.value),
                None => match self.rows.next().await? {
                    Some(batch) => self.read.extend(lake::events(&batch)?),
                    None => self.ended = true,
                },
            }
        }
    }

    fn take(&mut self, event: Event) {
        let entry = match event.kind {
            Kind::Opened => Entry::Opened(Box::new(event)),
            Kind::Refused(_) => Entry::Refused(Box::new(event)),
            Kind::Closed(_) => Entry::Closed(Box::new(event)),
            Kind::Acted { .. } if event.time < self.from => return,
            Kind::Acted { action, decision, outcome } => {
                if decision.effect == Effect::Allow && outcome.is_none() {
                    self.pending.insert(action.id.clone(), self.given + self.entries.len());
                }
                let disclosures = event.disclosures;
                Entry::Action { time: event.time, action: Box::new(action), decision, outcome, disclosures }
            }
            Kind::Resulted { action, outcome: result, .. } => {
                let place = self.pending.remove(&action).and_then(|place| place.checked_sub(self.given));
                if let Some(Entry::Action { outcome, disclosures, .. }) =
                    place.and_then(|place| self.entries.get_mut(place))
                {
                    *outcome = Some(result);
                    disclosures.extend(event.disclosures);
                }
                return;
            }
        };
        self.entries.push_back(entry);
    }
}

/// Prints a transcript for a person. Whatever came from a client or a target is made safe for a terminal.
///
/// # Errors
/// When the lake cannot be read on or the writer does not take what is written.
pub async fn print(mut transcript: Transcript, out: &mut dyn Write) -> Result<(), Error> {
    while let Some(entry) = transcript.next().await? {
        line(&entry, out)?;
    }
    out.flush()?;
    Ok(())
}

fn line(entry: &Entry, out: &mut dyn Write) -> std::io::Result<()> {
    match entry {
        Entry::Opened(event) => {
            let identity = event.identity.to_string();
            let (who, target, account) =
                (neutral(&identity), neutral(&event.target.name), neutral(&event.account.name));
            let account = if account.is_empty() { String::new() } else { format!(" as {account}") };
            writeln!(out, "{}  opened   {who} on {target} ({}){account}", event.time, event.target.protocol)
        }
        Entry::Refused(event) => {
            let Kind::Refused(refused) = &event.kind else { return Ok(()) };
            let (reason, detail) = (neutral(&refused.reason), neutral(&refused.detail));
            writeln!(out, "{}  refused  {} on {}: {reason} {detail}", event.time, event.identity, event.target.name)
        }
        Entry::Closed(event) => {
            let Kind::Closed(closed) = &event.kind else { return Ok(()) };
            let (reason, detail) = (neutral(&closed.reason), neutral(&closed.detail));
            let (actions, denied) = (closed.actions, closed.denied);
            writeln!(out, "{}  closed   {reason} {detail} ({actions} actions, {denied} denied)", event.time)
        }
        Entry::Action { time, action, decision, outcome, disclosures } => {
            writeln!(out, "{time}  {:<8} {}", action.class.name(), neutral(&action.text))?;
            let indent = " ".repeat(time.to_string().len() + 11);
            if decision.effect == Effect::Deny {
                writeln!(out, "{indent}denied: {}", neutral(&decision.reason))?;
            } else {
                match outcome {
                    Some(outcome) => writeln!(out, "{indent}{}", words(outcome))?,
                    None => writeln!(out, "{indent}no outcome recorded")?,
                }
            }
            for learned in disclosures {
                let target = learned.target.as_deref().map(|target| format!(" ({})", neutral(target)));
                let target = target.unwrap_or_default();
                writeln!(out, "{indent}disclosed {} {}{target}", learned.kind, neutral(&learned.value))?;
            }
            Ok(())
        }
    }
}

fn words(outcome: &Outcome) -> String {
    let mut words = match outcome.status {
        Status::Success => "ok".to_owned(),
        Status::Failure => "failed".to_owned(),
        Status::Unknown => "outcome unknown".to_owned(),
    };
    if !outcome.code.is_empty() {
        words += &format!(" {}", neutral(&outcome.code));
    }
    words +=
        &format!(", {} rows, {} bytes, {:.3} ms", outcome.rows, outcome.bytes_out, outcome.duration_us as f64 / 1e3);
    if !outcome.detail.is_empty() {
        words += &format!(": {}", neutral(&outcome.detail));
    }
    words
}
