//! Retention: days that are older than they need to be go, but for the rows that are on hold. The commit that takes them
//! says up to which number of each log it took some, so that a proof can tell them from what was lost.

use super::Keeper;
use super::held::Held;
use super::left::{Left, Turn};
use super::taken::Taken;
use crate::Error;
use crate::file::{self, Life};
use crate::table::failed;
use arrow::array::RecordBatch;
use arrow::compute::{concat_batches, filter_record_batch, not};
use arrow::datatypes::SchemaRef;
use deltalake::DeltaTableError;
use deltalake::kernel::{Add, LogicalFileView};
use deltalake::protocol::DeltaOperation;
use interdict_schemas::Time;
use interdict_schemas::lake::day;

/// Files that go in one commit, for which each of their logs is looked up once in the table's.
const TOGETHER: usize = 64;

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
    /// Files of which another changed some at the same moment; the next round sees to them.
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
        self.take_out(days, now, true, false).await
    }

    /// The same of rows that also came `days` or more ago: what a clock that is wrong put into the past, or an import,
    /// is kept as long as what happens today. Of a file that a compaction made, its youngest row counts.
    ///
    /// # Errors
    /// As [`Keeper::retain`].
    pub async fn expire(&mut self, days: u32, now: Time) -> Result<Retained, Error> {
        self.take_out(days, now, false, false).await
    }

    /// What either would do; nothing is done.
    ///
    /// # Errors
    /// As [`Keeper::retain`].
    pub async fn due(&mut self, days: u32, now: Time, with_late: bool) -> Result<Retained, Error> {
        self.take_out(days, now, with_late, true).await
    }

    async fn take_out(&mut self, days: u32, now: Time, with_late: bool, is_dry: bool) -> Result<Retained, Error> {
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
        let operation = DeltaOperation::Delete { predicate: Some(format!("date < '{kept_from}'")) };
        for some in due.chunks(TOGETHER) {
            let mut out = Out { is_dry, ..Out::default() };
            for (date, view) in some {
                let rows = view.num_records().unwrap_or(0) as u64;
                if held.has_day(date) {
                    done.held += rows;
                } else if held.is_empty() {
                    out.take(view, rows);
                    if !is_dry {
                        out.taken.join(self.numbers(view).await?);
                    }
                } else if let Some(found) = turn.read(self, view, &stored).await? {
                    done.held += self.sift(&held, date, view, &stored, &found, &mut out).await?;
                }
            }
            if out.inputs.is_empty() {
                continue;
            }
            if is_dry || self.exchange(&out.inputs, &out.adds, &out.taken, operation.clone(), true).await? {
                done.files += out.inputs.len();
                done.rows += out.rows;
            } else {
                done.passed += out.inputs.len();
            }
        }
        done.left = if is_dry { turn.left() } else { self.end(turn).await? };
        Ok(done)
    }

    /// Takes the rows of a file out that are not held; how many are.
    async fn sift(
        &self,
        held: &Held,
        date: &str,
        view: &LogicalFileView,
        stored: &SchemaRef,
        found: &[RecordBatch],
        out: &mut Out,
    ) -> Result<u64, Error> {
        let wrong = |source| failed("filter", self.table, DeltaTableError::Arrow { source });
        let (mut kept, mut taken, mut rows) = (Vec::with_capacity(found.len()), Taken::default(), 0);
        for batch in found {
            let held = held.of(batch);
            kept.push(filter_record_batch(batch, &held).map_err(wrong)?);
            taken.add(batch, &not(&held).map_err(wrong)?).map_err(wrong)?;
            rows += batch.num_rows();
        }
        let kept = concat_batches(stored, &kept).map_err(wrong)?;
        let held = kept.num_rows();
        if held < rows {
            out.take(view, (rows - held) as u64);
            out.taken.join(taken);
        }
        if (1..rows).contains(&held) && !out.is_dry {
            let (bytes, metadata) = file::encode(self.table, Life::Long, &kept)?;
            let path = file::name(date);
            out.adds.push(file::add(path.clone(), date, &bytes, &metadata, came(view), true));
            self.put(&path, bytes).await?;
        }
        Ok(held as u64)
    }
}

/// What one commit takes out.
#[derive(Debug, Default)]
struct Out {
    /// Whether nothing is to be changed.
    is_dry: bool,
    inputs: Vec<String>,
    /// In their place, with the rows that are held.
    adds: Vec<Add>,
    taken: Taken,
    rows: u64,
}

impl Out {
    fn take(&mut self, view: &LogicalFileView, rows: u64) {
        self.inputs.push(view.path().into_owned());
        self.rows += rows;
    }
}

/// When the last of a file's rows came: maintenance keeps that time.
fn came(view: &LogicalFileView) -> Time {
    Time(view.modification_time().saturating_mul(1_000))
}
