//! What a cut makes of the tables of its topic: files that are no part of them yet, and records that turned out to be none.
//! Pure but for the files' names and times.

use crate::Error;
use crate::batch::{Cut, Rejected};
use crate::file::{self, Life, Writer};
use crate::table::failed;
use arrow::datatypes::SchemaRef;
use deltalake::DeltaTableError;
use deltalake::kernel::Add;
use interdict_schemas::lake::{Decoded, Record, Table, Tables};
use interdict_schemas::{Time, wire};
use std::sync::Arc;

/// Records that are decoded at once: few enough that their rows are encoded before they leave the processor's cache.
const RECORDS: usize = 1_024;

/// What a table wants of a cut.
pub(crate) struct Want {
    pub(crate) table: Table,
    pub(crate) schema: SchemaRef,
    /// Whether it has the rows of a record not yet.
    pub(crate) new: Box<dyn Fn(&Record) -> bool + Send>,
}

/// A file's path, its bytes, and what the log says of it.
pub(crate) type Encoded = (String, Vec<u8>, Add);

/// The files that a cut makes of each of the tables, and the records that turned out to be none.
///
/// # Errors
/// When Parquet does not take the rows, or encoding was cut short.
pub(crate) async fn encoded(wants: Vec<Want>, cut: &Arc<Cut>) -> Result<(Vec<Vec<Encoded>>, Vec<Rejected>), Error> {
    let (cut, main) = (Arc::clone(cut), wants.first().map_or("", |want| want.table.name()));
    // Sorting, encoding and compressing keep a core busy for a while; the proxy may share this runtime.
    let encoded = tokio::task::spawn_blocking(move || encode(&wants, &cut));
    encoded.await.map_err(|_| Error::CutShort(main))?
}

/// All tables at once: decoding a record costs as much as encoding its row.
fn encode(wants: &[Want], cut: &Cut) -> Result<(Vec<Vec<Encoded>>, Vec<Rejected>), Error> {
    let wanted = |record: &Record, tables: Tables| {
        let wants = wants.iter().filter(|want| tables.has(want.table) && (want.new)(record));
        wants.map(|want| want.table).collect()
    };
    let mut rejected = Vec::new();
    let mut unread = |record: &Record, error: wire::Error| {
        let Record { partition, offset, value } = record.clone();
        rejected.push(Rejected { partition, offset, value, reason: error.to_string() });
        Ok(())
    };
    let (mut decoded, mut files) = (Decoded::default(), Vec::new());
    files.resize_with(wants.len(), Vec::new);
    for (day, records) in cut.days(wanted) {
        let mut open = Vec::new();
        for (want, files) in wants.iter().zip(&mut files) {
            let count = records.iter().filter(|(_, tables)| tables.has(want.table)).count();
            if count > 0 {
                open.push((Open::new(want, count)?, files));
            }
        }
        for records in records.chunks(RECORDS) {
            decoded.next(records.iter().copied(), &mut unread)?;
            for (file, _) in &mut open {
                file.write(&decoded)?;
            }
        }
        for (file, files) in open {
            files.extend(file.close(day)?);
        }
    }
    Ok((files, rejected))
}

/// A file that is being written.
struct Open {
    table: Table,
    stored: SchemaRef,
    writer: Writer,
}

impl Open {
    fn new(want: &Want, records: usize) -> Result<Self, Error> {
        let stored = file::stored(&want.schema);
        let writer = Writer::new(want.table, Life::Short { records }, &stored)?;
        Ok(Self { table: want.table, stored, writer })
    }

    fn write(&mut self, decoded: &Decoded<'_>) -> Result<(), Error> {
        let rows = file::conform(decoded.rows(self.table)?, &self.stored);
        self.writer
            .write(&rows.map_err(|source| failed("write files of", self.table, DeltaTableError::Arrow { source }))?)
    }

    /// None if no record was one.
    fn close(self, day: i32) -> Result<Option<Encoded>, Error> {
        let (bytes, found) = self.writer.close()?;
        if found.file_metadata().num_rows() == 0 {
            return Ok(None);
        }
        let (day, now) = (file::date(day), Time::from(jiff::Timestamp::now()));
        let path = file::name(&day);
        let add = file::add(path.clone(), &day, &bytes, &found, now, true);
        Ok(Some((path, bytes, add)))
    }
}
