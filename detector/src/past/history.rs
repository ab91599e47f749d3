//! What the lake knows: the events within the horizon, in the order of their times, and from which offsets the bus
//! continues. Rows and offsets are of one snapshot, so that no event is missed or folded twice.

use super::days::{Days, HELD, ordering};
use super::resolved::Resolved;
use super::tables::{Error, Span, position, register, url_of};
use datafusion::prelude::SessionContext;
use interdict_bus::From as Offsets;
use interdict_schemas::lake::txn::IMPORTED;
use interdict_schemas::lake::{Located, Place, Table};
use interdict_schemas::{Event, Resolution, Time};

/// The events of the lake, streaming.
#[derive(Debug)]
pub struct History {
    /// None where no lake is.
    days: Option<Days>,
    next: Offsets,
    imported: u64,
    resolved: Resolved,
}

impl History {
    /// Opens the events since `since` for an events topic of so many partitions. A lake that does not exist yet is
    /// empty.
    ///
    /// # Errors
    /// When there is a table and it cannot be opened.
    pub async fn open(lake: &str, partitions: u32, since: Time) -> Result<Self, Error> {
        Self::after(lake, partitions, since, &Offsets::new()).await
    }

    /// As [`History::open`], of each partition only the events from an offset on.
    ///
    /// # Errors
    /// When there is a table and it cannot be opened.
    pub async fn after(lake: &str, partitions: u32, since: Time, after: &Offsets) -> Result<Self, Error> {
        let table = url_of(lake, Table::Events)?.to_string();
        let (config, runtime) = ordering().map_err(|source| Error::read(&table, source))?;
        let context = SessionContext::new_with_config_rt(config, runtime);
        let mut next = after.clone();
        let Some(delta) = register(&context, lake, Table::Events, false).await? else {
            return Ok(Self { days: None, next, imported: 0, resolved: Resolved::default() });
        };
        for partition in 0..partitions {
            if let Some(offset) = position(&delta, &table, partition).await? {
                next.insert(partition, offset);
            }
        }
        let imported = position(&delta, &table, IMPORTED).await?.unwrap_or(0);
        let span = Span { since, until: Time(i64::MAX) };
        let resolved = Resolved::open(lake, &span, &mut next).await?;
        for (partition, offset) in after {
            let next = next.entry(*partition).or_insert(*offset);
            *next = (*next).max(*offset);
        }
        let days = Days::open(context, table, &span, &unknown(partitions, after), HELD).await?;
        Ok(Self { days: Some(days), next, imported, resolved })
    }

    /// From where the bus is to be read once everything here was.
    #[must_use]
    pub const fn next_offsets(&self) -> &Offsets {
        &self.next
    }

    /// Everything imported so far has a smaller number.
    #[must_use]
    pub const fn imported(&self) -> u64 {
        self.imported
    }

    /// The next resolution that was given before an event of this time and place; with none, the next of all. To be
    /// folded before that event.
    pub(crate) fn resolution(&mut self, event: Option<(Time, &Place)>) -> Option<Located<Resolution>> {
        self.resolved.before(event)
    }

    /// Rows that could not be read as events; each was logged.
    #[must_use]
    pub fn unreadable(&self) -> u64 {
        self.days.as_ref().map_or(0, Days::unreadable)
    }

    /// The next events, by time, then by partition and offset; `None` at the end.
    ///
    /// # Errors
    /// When the lake cannot be read any further.
    pub async fn next(&mut self) -> Result<Option<Vec<Located<Event>>>, Error> {
        match &mut self.days {
            Some(days) => days.next().await,
            None => Ok(None),
        }
    }
}

/// What is not known yet of partitions that were read up to an offset.
fn unknown(partitions: u32, after: &Offsets) -> String {
    let known = |(partition, offset)| format!(" and not (bus_partition = {partition} and bus_offset < {offset})");
    let mut unknown: String = after.iter().map(known).collect();
    // It follows from the rest, and passes over whole files, in which rows of several partitions stand.
    if let Some(least) = after.values().min().filter(|_| (0..partitions).all(|known| after.contains_key(&known))) {
        unknown.push_str(&format!(" and (bus_offset >= {least} or bus_partition >= {partitions})"));
    }
    unknown
}
