//! What a cut makes of a table: files that are no part of it yet, and records that turned out to be none. Pure but for the
//! files' names and times.

use crate::Error;
use crate::batch::{Cut, Rejected};
use crate::file::{self, Life};
use crate::table::failed;
use arrow::datatypes::SchemaRef;
use deltalake::DeltaTableError;
use deltalake::kernel::Add;
use interdict_schemas::lake::{self, Record, Table};
use interdict_schemas::{Time, wire};

/// Rows that are made at once: few enough that they are encoded before they leave the processor's cache.
const ROWS: usize = 1_024;

/// A file's path, its bytes, and what the log says of it.
pub(crate) type Encoded = (String, Vec<u8>, Add);

/// The files of a cut, and the records that turned out to be none. Every event has a row in `events`, so the other tables
/// need not tell of what is none.
pub(crate) fn encode(
    table: Table,
    schema: &SchemaRef,
    cut: &Cut,
    new: impl Fn(&Record) -> bool,
) -> Result<(Vec<Encoded>, Vec<Rejected>), Error> {
    let fail = |source| failed("write files of", table, DeltaTableError::Arrow { source });
    let (stored, now) = (file::stored(schema), Time::from(jiff::Timestamp::now()));
    let (mut files, mut rejected) = (Vec::new(), Vec::new());
    for (day, records) in cut.days(table, new) {
        let mut runs = lake::Runs::of(table);
        let mut unread = |record: &Record, error: wire::Error| {
            if !matches!(table, Table::Sessions | Table::Disclosures) {
                let Record { partition, offset, value } = record.clone();
                rejected.push(Rejected { partition, offset, value, reason: error.to_string() });
            }
            Ok(())
        };
        let batches = records.chunks(ROWS).map(|records| {
            let rows = runs.next(records.iter().copied(), &mut unread)?;
            file::conform(rows, &stored).map_err(fail)
        });
        let (bytes, found) = file::encode(table, Life::Short { records: records.len() }, &stored, batches)?;
        if found.file_metadata().num_rows() > 0 {
            let day = file::date(day);
            let path = file::name(&day);
            let add = file::add(path.clone(), &day, &bytes, &found, now, true);
            files.push((path, bytes, add));
        }
    }
    Ok((files, rejected))
}
