//! Compaction: the small files of a day become few big ones, in the table's order.

use super::left::{Left, Turn};
use super::sort::{self, Sorter};
use super::{Keeper, TARGET};
use crate::Error;
use crate::file;
use deltalake::kernel::{Add, LogicalFileView};
use deltalake::protocol::DeltaOperation;
use interdict_schemas::Time;
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

/// Whether a file is worth taking.
const fn is_small(size: i64) -> bool {
    size.unsigned_abs() < TARGET / 2
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
                let small: Vec<_> = day.iter().filter(|(_, view)| is_small(view.size())).collect();
                let date = day.first()?.0.clone();
                let views = small.into_iter().map(|(_, view)| view.clone()).collect();
                Some((date, views))
            })
            .filter(|(_, small): &(_, Vec<_>)| small.len() >= least.max(2))
            .collect();
        drop(files);
        for (day, small) in days {
            let stored = self.stored()?;
            let mut sorter = Sorter::new(self.table, stored.clone())?;
            let mut taken = Vec::with_capacity(small.len());
            for view in small {
                if let Some(rows) = turn.read(self, &view, &stored).await? {
                    sorter = sorter.add(rows).await?;
                    taken.push(view);
                }
            }
            if taken.len() < 2 {
                continue;
            }
            // When the rows came, not when they were rewritten: that is what `Status` tells by it.
            let came = taken.iter().map(LogicalFileView::modification_time).max().unwrap_or_default();
            let (adds, rows) = self.write(sorter, &day, Time(came * 1_000)).await?;
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

    /// Writes sorted rows into files of the size that is meant.
    async fn write(&self, sorter: Sorter, day: &str, came: Time) -> Result<(Vec<Add>, u64), Error> {
        let (send, mut encoded) = mpsc::channel(1);
        let merge =
            tokio::task::spawn_blocking(move || sort::write(sorter, TARGET, |file| send.blocking_send(file).is_ok()));
        let (mut adds, mut rows) = (Vec::new(), 0);
        while let Some((bytes, found)) = encoded.recv().await {
            let path = file::name(day);
            rows += found.file_metadata().num_rows().unsigned_abs();
            adds.push(file::add(path.clone(), day, &bytes, &found, came, false));
            self.put(&path, bytes).await?;
        }
        merge.await.map_err(|_| Error::CutShort(self.table.name()))??;
        Ok((adds, rows))
    }
}
