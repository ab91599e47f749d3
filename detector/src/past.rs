//! The lake in the order of time: by time, then bus partition, then offset. One state of the tables is read, so it
//! works while a collector writes. [`History`] is what a rebuild folds, [`Past`] what a question does.

mod days;
mod history;
mod order;
mod resolved;
mod tables;

pub use history::History;
pub use tables::Error;

use datafusion::prelude::{SessionConfig, SessionContext};
use days::Days;
use interdict_cluster::{Address, Cluster};
use interdict_schemas::lake::{Located, Table};
use interdict_schemas::{Event, Resolution, Time};
use resolved::Resolved;
use std::sync::Arc;
use tables::{Span, register, url_of};

/// Something that the fold is told.
#[derive(Debug, Clone, PartialEq, Eq)]
#[expect(clippy::large_enum_variant, reason = "nearly every fact is an event; boxing it would cost each one")]
pub enum Fact {
    /// Something happened.
    Event(Event),
    /// A person said what an alert was.
    Resolution(Resolution),
}

/// The events and resolutions of the lake, streaming, oldest first.
#[derive(Debug)]
pub struct Past {
    days: Days,
    resolved: Resolved,
}

impl Past {
    /// Opens what happened from `since` to `until`, both included.
    ///
    /// # Errors
    /// When there is no table of events, or a table cannot be opened.
    pub async fn open(lake: &str, since: Time, until: Time) -> Result<Self, Error> {
        Self::open_on(None, lake, since, until).await
    }

    /// The same, where a cluster reads and orders, if one is given.
    ///
    /// # Errors
    /// As [`Self::open`], and when the cluster gives no answer.
    pub async fn open_on(cluster: Option<Address>, lake: &str, since: Time, until: Time) -> Result<Self, Error> {
        let table = url_of(lake, Table::Events)?.to_string();
        let (config, runtime) = days::ordering().map_err(|source| Error::read(&table, source))?;
        let cluster = cluster.map(|address| Cluster::new(address, Arc::new(())));
        let context = match &cluster {
            None => SessionContext::new_with_config_rt(config, runtime),
            // Its sorts are spread over executors, each with memory of its own.
            Some(cluster) => {
                let parts = SessionConfig::new().target_partitions();
                cluster.context(config.with_target_partitions(parts), runtime)
            }
        };
        let is_remote = cluster.is_some();
        if register(&context, lake, Table::Events, is_remote).await?.is_none() {
            return Err(Error::Missing(table));
        }
        let span = Span { since, until };
        let resolved = match register(&context, lake, Table::Resolutions, is_remote).await? {
            Some(_) => Resolved::read(&context, &span).await?,
            None => Resolved::default(),
        };
        // A cluster puts in order what it reads.
        let held = if is_remote { 0 } else { days::HELD };
        Ok(Self { days: Days::open(context, table, &span, "", held).await?, resolved })
    }

    /// How many events there are in the days that are read, for a progress bar.
    #[must_use]
    pub const fn events(&self) -> u64 {
        self.days.events()
    }

    /// Rows that could not be read as events; each was logged.
    #[must_use]
    pub const fn unreadable(&self) -> u64 {
        self.days.unreadable()
    }

    /// The next facts, oldest first; `None` at the end.
    ///
    /// # Errors
    /// When the lake cannot be read any further.
    pub async fn next(&mut self) -> Result<Option<Vec<Fact>>, Error> {
        if let Some(events) = self.days.next().await? {
            return Ok(Some(self.facts(events)));
        }
        let rest: Vec<_> = std::iter::from_fn(|| self.resolved.before(None)).map(resolution).collect();
        Ok((!rest.is_empty()).then_some(rest))
    }

    fn facts(&mut self, events: Vec<Located<Event>>) -> Vec<Fact> {
        let mut facts = Vec::with_capacity(events.len());
        for event in events {
            let at = (event.value.time, &event.place);
            facts.extend(std::iter::from_fn(|| self.resolved.before(Some(at))).map(resolution));
            facts.push(Fact::Event(event.value));
        }
        facts
    }
}

fn resolution(located: Located<Resolution>) -> Fact {
    Fact::Resolution(located.value)
}
