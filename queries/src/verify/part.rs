//! Which part of the lake is asked for: a stretch of time or a session, as the numbers of the logs that it touches,
//! widened to the checkpoints around them, so that a signature stands at both ends. The signed words say themselves which
//! numbers a stretch of time has, so that what is missing at its ends is found, and a log of which nothing is left.

use super::check::{number, text};
use crate::{Error, Snapshot};
use datafusion::scalar::ScalarValue;
use interdict_schemas::lake::Table;
use interdict_schemas::{Time, Topic};
use std::collections::{HashMap, HashSet};
use std::ops::RangeInclusive;

/// What is to be proven.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub enum Part {
    /// The whole lake.
    #[default]
    All,
    /// What lies between two moments, both included.
    Between(Time, Time),
    /// One session.
    Session(String),
}

/// From a day to a day, as the tables have them.
pub(super) type Days = RangeInclusive<String>;

/// The numbers of one topic that a part consists of, and the days that may hold them. A log that wrote nothing in that
/// time has a span without numbers, at whose ends signed words are looked at all the same.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub(super) struct Extent {
    pub(super) spans: HashMap<String, RangeInclusive<u64>>,
    pub(super) days: Vec<Days>,
}

/// What a part consists of.
#[derive(Debug)]
pub(super) struct Extents {
    pub(super) events: Extent,
    pub(super) recordings: Extent,
    /// Whether no event of the session that is asked for is there.
    pub(super) is_absent: bool,
}

impl Extents {
    /// Finds them; nothing where all is asked for.
    pub(super) async fn find(lake: &Snapshot, part: &Part) -> Result<Option<Self>, Error> {
        let bounds = match part {
            Part::All => return Ok(None),
            Part::Between(from, to) => Bounds { from: *from, to: *to, logs: None, is_absent: false },
            Part::Session(session) => Bounds::of(lake, session).await?,
        };
        Ok(Some(Self {
            events: bounds.extent(lake, Topic::Events, part).await?,
            recordings: bounds.extent(lake, Topic::Recordings, part).await?,
            is_absent: bounds.is_absent,
        }))
    }

    pub(super) fn days(&self) -> Vec<Days> {
        [self.events.days.as_slice(), &self.recordings.days].concat()
    }
}

/// The moments between which a part lies.
struct Bounds {
    from: Time,
    to: Time,
    /// The logs that it is in; all, where it is a stretch of time.
    logs: Option<HashSet<String>>,
    is_absent: bool,
}

impl Bounds {
    /// A session's: from its opening to its end. Where one of them is not in the lake, whatever its logs wrote before or
    /// after may have been of it.
    async fn of(lake: &Snapshot, session: &str) -> Result<Self, Error> {
        let (mut first, mut last, mut logs) = (None, None, HashSet::new());
        let (mut is_begun, mut is_ended) = (false, false);
        let sql = "select spool, count(previous) as chained, min(coalesce(opened, time)) as first, max(time) as last, \
                   count(case when kind in ('opened', 'refused') or opened is not null then 1 end) as begun, \
                   count(case when kind in ('closed', 'refused') then 1 end) as ended \
                   from events where session = $1 group by spool";
        for batch in lake.ask(sql, vec![ScalarValue::from(session)]).await?.collect().await? {
            for row in 0..batch.num_rows() {
                let count = |column| number(&batch, column, row);
                let time = |column| Ok::<_, Error>(Time(i64::try_from(count(column)?).unwrap_or(i64::MAX)));
                first = first.into_iter().chain([time("first")?]).min();
                last = last.max(Some(time("last")?));
                is_begun |= count("begun")? > 0;
                is_ended |= count("ended")? > 0;
                if count("chained")? > 0 {
                    logs.extend(text(&batch, "spool", row)?);
                }
            }
        }
        let sql = "select distinct spool from recordings where session = $1 and previous is not null";
        for batch in lake.ask(sql, vec![ScalarValue::from(session)]).await?.collect().await? {
            for row in 0..batch.num_rows() {
                logs.extend(text(&batch, "spool", row)?);
            }
        }
        Ok(Self {
            from: first.filter(|_| is_begun).unwrap_or(Time(i64::MIN)),
            to: last.filter(|_| is_ended).unwrap_or(Time(i64::MAX)),
            logs: Some(logs),
            is_absent: first.is_none(),
        })
    }

