//! The resolutions that the lake holds, for a rebuild: in the order of time, to be folded between the events they came between.
//! The collector commits each table by itself, so this one may be a little behind the events; where it is, the bus is
//! to be read from its position, and whoever folds drops the events that come again.

use crate::history::Error;
use crate::past::register;
use datafusion::error::DataFusionError;
use datafusion::prelude::SessionContext;
use deltalake::DeltaTable;
use interdict_bus::From as Offsets;
use interdict_schemas::lake::txn::Txn;
use interdict_schemas::lake::{self, Located, Place, Table};
use interdict_schemas::{Resolution, Time, Topic};
use std::collections::VecDeque;

/// Resolutions not yet folded.
#[derive(Debug, Default)]
pub(crate) struct Resolved(VecDeque<Located<Resolution>>);

impl Resolved {
    /// Opens those since `since`, and lowers `next` to what the lake has of them.
    ///
    /// # Errors
    /// When there is a table and it cannot be read.
    pub(crate) async fn open(lake: &str, since: Time, next: &mut Offsets) -> Result<Self, Error> {
        let context = SessionContext::new();
        let Some(delta) = register(&context, lake, Table::Resolutions, false).await? else {
            return Ok(Self::default());
        };
        let table = Table::Resolutions.name();
        for (partition, next) in next {
            if let Some(offset) = position(&delta, *partition).await? {
                *next = offset.min(*next);
            }
        }
        let read = |source| Error::read(table, source);
        let sql = format!(
            "select * from {table} where date >= cast({} as date) order by time, bus_partition, bus_offset",
            lake::day(since)
        );
        let mut waiting = VecDeque::new();
        for batch in context.sql(&sql).await.map_err(read)?.collect().await.map_err(read)? {
            let resolutions = lake::resolutions(&batch);
            waiting.extend(resolutions.map_err(|error| read(DataFusionError::External(error.into())))?);
        }
        Ok(Self(waiting))
    }

    /// The next that was given before an event of this time and place; with none, the next of all.
    pub(crate) fn before(&mut self, event: Option<(Time, &Place)>) -> Option<Located<Resolution>> {
        let at = |time: Time, place: &Place| (time, place.partition, place.offset);
        let goes = |next: &Located<Resolution>| {
            event.is_none_or(|(time, place)| at(next.value.time, &next.place) < at(time, place))
        };
        self.0.pop_front_if(|next| goes(next))
    }
}

async fn position(delta: &DeltaTable, partition: u32) -> Result<Option<u64>, Error> {
    let table = Table::Resolutions.name();
    let failed = |source| Error::Table { table: table.into(), source: Box::new(source) };
    let id = Txn::Next { topic: Topic::Events, partition }.to_string();
    let store = delta.log_store();
    let version = delta.snapshot().map_err(failed)?.transaction_version(store.as_ref(), id).await.map_err(failed)?;
    Ok(version.and_then(|version| u64::try_from(version).ok()))
}
