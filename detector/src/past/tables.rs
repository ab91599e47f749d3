//! The tables of the lake: where they are, what of them is read, and why they cannot be.

use datafusion::error::DataFusionError;
use datafusion::prelude::SessionContext;
use deltalake::{DeltaTable, DeltaTableError};
use interdict_schemas::lake::txn::Txn;
use interdict_schemas::lake::{self, Table};
use interdict_schemas::{Time, Topic};
use url::Url;

/// Why history cannot be read.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// Not a folder nor a URL.
    #[error("lake {0}: neither a folder nor a URL")]
    Location(String),
    /// The table cannot be opened.
    #[error("lake table {table}: {source}; run `interdict verify` to see what is wrong")]
    Table {
        /// Where it is.
        table: String,
        /// Why not.
        source: Box<DeltaTableError>,
    },
    /// There is no table.
    #[error("there is no lake table {0}; it is made when the collector first runs")]
    Missing(String),
    /// A file of the lake is gone or damaged.
    #[error(
        "file {file} of the lake cannot be read: {detail}; put it back from a backup, or, if it is lost for good, take it \
         out of the table with Delta's `FSCK REPAIR TABLE`; `interdict verify` then shows what is lost"
    )]
    File {
        /// Where it is below the lake's folder.
        file: String,
        /// What is wrong with it.
        detail: String,
    },
    /// The table cannot be read as it is, or the cluster that should have read it gave no answer; says what is at fault.
    #[error("{0}")]
    Cluster(String),
    /// The events cannot be read.
    #[error("lake table {table}: {source}; run `interdict verify` to see what is wrong")]
    Read {
        /// Where it is.
        table: String,
        /// Why not.
        source: Box<DataFusionError>,
    },
}

impl Error {
    /// Why reading failed; a file that cannot be read is named.
    pub(super) fn read(table: &str, source: DataFusionError) -> Self {
        match interdict_cluster::Error::of(&source) {
            Some(interdict_cluster::Error::File { file, detail }) => {
                Self::File { file: file.clone(), detail: detail.clone() }
            }
            Some(error) => Self::Cluster(error.to_string()),
            None => Self::Read { table: table.to_owned(), source: Box::new(source) },
        }
    }
}

/// From when to when, both included.
#[derive(Debug)]
pub(super) struct Span {
    /// The first.
    pub(super) since: Time,
    /// The last.
    pub(super) until: Time,
}

impl Span {
    /// The condition on the time. The least number of all cannot be written in SQL.
    pub(super) fn rows(&self) -> String {
        let [since, until] = [self.since, self.until].map(|time| time.0.max(-i64::MAX));
        format!("{} and cast(time as bigint) between {since} and {until}", self.days())
    }

    /// The condition on the day, which passes over whole files.
    pub(super) fn days(&self) -> String {
        let [since, until] = [self.since, self.until].map(lake::day);
        format!("date between cast({since} as date) and cast({until} as date)")
    }
}

/// Up to which offset of a partition of events the table has everything.
///
/// # Errors
/// When the table cannot be read.
pub(super) async fn position(delta: &DeltaTable, table: &str, partition: u32) -> Result<Option<u64>, Error> {
    let failed = |source| Error::Table { table: table.into(), source: Box::new(source) };
    let id = Txn::Next { topic: Topic::Events, partition }.to_string();
    let store = delta.log_store();
    let version = delta.snapshot().map_err(failed)?.transaction_version(store.as_ref(), id).await.map_err(failed)?;
    Ok(version.and_then(|version| u64::try_from(version).ok()))
}

/// Registers the newest state of a table, if there is one; for a cluster, as its files.
pub(super) async fn register(
    context: &SessionContext,
    lake: &str,
    table: Table,
    is_remote: bool,
) -> Result<Option<DeltaTable>, Error> {
    let url = url_of(lake, table)?;
    let place = url.to_string();
    if let Ok(folder) = url.to_file_path()
        && !folder.join("_delta_log").is_dir()
    {
        return Ok(None);
    }
    let failed = |source| Error::Table { table: place.clone(), source: Box::new(source) };
    let delta: DeltaTable = match deltalake::open_table(url).await {
        Ok(delta) => delta,
        Err(DeltaTableError::NotATable(_)) => return Ok(None),
        Err(error) => return Err(failed(error)),
    };
    let provider = if is_remote {
        interdict_cluster::table(table.name(), &delta)
    } else {
        interdict_cluster::rows_here(table.name(), &delta, context).await
    };
    let provider = provider.map_err(|error| Error::Cluster(error.to_string()))?;
    let registered = context.register_table(table.name(), provider);
    registered.map_err(|source| Error::read(&place, source))?;
    Ok(Some(delta))
}

/// Where a table is.
///
/// # Errors
/// When the lake is neither a folder nor a URL.
pub(super) fn url_of(lake: &str, table: Table) -> Result<Url, Error> {
    let wrong = || Error::Location(lake.into());
    let base = if lake.contains("://") {
        Url::parse(&format!("{}/", lake.trim_end_matches('/'))).map_err(|_| wrong())?
    } else {
        let folder = std::path::absolute(lake).map_err(|_| wrong())?;
        Url::from_directory_path(folder).map_err(|()| wrong())?
    };
    base.join(table.name()).map_err(|_| wrong())
}
