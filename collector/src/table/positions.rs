//! The positions that stand in a table, as they stood at one version.

use super::failed;
use crate::Error;
use deltalake::DeltaTable;
use interdict_schemas::Topic;
use interdict_schemas::lake::Table;
use interdict_schemas::lake::txn::Txn;

/// Reads a table's positions as they stood at one version.
#[derive(Debug)]
pub(crate) struct Positions {
    table: Table,
    delta: DeltaTable,
}

impl Positions {
    pub(super) const fn new(table: Table, delta: DeltaTable) -> Self {
        Self { table, delta }
    }

    /// Which table.
    pub(crate) const fn table(&self) -> Table {
        self.table
    }

    /// The highest sequence of a spool that the table has of a partition.
    ///
    /// # Errors
    /// When the table's log cannot be read.
    pub(crate) async fn highest(&self, topic: Topic, partition: u32, spool: &str) -> Result<Option<u64>, Error> {
        version(&self.delta, self.table, &Txn::Highest { topic, partition, spool: spool.to_owned() }).await
    }
}

/// What stands in a table under one application id.
pub(crate) async fn version(delta: &DeltaTable, table: Table, txn: &Txn) -> Result<Option<u64>, Error> {
    let fail = |source| failed("read positions of", table, source);
    let snapshot = delta.snapshot().map_err(fail)?.snapshot();
    let version = snapshot.transaction_version(delta.log_store().as_ref(), txn.to_string()).await.map_err(fail)?;
    Ok(version.and_then(|version| u64::try_from(version).ok()))
}
