//! The resolutions that the lake holds, in the order of time, to be folded between the events they came between.
//! The collector commits each table by itself, so this one may be a little behind the events; where it is, the bus is
//! to be read from its position, and whoever folds drops the events that come again.

use super::order::Ordered;
use super::tables::{Error, Span, position, register};
use datafusion::error::DataFusionError;
use datafusion::prelude::SessionContext;
use interdict_bus::From as Offsets;
use interdict_schemas::lake::{self, Located, Place, Table};
use interdict_schemas::{Resolution, Time};
use std::collections::VecDeque;

const TABLE: &str = Table::Resolutions.name();

/// Resolutions not yet folded.
#[derive(Debug, Default)]
pub(super) struct Resolved(VecDeque<Located<Resolution>>);

impl Resolved {
    /// Opens those of a span, and lowers `next` to what the lake has of them.
    ///
    /// # Errors
    /// When there is a table and it cannot be read.
    pub(super) async fn open(lake: &str, span: &Span, next: &mut Offsets) -> Result<Self, Error> {
        let context = SessionContext::new();
        let Some(delta) = register(&context, lake, Table::Resolutions, false).await? else {
            return Ok(Self::default());
        };
        for (partition, next) in next {
            if let Some(offset) = position(&delta, TABLE, *partition).await? {
                *next = offset.min(*next);
            }
        }
        Self::read(&context, span).await
    }

    /// Those of a span, of a table that is registered.
    ///
    /// # Errors
    /// When it cannot be read.
    pub(super) async fn read(context: &SessionContext, span: &Span) -> Result<Self, Error> {
        let read = |source| Error::read(TABLE, source);
        let sql = format!("select * from {TABLE} where {} order by {}", span.rows(), Ordered::BY);
        let mut waiting = VecDeque::new();
        for batch in context.sql(&sql).await.map_err(read)?.collect().await.map_err(read)? {
            let resolutions = lake::resolutions(&batch);
            waiting.extend(resolutions.map_err(|error| read(DataFusionError::External(error.into())))?);
        }
        Ok(Self(waiting))
    }

    /// The next that was given before an event of this time and place; with none, the next of all.
    pub(super) fn before(&mut self, event: Option<(Time, &Place)>) -> Option<Located<Resolution>> {
        let at = |time: Time, place: &Place| (time, place.partition, place.offset);
        let goes = |next: &Located<Resolution>| {
            event.is_none_or(|(time, place)| at(next.value.time, &next.place) < at(time, place))
        };
        self.0.pop_front_if(|next| goes(next))
    }
}
