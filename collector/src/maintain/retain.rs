//! Retention: days that are older than they need to be go, but for the rows that are on hold. The commit that takes them
//! says up to which number of each log it took some, so that a proof can tell them from what was lost.

use super::Keeper;
use super::held::Held;
use super::left::{Left, Turn};
use super::taken::Taken;
use crate::Error;
use crate::file::{self, Life};
use crate::table::failed;
use arrow::compute::{concat_batches, filter_record_batch, not};
use deltalake::DeltaTableError;
use deltalake::kernel::{Add, LogicalFileView};
use deltalake::protocol::DeltaOperation;
use interdict_schemas::Time;
use interdict_schemas::lake::day;

/// What a retention did.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Retained {
    /// Files that are gone.
    pub files: usize,
    /// Rows that are gone.
    pub rows: u64,
    /// Rows past their time that are on hold.
    pub held: u64,
    /// Rows of such days that came within the days that are kept, and stay.
    pub late: u64,
    /// Files that another changed at the same moment; the next round sees to them.
    pub passed: usize,
    /// Files that are not what was written, and stay, since nobody can say whether rows in them are on hold.
    pub left: Left,
}

impl Keeper {
    /// Takes the days that ended `days` or more before `now` out of the table, whenever their rows came. Their files are
    /// removed by a vacuum.
    ///
    /// # Errors
    /// When the storage fails, or a hold cannot be read; then no more is taken.
    pub async fn retain(&mut self, days: u32, now: Time) -> Result<Retained, Error> {
        self.take_out(days, now, true).await
    }

    /// The same of rows that also came `days` or more ago: what a clock that is wrong put into the past, or an import,
    /// is kept as long as what happens today. Of a file that a compaction made, its youngest row counts.
    ///
    /// # Errors
    /// As [`Keeper::retain`].
    pub async fn expire(&mut self, days: u32, now: Time) -> Result<Retained, Error> {
        self.take_out(days, now, false).await
    }

    async fn take_out(&mut self, days: u32, now: Time, with_late: bool) -> Result<Retained, Error> {
        let kept_from = file::date(day(now).saturating_sub(i32::try_from(days).unwrap_or(i32::MAX)));
        let (mut done, mut turn, stored) = (Retained::default(), Turn::default(), self.stored()?);
        let mut due: Vec<_> = self.files()?.into_iter().filter(|(date, _)| *date < kept_from).collect();
        due.retain(|(_, view)| {
            let is_late = file::date(day(came(view))) >= kept_from;
            if is_late && !with_late {
                done.late += view.num_records().unwrap_or(0) as u64;
            }
            with_late || !is_late
        });
        if due.is_empty() {
            return Ok(done);
        }
        let held = Held::of_lake(&self.lake, self.table, &kept_from).await?;
        let table = self.table;
        let wrong = |source| failed("filter", table, DeltaTableError::Arrow { source });
        for (date, view) in due {
            let mut adds: Vec<Add> = Vec::new();
            let mut rows = view.num_records().unwrap_or(0) as u64;
            if held.has_day(&date) {
                done.held += rows;
                continue;
            }
            let mut taken = Taken::default();
            if held.is_empty() {
                taken = self.numbers(&view).await?;
            } else {
                let Some(found) = turn.read(self, &view, &stored).await? else { continue };
                rows = found.iter().map(|batch| batch.num_rows() as u64).sum();
                let mut kept = Vec::with_capacity(found.len());
                for batch in &found {
                    let held = held.of(batch);
                    kept.push(filter_record_batch(batch, &held).map_err(wrong)?);
                    taken.add(batch, &not(&held).map_err(wrong)?).map_err(wrong)?;
                }
                let kept = concat_batches(&stored, &kept).map_err(wrong)?;
                done.held += kept.num_rows() as u64;
                if kept.num_rows() as u64 == rows {
                    continue;
                }
                rows -= kept.num_rows() as u64;
                if kept.num_rows() > 0 {
                    let (bytes, metadata) = file::encode(self.table, Life::Long, &kept.schema(), [Ok(kept)])?;
                    let path = file::name(&date);
                    adds.push(file::add(path.clone(), &date, &bytes, &metadata, came(&view), true));
                    self.put(&path, bytes).await?;
                }
            }
            let inputs = [view.path().into_owned()];
            let operation = DeltaOperation::Delete { predicate: Some(format!("date < '{kept_from}'")) };
            if self.exchange(&inputs, &adds, &taken, operation, true).await? {
                done.files += 1;
                done.rows += rows;
            } else {
                done.passed += 1;
            }
        }
        done.left = self.end(turn).await?;
        Ok(done)
    }
}

/// When the last of a file's rows came: maintenance keeps that time.
fn came(view: &LogicalFileView) -> Time {
    Time(view.modification_time().saturating_mul(1_000))
}
