//! One table's logs, each walked with its checkpoints beside its rows.

use super::chain::{Found, Span, Walk, Walked};
use super::keys::Keys;
use super::narrow::Sorted;
use super::part::{self, Extent};
use super::report::{Break, Fault, Files, Spool, TableReport};
use super::retired::Retired;
use super::scan::Scan;
use super::signed::{Signed, Word};
use super::tally::Tally;
use super::{MAX_BREAKS, Options, Written, excused, files};
use crate::{Error, Snapshot};
use interdict_schemas::{Time, Topic};
use std::collections::{BTreeMap, HashMap, HashSet};
use std::ops::RangeInclusive;
use std::sync::atomic::Ordering;

/// Walks through one topic's table; with what its rows make in other tables.
pub(super) async fn table(
    lake: &Snapshot,
    topic: Topic,
    extent: Option<Extent>,
    options: &Options,
    keys: &mut Keys,
    files: &mut Files,
) -> Result<(TableReport, Tally), Error> {
    let table = part::table(topic);
    let report = TableReport::of(table.name());
    let spans = extent.as_ref().map(|extent| extent.spans.clone());
    let mut told =
        Told { lake, topic, options, spans: spans.clone(), keys, files, committed: BTreeMap::new(), report };
    let (mut seen, mut tally) = (HashSet::new(), Tally::default());
    if let Some(delta) = lake.delta(table) {
        let days = extent.as_ref().map(|extent| extent.days.as_slice());
        let wanted = files::of(delta, table)?.into_iter().filter(|file| file.is_of(days)).collect();
        if let Some(scan) = Scan::open(lake, table, wanted, spans).await? {
            let mut reading = Reading { scan, rows: None, at: 0 };
            while let Some((rows, at)) = reading.next().await? {
                let (spool, proxy) = (rows.spool(at), rows.row(at).proxy.to_owned());
                seen.insert(spool.to_string());
                told.log(&spool, &proxy, Some(&mut reading)).await?;
            }
            let (unnumbered, broken, made) = reading.scan.end();
            tally = made;
            told.report.unnumbered = unnumbered;
            for name in broken {
                if told.files.tells(&name) {
                    continue;
                }
                told.files.altered += 1;
                if told.files.changed.len() < MAX_BREAKS {
                    told.files.changed.push(name);
                }
            }
        }
    }
    for (spool, proxy) in told.others(&seen).await? {
        told.log(&spool, &proxy, None).await?;
    }
    told.report.spools.sort_by(|left, right| left.spool.cmp(&right.spool));
    Ok((told.report, tally))
}

/// What is known so far.
struct Told<'a> {
    lake: &'a Snapshot,
    topic: Topic,
    options: &'a Options,
    spans: Option<HashMap<String, RangeInclusive<u64>>>,
    keys: &'a mut Keys,
    files: &'a mut Files,
    /// By partition, up to where the table says that the bus was read, if it does. Partitions are few, and each row asks.
    committed: BTreeMap<u32, Option<u64>>,
    report: TableReport,
}

/// How far the rows were walked through.
struct Reading {
    scan: Scan,
    rows: Option<Sorted>,
    at: usize,
}

impl Reading {
    /// The next row, which stays: some rows, and which of them it is.
    async fn next(&mut self) -> Result<Option<(&Sorted, usize)>, Error> {
        while self.rows.as_ref().is_none_or(|rows| self.at >= rows.len()) {
            let Some(rows) = self.scan.next().await? else { return Ok(None) };
            (self.rows, self.at) = (Some(rows), 0);
        }
        Ok(self.rows.as_ref().map(|rows| (rows, self.at)))
    }
}

