//! Compaction: the small files of a day become few big ones, in the table's order.

use super::left::{Left, Turn};
use super::shelf::{self, Given};
use super::sort::{self, Sorter};
use super::{Keeper, TARGET};
use crate::Error;
use crate::file;
use arrow::datatypes::SchemaRef;
use deltalake::kernel::{Add, LogicalFileView};
use deltalake::protocol::DeltaOperation;
use interdict_schemas::Time;
use interdict_schemas::lake::Table;
use parquet::file::metadata::ParquetMetaData;
use std::collections::BTreeMap;
use tokio::sync::mpsc;

/// What a compaction did.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Compacted {
    /// Small files that are gone.
    pub taken: usize,
    /// Files in their place.
    pub made: usize,
    /// Rows in them.
    pub rows: u64,
    /// Days in which another was quicker; the next round sees to them.
    pub passed: usize,
    /// Files that are not what was written, and stay.
    pub left: Left,
}

/// Bytes of files, and files, that are read together at most.
const SHELF: u64 = 8 << 20;
const SHELVED: usize = 128;

/// Whether a file is worth taking.
const fn is_small(size: i64) -> bool {
    size.unsigned_abs() < TARGET / 2
}

/// Files that are read together, one after another.
fn shelves(mut files: &[LogicalFileView]) -> impl Iterator<Item = &[LogicalFileView]> {
    std::iter::from_fn(move || {
        let mut bytes = 0_u64;
        let fits = |view: &&LogicalFileView| {
            bytes = bytes.saturating_add(view.size().unsigned_abs());
            bytes <= SHELF
        };
        // One that is larger stands alone.
        let count = files.iter().take(SHELVED).take_while(fits).count().max(1);
        let (some, rest) = files.split_at_checked(count)?;
        files = rest;
        Some(some)
    })
}

impl Keeper {
    /// Rewrites each day that has at least `least` small files, sorted, in bounded memory. Files that are not what was
    /// written stay.
    ///
    /// # Errors
    /// When the storage fails; what was compacted before stands.
    pub async fn compact(&mut self, least: usize) -> Result<Compacted, Error> {
        let (mut done, mut turn) = (Compacted::default(), Turn::default());
        let files = self.files()?;
        let days: Vec<(String, Vec<_>)> = files
            .chunk_by(|left, right| left.0 == right.0)
            .filter_map(|day| {
                let small = day.iter().filter(|(_, view)| is_small(view.size()));
                let mut small: Vec<_> = small.map(|(_, view)| view.clone()).collect();
                // What came together mostly happened together: so runs of one time each are merged.
                small.sort_by_key(LogicalFileView::modification_time);
                Some((day.first()?.0.clone(), small))
            })
            .filter(|(_, small): &(_, Vec<_>)| small.len() >= least.max(2))
            .collect();
        drop(files);
        for (day, small) in days {
            let (adds, taken, rows) = self.rewrite(&day, &small, &mut turn).await?;
            if adds.is_empty() {
                continue;
            }
            let inputs: Vec<String> = taken.iter().map(|view| view.path().into_owned()).collect();
            let target_size = i64::try_from(TARGET).unwrap_or(i64::MAX);
            let operation = DeltaOperation::Optimize { predicate: None, target_size };
            if self.replace(&inputs, &adds, operation, false).await? {
                done.taken += inputs.len();
                done.made += adds.len();
                done.rows += rows;
            } else {
                done.passed += 1;
            }
        }
        done.left = self.end(turn).await?;
        Ok(done)
    }

    /// Writes the rows of a day's files, sorted, into files of the size that is meant, and tells which ones it took; none
    /// if fewer than two are what was written.
    async fn rewrite(
        &self,
        day: &str,
        files: &[LogicalFileView],
        turn: &mut Turn,
    ) -> Result<(Vec<Add>, Vec<LogicalFileView>, u64), Error> {
        let (table, stored) = (self.table, self.stored()?);
        let (give, given) = mpsc::channel(1);
        let (send, mut encoded) = mpsc::channel(1);
        // One thread for all of a day: memory that one allocates and another one frees stays with the first for long.
        let sorting = tokio::task::spawn_blocking(move || {
            sorted(table, &stored, given, |file| send.blocking_send(file).is_ok())
        });
        let fetch = async {
            let mut fetched = Vec::with_capacity(files.len());
            for some in shelves(files) {
                let (views, files) = turn.fetch(self, some).await?;
                fetched.extend(views);
                if give.send(files).await.is_err() {
                    break;
                }
            }
            drop(give);
            Ok::<_, Error>(fetched)
        };
        // When the rows came, not when they were rewritten: that is what `Status` tells by it.
        let came = files.iter().map(LogicalFileView::modification_time).max().unwrap_or_default();
        let put = async {
            let (mut adds, mut rows) = (Vec::new(), 0);
            while let Some((bytes, found)) = encoded.recv().await {
                let path = file::name(day);
                rows += found.file_metadata().num_rows().unsigned_abs();
                adds.push(file::add(path.clone(), day, &bytes, &found, Time(came * 1_000), false));
                self.put(&path, bytes).await?;
            }
            Ok((adds, rows))
        };
        let (fetched, (adds, rows)) = tokio::try_join!(fetch, put)?;
        let wrong = sorting.await.map_err(|_| Error::CutShort(table.name()))??;
        Ok((adds, turn.drop_wrong(fetched, wrong), rows))
    }
}

/// Sorts the rows of files and hands on files of them, as long as `take` wants them. Those that are not what was written are
/// told, by their place among all that were given.
fn sorted(
    table: Table,
    stored: &SchemaRef,
    mut given: mpsc::Receiver<Vec<Given>>,
    take: impl FnMut((Vec<u8>, ParquetMetaData)) -> bool,
) -> Result<BTreeMap<usize, String>, Error> {
    let (mut sorter, mut wrong, mut count) = (Sorter::new(table, SchemaRef::clone(stored))?, BTreeMap::new(), 0);
    while let Some(files) = given.blocking_recv() {
        let before = count;
        count += files.len();
        let found = shelf::decode(files, stored);
        sorter.add(found.rows)?;
        wrong.extend(found.wrong.into_iter().map(|(at, reason)| (before + at, reason)));
    }
    if count - wrong.len() >= 2 {
        sort::write(sorter, TARGET, take)?;
    }
    Ok(wrong)
}
