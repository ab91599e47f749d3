//! Retention: days that are older than they need to be go, but for the rows that are on hold.

use super::Keeper;
use super::hold::{Held, Hold};
use crate::Error;
use crate::file::{self, Life};
use arrow::compute::{concat_batches, filter_record_batch};
use deltalake::kernel::Add;
use deltalake::protocol::DeltaOperation;
use interdict_schemas::Time;
use interdict_schemas::lake::day;

/// What a retention did.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Retained {
    /// Files that are gone.
    pub files: usize,
    /// Rows that are gone.
    pub rows: u64,
    /// Rows past their time that are on hold.
    pub held: u64,
    /// Files that another changed at the same moment; the next round sees to them.
    pub passed: usize,
}

impl Keeper {
    /// Takes the days that ended `days` or more before `now` out of the table. Their files are removed by a vacuum.
    ///
    /// # Errors
    /// When the storage fails, or a hold cannot be read; then no more is taken.
    pub async fn retain(&mut self, days: u32, now: Time) -> Result<Retained, Error> {
        let held = Held::new(Hold::all(&self.lake).await?);
        let kept_from = file::date(day(now).saturating_sub(i32::try_from(days).unwrap_or(i32::MAX)));
        let (mut done, stored) = (Retained::default(), self.stored()?);
        for (date, view) in self.files()?.into_iter().filter(|(date, _)| *date < kept_from) {
            let mut adds: Vec<Add> = Vec::new();
            let mut rows = view.num_records().unwrap_or(0) as u64;
            if !held.is_empty() {
                let found = self.read(&view, &stored).await?;
                rows = found.iter().map(|batch| batch.num_rows() as u64).sum();
                let kept = found.iter().map(|batch| filter_record_batch(batch, &held.of(batch)));
                let kept = kept.collect::<Result<Vec<_>, _>>().and_then(|kept| concat_batches(&stored, &kept));
                let kept = kept.map_err(|source| {
                    crate::table::failed("filter", self.table, deltalake::DeltaTableError::Arrow { source })
                })?;
                done.held += kept.num_rows() as u64;
                if kept.num_rows() as u64 == rows {
                    continue;
                }
                rows -= kept.num_rows() as u64;
                if kept.num_rows() > 0 {
                    let (bytes, metadata) = file::encode(self.table, Life::Long, &kept.schema(), [Ok(kept)])?;
                    let path = file::name(&date);
                    let came = Time(view.modification_time() * 1_000);
                    adds.push(file::add(path.clone(), &date, &bytes, &metadata, came, true));
                    self.put(&path, bytes).await?;
                }
            }
            let inputs = [view.path().into_owned()];
            let operation = DeltaOperation::Delete { predicate: Some(format!("date < '{kept_from}'")) };
            if self.replace(&inputs, &adds, operation, true).await? {
                done.files += 1;
                done.rows += rows;
            } else {
                done.passed += 1;
            }
        }
        Ok(done)
    }
}
