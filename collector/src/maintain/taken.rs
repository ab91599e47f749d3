//! Up to which number of each log retention took rows: said in the commit that takes them, so that a proof can tell them
//! from what was lost.

use super::Keeper;
use crate::Error;
use crate::table::version;
use arrow::array::{AsArray as _, BooleanArray, RecordBatch};
use arrow::compute::cast;
use arrow::datatypes::{DataType, Int64Type};
use arrow::error::ArrowError;
use deltalake::DeltaTable;
use deltalake::kernel::{LogicalFileView, Transaction};
use interdict_schemas::lake::Table;
use interdict_schemas::lake::txn::Txn;
use parquet::errors::ParquetError;
use std::collections::BTreeMap;

impl Keeper {
    /// The numbers of a file's rows. Of one that is gone or broken there are none to be had: its rows were lost before.
    ///
    /// # Errors
    /// When the storage fails.
    pub(super) async fn numbers(&self, view: &LogicalFileView) -> Result<Taken, Error> {
        let mut taken = Taken::default();
        let read = self.columns(view, [SPOOL, SEQUENCE], |batch| {
            Ok(taken.add(batch, &BooleanArray::from(vec![true; batch.num_rows()]))?)
        });
        let error = match read.await {
            Ok(()) => return Ok(taken),
            Err(ParquetError::External(error)) => match error.downcast::<object_store::Error>() {
                Ok(source) if !matches!(*source, object_store::Error::NotFound { .. }) => {
                    return Err(Error::Storage { doing: "read", table: self.table.name(), source: *source });
                }
                Ok(gone) => gone.to_string(),
                Err(error) => error.to_string(),
            },
            Err(error) => error.to_string(),
        };
        let (table, file) = (self.table.name(), view.path());
        tracing::warn!(table, %file, error, "nobody can say which rows were in a file that retention takes");
        Ok(Taken::default())
    }
}

const SPOOL: &str = "spool";
const SEQUENCE: &str = "sequence";

/// The highest number of each log that is taken out.
#[derive(Debug, Default)]
pub(super) struct Taken(BTreeMap<String, i64>);

impl Taken {
    /// Adds those rows of a batch for which `which` holds. What no proxy wrote has no number.
    pub(super) fn add(&mut self, rows: &RecordBatch, which: &BooleanArray) -> Result<(), ArrowError> {
        let (Some(spools), Some(sequences)) = (rows.column_by_name(SPOOL), rows.column_by_name(SEQUENCE)) else {
            return Ok(());
        };
        let (spools, sequences) = (cast(spools, &DataType::Utf8)?, cast(sequences, &DataType::Int64)?);
        let rows = spools.as_string::<i32>().iter().zip(sequences.as_primitive::<Int64Type>()).zip(which);
        for ((spool, sequence), which) in rows {
            let (Some(spool), Some(sequence), Some(true)) = (spool, sequence, which) else { continue };
            match self.0.get_mut(spool) {
                Some(last) => *last = sequence.max(*last),
                None => drop(self.0.insert(spool.to_owned(), sequence)),
            }
        }
        Ok(())
    }

    /// Adds what else is taken out.
    pub(super) fn join(&mut self, other: Self) {
        for (spool, last) in other.0 {
            let known = self.0.entry(spool).or_insert(last);
            *known = last.max(*known);
        }
    }

    /// What says so in a commit on top of this state of the table, but for what stands there already.
    pub(super) async fn above(&self, delta: &DeltaTable, table: Table) -> Result<Vec<Transaction>, Error> {
        let mut txns = Vec::new();
        for (spool, last) in &self.0 {
            let txn = Txn::Retired { topic: table.topic(), spool: spool.clone() };
            let stands = version(delta, table, &txn).await?.and_then(|stands| i64::try_from(stands).ok());
            if stands.is_none_or(|stands| stands < *last) {
                txns.push(Transaction::new(txn, *last));
            }
        }
        Ok(txns)
    }
}
