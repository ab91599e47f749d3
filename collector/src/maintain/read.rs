//! Bytes and columns of a table's files.

use super::{Keeper, shelf, sort};
use crate::Error;
use arrow::array::RecordBatch;
use bytes::Bytes;
use deltalake::Path;
use deltalake::kernel::LogicalFileView;
use deltalake::logstore::ObjectStoreRef;
use futures::future::BoxFuture;
use futures::{FutureExt as _, TryFutureExt as _, TryStreamExt as _};
use interdict_schemas::lake::FILE_DIGEST;
use object_store::{ObjectStore as _, ObjectStoreExt as _};
use parquet::arrow::ProjectionMask;
use parquet::arrow::arrow_reader::ArrowReaderOptions;
use parquet::arrow::async_reader::{AsyncFileReader, ParquetRecordBatchStreamBuilder};
use parquet::errors::ParquetError;
use parquet::file::metadata::{ParquetMetaData, ParquetMetaDataReader};
use std::ops::Range;
use std::panic::AssertUnwindSafe;
use std::sync::Arc;

/// Bytes of a file's end that are fetched at once: most footers fit.
const FOOTER: usize = 64 << 10;

impl Keeper {
    /// A file's bytes, with the digest that they are to have.
    ///
    /// # Errors
    /// [`Error::Unread`] when the file is gone.
    pub(super) async fn fetch(&self, view: &LogicalFileView) -> Result<shelf::Given, Error> {
        let table = self.table.name();
        let got = async { self.delta.object_store().get(&view.object_store_path()).await?.bytes().await };
        let bytes = got.await.map_err(|source| match source {
            object_store::Error::NotFound { .. } => {
                Error::Unread { table, file: view.path().into_owned(), reason: "is gone".to_owned() }
            }
            source => Error::Storage { doing: "read", table, source },
        })?;
        Ok(shelf::Given { bytes, digest: digest(view) })
    }

    /// Fetches only these columns of a file, a batch at a time; nobody proves that it is what was written.
    ///
    /// # Errors
    /// [`ParquetError::External`] with the storage's error where that fails.
    pub(super) async fn columns<const N: usize>(
        &self,
        view: &LogicalFileView,
        names: [&str; N],
        mut each: impl FnMut(&RecordBatch) -> Result<(), ParquetError>,
    ) -> Result<(), ParquetError> {
        let (store, path) = (self.delta.object_store(), view.object_store_path());
        let parts = Parts { store, path, size: view.size().unsigned_abs() };
        let read = async {
            let rows = ParquetRecordBatchStreamBuilder::new(parts).await?;
            let columns = ProjectionMask::columns(rows.parquet_schema(), names);
            let mut rows = rows.with_projection(columns).with_batch_size(sort::BATCH).build()?;
            while let Some(rows) = rows.try_next().await? {
                each(&rows)?;
                // The proxy may share this runtime.
                tokio::task::yield_now().await;
            }
            Ok(())
        };
        // Of some damage the reader does not make an error but a panic.
        let broke = |_| Err(ParquetError::General(shelf::BREAKS.to_owned()));
        AssertUnwindSafe(read).catch_unwind().await.unwrap_or_else(broke)
    }
}

/// The parts of a file that are asked for.
struct Parts {
    store: ObjectStoreRef,
    path: Path,
    size: u64,
}

impl AsyncFileReader for Parts {
    fn get_bytes(&mut self, range: Range<u64>) -> BoxFuture<'_, Result<Bytes, ParquetError>> {
        self.store.get_range(&self.path, range).map_err(|error| ParquetError::External(Box::new(error))).boxed()
    }

    fn get_byte_ranges(&mut self, ranges: Vec<Range<u64>>) -> BoxFuture<'_, Result<Vec<Bytes>, ParquetError>> {
        let got = async move { self.store.get_ranges(&self.path, &ranges).await };
        got.map_err(|error| ParquetError::External(Box::new(error))).boxed()
    }

    fn get_metadata<'a>(
        &'a mut self,
        options: Option<&'a ArrowReaderOptions>,
    ) -> BoxFuture<'a, Result<Arc<ParquetMetaData>, ParquetError>> {
        let size = self.size;
        let reader = ParquetMetaDataReader::new().with_arrow_reader_options(options).with_prefetch_hint(Some(FOOTER));
        reader.load_and_finish(self, size).map_ok(Arc::new).boxed()
    }
}

/// What the log says that a file's digest is; nothing of one that an older build or another writer made.
#[expect(deprecated, reason = "nothing else tells a file's tags")]
fn digest(view: &LogicalFileView) -> Option<String> {
    view.add_action().tags?.remove(FILE_DIGEST).flatten()
}