    async fn extent(&self, lake: &Snapshot, topic: Topic, part: &Part) -> Result<Extent, Error> {
        let micros = |time: Time| ScalarValue::TimestampMicrosecond(Some(time.0), Some("UTC".into()));
        let mut values = vec![micros(self.from), micros(self.to)];
        let condition = match part {
            Part::Session(session) => {
                values.push(ScalarValue::from(session.as_str()));
                "session = $3"
            }
            _ => "time between $1 and $2",
        };
        let table = table(topic).name();
        // Rows and signed words each know numbers that the others may not: unsigned ones, and those that are gone.
        let sql = format!(
            "with touched as (select spool, min(sequence) as first, max(sequence) as last from {table} \
               where {condition} and spool is not null and previous is not null group by spool), \
             signed as (select log, max(case when time < $1 then last end) as before, \
               min(case when time >= $2 then last end) as behind, max(last) as newest \
               from checkpoints where chain = '{topic}' group by log), \
             meant as (select coalesce(t.spool, s.log) as log, \
               least(t.first, case when s.log is not null then coalesce(s.before, 0) + 1 end) as first, \
               greatest(t.last, coalesce(s.behind, s.newest)) as last \
               from touched t full join signed s on s.log = t.spool) \
             select m.log, coalesce(max(case when c.last < m.first then c.last end) + 1, m.first) as first, \
               coalesce(min(case when c.last >= m.last then c.last end), m.last) as last \
             from meant m left join checkpoints c on c.log = m.log and c.chain = '{topic}' \
             group by m.log, m.first, m.last"
        );
        let mut extent = Extent { days: vec![self.days()], ..Extent::default() };
        for batch in lake.ask(&sql, values).await?.collect().await? {
            for row in 0..batch.num_rows() {
                let Some(log) = text(&batch, "log", row)? else { continue };
                if self.logs.as_ref().is_none_or(|logs| logs.contains(&log)) {
                    extent.spans.insert(log, number(&batch, "first", row)?..=number(&batch, "last", row)?);
                }
            }
        }
        for (log, span) in extent.spans.iter().filter(|(_, span)| !span.is_empty()) {
            let sql = format!(
                "select cast(min(date) as varchar) as first, cast(max(date) as varchar) as last from {table} \
                 where spool = $1 and sequence between $2 and $3"
            );
            let bound = |value: &u64| ScalarValue::Int64(i64::try_from(*value).ok());
            let values = vec![ScalarValue::from(log.as_str()), bound(span.start()), bound(span.end())];
            for batch in lake.ask(&sql, values).await?.collect().await? {
                for row in 0..batch.num_rows() {
                    if let (Some(first), Some(last)) = (text(&batch, "first", row)?, text(&batch, "last", row)?) {
                        extent.days.push(first..=last);
                    }
                }
            }
        }
        Ok(extent)
    }

    /// The days that it lies in, whether or not a row of them is left. Whoever gives no bound means all there are.
    fn days(&self) -> Days {
        let day = |time: Time| {
            let at = jiff::Timestamp::from_microsecond(time.0).ok()?;
            Some(at.strftime("%Y-%m-%d").to_string())
        };
        day(self.from).unwrap_or_default()..=day(self.to).unwrap_or_else(|| "~".to_owned())
    }
}

/// The table whose rows are a chain's records.
pub(super) const fn table(topic: Topic) -> Table {
    match topic {
        Topic::Recordings => Table::Recordings,
        _ => Table::Events,
    }
}
