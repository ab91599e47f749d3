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

/// What is read together at most: bytes of files, files, and rows, all of which are in memory at once.
const BYTES: u64 = 8 << 20;
const FILES: usize = 128;
const ROWS: usize = 32 << 10;

/// Whether a file is worth taking.
const fn is_small(size: i64) -> bool {
    size.unsigned_abs() < TARGET / 2
}

/// Files that are read together, one after another.
fn shelves(mut files: &[LogicalFileView]) -> impl Iterator<Item = &[LogicalFileView]> {
    std::iter::from_fn(move || {
        let (mut bytes, mut rows) = (0_u64, 0_usize);
        let fits = |view: &&LogicalFileView| {
            bytes = bytes.saturating_add(view.size().unsigned_abs());
            rows = rows.saturating_add(view.num_records().unwrap_or_default());
            bytes <= BYTES && rows <= ROWS
        };
        // One that is larger stands alone.
        let count = files.iter().take(FILES).take_while(fits).count().max(1);
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
            if taken.len() < 2 {
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
            sort_and_write(table, &stored, given, |file| send.blocking_send(file).is_ok())
        });
        let fetch = async {
            let mut fetched = Vec::with_capacity(files.len());
            for some in shelves(files) {
                let (views, files) = turn.fetch(self, some).await?;
                fetched.extend(views);
                if give.send(Some(files)).await.is_err() {
                    break;
                }
            }
            // Whoever sorts has failed if nobody takes it, and tells why.
            let _ = give.send(None).await;
            Ok::<_, Error>(fetched)
        };
        let put = async {
            let (mut adds, mut rows) = (Vec::new(), 0);
            while let Some((bytes, found)) = encoded.recv().await {
                let path = file::name(day);
                rows += found.file_metadata().num_rows().unsigned_abs();
                adds.push(file::add(path.clone(), day, &bytes, &found, Time(0), false));
                self.put(&path, bytes).await?;
            }
            Ok((adds, rows))
        };
        let (fetched, (mut adds, rows)) = tokio::try_join!(fetch, put)?;
        let wrong = sorting.await.map_err(|_| Error::CutShort(table.name()))??;
        let taken = turn.drop_wrong(fetched, wrong);
        // When the rows came, not when they were rewritten: that is what `Status` tells by it. Whose they are is known now.
        let came = taken.iter().map(LogicalFileView::modification_time).max().unwrap_or_default();
        adds.iter_mut().for_each(|add| add.modification_time = came);
        Ok((adds, taken, rows))
    }
}

/// Sorts the rows of files and hands on files of them, as long as `take` wants them; nothing if it is never told that it was
/// given all. Those that are not what was written are told, by their place among all that were given.
fn sort_and_write(
    table: Table,
    stored: &SchemaRef,
    mut given: mpsc::Receiver<Option<Vec<Given>>>,
    take: impl FnMut((Vec<u8>, ParquetMetaData)) -> bool,
) -> Result<BTreeMap<usize, String>, Error> {
    let (mut sorter, mut wrong, mut count) = (Sorter::new(table, SchemaRef::clone(stored))?, BTreeMap::new(), 0);
    loop {
        let files = match given.blocking_recv() {
            Some(Some(files)) => files,
            Some(None) => break,
            // Given up: the storage failed.
            None => return Ok(wrong),
        };
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

#[cfg(test)]
mod tests {
    use super::*;
    use crate::file::Life;
    use crate::maintain::sort::tests::{batch, schema};

    /// A file of one row.
    fn given(index: i64, is_right: bool) -> Given {
        let rows = batch(&[(0, index)], index);
        let (bytes, _) = file::encode(Table::Recordings, Life::Short { records: 1 }, &rows).expect("a file");
        let digest = if is_right { file::digest(&bytes) } else { "another".to_owned() };
        Given { bytes: bytes.into(), digest: Some(digest) }
    }

    /// What is told of files that come in these shelves, and how many files are made of them.
    fn outcome(shelves: Vec<Vec<Given>>, is_all: bool) -> (Vec<usize>, usize) {
        let (give, all) = mpsc::channel(8);
        shelves.into_iter().for_each(|shelf| give.try_send(Some(shelf)).expect("room"));
        if is_all {
            give.try_send(None).expect("room");
        }
        drop(give);
        let mut made = 0;
        let told = sort_and_write(Table::Recordings, &schema(), all, |_| {
            made += 1;
            true
        });
        (told.expect("sorted").into_keys().collect(), made)
    }

    #[test]
    fn what_is_wrong_is_told_by_its_place_among_all() {
        let shelf = |rights: &[bool]| (0..).zip(rights).map(|(index, right)| given(index, *right)).collect();
        let shelves = vec![shelf(&[true, false, true]), shelf(&[]), shelf(&[false, true]), shelf(&[true, false])];
        assert_eq!(outcome(shelves, true), (vec![1, 3, 6], 1));
    }

    #[test]
    fn one_that_is_right_is_not_written_again() {
        assert_eq!(outcome(vec![vec![given(0, true), given(1, false)]], true), (vec![1], 0));
        assert_eq!(outcome(Vec::new(), true), (Vec::new(), 0));
    }

    #[test]
    fn nothing_is_made_of_a_part_of_them() {
        assert_eq!(outcome(vec![vec![given(0, true), given(1, true)]], false), (Vec::new(), 0));
    }
}
