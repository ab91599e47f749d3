//! The columns of a Delta table: those that it is made with, and those that a newer build adds.

use super::{CHECKPOINT_INTERVAL, LOG_RETENTION, failed};
use crate::commit::Marks;
use crate::{Error, file};
use arrow::datatypes::{Schema, SchemaRef};
use deltalake::kernel::engine::arrow_conversion::{TryIntoArrow as _, TryIntoKernel as _};
use deltalake::kernel::transaction::CommitProperties;
use deltalake::kernel::{StructType, Transaction};
use deltalake::operations::create::CreateBuilder;
use deltalake::protocol::SaveMode;
use deltalake::{DeltaTable, DeltaTableError};
use interdict_bus::From;
use interdict_schemas::lake::{self, Table};
use std::sync::Arc;

fn kernel(table: Table) -> Result<StructType, Error> {
    table
        .schema()
        .as_ref()
        .try_into_kernel()
        .map_err(|source| failed("describe", table, DeltaTableError::Arrow { source }))
}

pub(super) async fn create(delta: &DeltaTable, table: Table, begin: &From) -> Result<DeltaTable, Error> {
    let fields = kernel(table)?;
    let setting = |key: &str, value: &str| (key.to_owned(), Some(value.to_owned()));
    let known: Vec<&str> =
        file::STATISTICS.into_iter().filter(|name| table.schema().column_with_name(name).is_some()).collect();
    let begin = Marks { next: begin.clone(), ..Marks::default() }.txns(table.topic());
    let begin = begin.into_iter().map(|(id, at)| Transaction::new(id, at)).collect();
    let made = CreateBuilder::new()
        .with_commit_properties(CommitProperties::default().with_application_transactions(begin))
        .with_log_store(delta.log_store())
        .with_table_name(table.name())
        .with_columns(fields.fields().cloned())
        .with_partition_columns([lake::PARTITION])
        .with_save_mode(SaveMode::Ignore)
        .with_configuration([
            setting("delta.checkpointInterval", &CHECKPOINT_INTERVAL.to_string()),
            setting("delta.logRetentionDuration", LOG_RETENTION),
            setting("delta.dataSkippingStatsColumns", &known.join(",")),
        ]);
    made.await.map_err(|source| failed("create", table, source))
}

pub(crate) fn schema(delta: &DeltaTable, table: Table) -> Result<SchemaRef, Error> {
    let fail = |source| failed("read the schema of", table, source);
    let snapshot = delta.snapshot().map_err(fail)?;
    let arrow: Schema =
        snapshot.schema().as_ref().try_into_arrow().map_err(|source| fail(DeltaTableError::Arrow { source }))?;
    Ok(Arc::new(arrow))
}

/// Adds the columns that this build knows and the table lacks.
pub(super) async fn evolve(delta: DeltaTable, table: Table) -> Result<DeltaTable, Error> {
    let found = schema(&delta, table)?;
    let mismatch = |column: &str, found: String, expected: String| Error::Schema {
        table: table.name(),
        column: column.to_owned(),
        found,
        expected,
    };
    let mut missing = Vec::new();
    let wanted = kernel(table)?;
    for (field, column) in table.schema().fields().iter().zip(wanted.fields()) {
        match found.field_with_name(field.name()) {
            Ok(there) if there.data_type() == field.data_type() => {}
            Ok(there) => {
                let (there, ours) = (there.data_type().to_string(), field.data_type().to_string());
                return Err(mismatch(field.name(), there, ours));
            }
            Err(_) if field.is_nullable() => missing.push(column.clone()),
            Err(_) => return Err(mismatch(field.name(), "missing".into(), "a column that is never null".into())),
        }
    }
    for field in found.fields() {
        if !field.is_nullable() && table.schema().field_with_name(field.name()).is_err() {
            return Err(mismatch(field.name(), "a column that is never null".into(), "nothing".into()));
        }
    }
    if missing.is_empty() {
        return Ok(delta);
    }
    tracing::info!(table = table.name(), columns = missing.len(), "adding columns to a table of an older build");
    delta.add_columns().with_fields(missing).await.map_err(|source| failed("add columns to", table, source))
}