impl Told<'_> {
    /// Walks through one log: the rows as long as they are its own.
    async fn log(&mut self, spool: &str, proxy: &str, mut reading: Option<&mut Reading>) -> Result<(), Error> {
        let (span, numbers) = match self.spans.as_ref().map(|spans| spans.get(spool)) {
            // How far it must reach is what was signed there. Words about a span without numbers are looked at too:
            // one of them may have been put in to make it so.
            Some(Some(span)) => {
                let (before, last) = (span.start().saturating_sub(1), *span.end());
                let is_known = before > 0 || !self.options.head_may_be_gone;
                let first = is_known.then_some(*span.start());
                (Span { first, last: None }, before.min(last)..=before.max(last))
            }
            _ => {
                let written = self.written(spool).map(|written| written.last).max();
                // Of a log that nobody signs, the end that retention took is known from nowhere else.
                let taken = match self.spans {
                    None => self.lake.retired(part::table(self.topic), spool).await?,
                    Some(_) => None,
                };
                let last = written.max(taken);
                (Span { first: (!self.options.head_may_be_gone).then_some(1), last }, 0..=u64::MAX)
            }
        };
        let mut retired = Retired::default();
        let signed = Signed::open(self.lake, self.topic, spool, numbers).await;
        let mut signed = signed.or_else(|error| excused(self.files, error))?;
        signed.know(self.topic, spool, self.written(spool).filter_map(|written| Some((written.last, written.head?))));
        let mut walk = Walk::new(spool, self.topic, span);
        if let Some(reading) = &mut reading {
            while let Some((rows, from)) = reading.next().await? {
                if *rows.spool(from) != *spool {
                    break;
                }
                let to = from + rows.alike(from);
                let mut ahead = Vec::new();
                for row in (from..to).map(|at| rows.row(at)) {
                    while signed.may_have_before(row.sequence)
                        && let Some(Word { checkpoint, is_known }) = signed.before(row.sequence).await?
                    {
                        walk.checkpoint(&checkpoint, is_known || self.keys.believe(&checkpoint));
                    }
                    walk.row(&row);
                    let next = match self.committed.get(&row.partition) {
                        Some(next) => *next,
                        None => self.committed(row.partition).await?,
                    };
                    if next.is_some_and(|next| row.offset >= next) {
                        let (from, to, before) = (row.sequence, row.sequence, Some(row.time));
                        ahead.push(Found { fault: Fault::Ahead, from, to, after: None, before });
                    }
                }
                reading.at = to;
                self.options.progress.records.fetch_add((to - from) as u64, Ordering::Relaxed);
                self.add(spool, proxy, walk.take(), &mut retired).await?;
                self.add(spool, proxy, ahead, &mut retired).await?;
            }
        }
        while let Some(Word { checkpoint, is_known }) = signed.before(u64::MAX).await? {
            walk.checkpoint(&checkpoint, is_known || self.keys.believe(&checkpoint));
        }
        let (walked, found) = walk.finish(self.options.settled.unwrap_or(Time(i64::MAX)));
        self.add(spool, proxy, found, &mut retired).await?;
        let Walked { first, last, rows, missing, doubled, chained, signed, late, head } = walked;
        if self.spans.is_some() && (rows, missing, late) == (0, 0, 0) {
            return Ok(());
        }
        let Retired { numbers: retired, bare, newest, .. } = retired;
        self.report.retired_until = self.report.retired_until.take().max(newest.and_then(day));
        let (missing, head) = (missing.saturating_sub(retired), head.map(|head| head.to_string()));
        let (proxy, spool) = (proxy.to_owned(), spool.to_owned());
        self.report.retired += retired;
        self.report.spools.push(Spool {
            proxy,
            spool,
            first,
            last,
            rows,
            missing,
            retired,
            bare,
            doubled,
            chained,
            signed,
            late,
            head,
        });
        Ok(())
    }

    /// Tells what was found, but for what retention explains.
    async fn add(
        &mut self,
        spool: &str,
        proxy: &str,
        mut found: Vec<Found>,
        retired: &mut Retired,
    ) -> Result<(), Error> {
        if Retired::may_explain(&found) {
            let last = match retired.last {
                Some(last) => last,
                None => self.lake.retired(part::table(self.topic), spool).await?.unwrap_or_default(),
            };
            retired.last = Some(last);
            found = retired.explain(last, found);
        }
        self.report.faults += found.len() as u64;
        for Found { fault, from, to, after, before } in found {
            if self.report.breaks.len() == MAX_BREAKS {
                break;
            }
            let (after, before) = (after.and_then(day), before.and_then(day));
            let (proxy, spool) = (proxy.to_owned(), spool.to_owned());
            self.report.breaks.push(Break { proxy, spool, from, to, fault, after, before });
        }
        Ok(())
    }

    /// Up to where this partition was read: a row and the position behind it come in one commit.
    async fn committed(&mut self, partition: u32) -> Result<Option<u64>, Error> {
        let next = self.lake.next_offset(part::table(self.topic), self.topic, partition).await?;
        let next = next.and_then(|next| u64::try_from(next).ok());
        self.committed.insert(partition, next);
        Ok(next)
    }

    /// How far the log was written, as whoever asks knows it.
    fn written<'b>(&'b self, spool: &'b str) -> impl Iterator<Item = &'b Written> {
        let all = self.spans.is_none();
        let mine = move |written: &&Written| all && written.topic == self.topic && written.spool == spool;
        self.options.written.iter().filter(mine).filter(|written| written.last > 0)
    }

    /// Logs that have signed and of which no row is left.
    async fn others(&self, seen: &HashSet<String>) -> Result<Vec<(String, String)>, Error> {
        let sql = format!(
            "select log, max(signer) as signer from checkpoints where chain = '{}' group by log order by log",
            self.topic
        );
        let found = async {
            let mut found = Vec::new();
            for batch in self.lake.sql(&sql).await?.collect().await? {
                for row in 0..batch.num_rows() {
                    let text = |column| super::check::text(&batch, column, row);
                    found.push((text("log")?.unwrap_or_default(), text("signer")?.unwrap_or_default()));
                }
            }
            Ok(found)
        };
        let mut others: Vec<(String, String)> = found.await.or_else(|error| excused(self.files, error))?;
        match &self.spans {
            Some(spans) => others.retain(|(spool, _)| spans.contains_key(spool)),
            None => {
                let written = self.options.written.iter().filter(|written| written.topic == self.topic);
                others.extend(written.map(|written| (written.spool.clone(), String::new())));
            }
        }
        let mut seen = seen.clone();
        others.retain(|(spool, _)| seen.insert(spool.clone()));
        Ok(others)
    }
}

/// The day of a moment, in UTC.
fn day(time: Time) -> Option<String> {
    time.to_string().get(..10).map(str::to_owned)
}
