//! A file of the lake as the Parquet reader wants it: read piece by piece, so that its size costs no memory.

use super::files::File;
use bytes::Bytes;
use deltalake::{ObjectStore, Path};
use futures::FutureExt as _;
use futures::future::BoxFuture;
use parquet::arrow::arrow_reader::ArrowReaderOptions;
use parquet::arrow::async_reader::AsyncFileReader;
use parquet::errors::{ParquetError, Result};
use parquet::file::metadata::{ParquetMetaData, ParquetMetaDataReader};
use std::ops::Range;
use std::sync::Arc;

/// An open file.
pub(super) struct Source {
    store: Arc<dyn ObjectStore>,
    path: Path,
    size: u64,
}

impl Source {
    /// Opens the file as it is now, whatever its table's log says of it.
    pub(super) async fn open(store: &Arc<dyn ObjectStore>, file: &File) -> Result<Self> {
        let found = store.get_opts(&file.path, Default::default()).await;
        let size = found.map_err(|error| ParquetError::External(Box::new(error)))?.meta.size;
        Ok(Self { store: Arc::clone(store), path: file.path.clone(), size })
    }
}

impl AsyncFileReader for Source {
    fn get_bytes(&mut self, range: Range<u64>) -> BoxFuture<'_, Result<Bytes>> {
        async move {
            let mut parts = self.get_byte_ranges(vec![range]).await?;
            parts.pop().ok_or_else(|| ParquetError::General("the storage gave nothing".to_owned()))
        }
        .boxed()
    }

    fn get_byte_ranges(&mut self, ranges: Vec<Range<u64>>) -> BoxFuture<'_, Result<Vec<Bytes>>> {
        async move {
            let read = self.store.get_ranges(&self.path, &ranges).await;
            read.map_err(|error| ParquetError::External(Box::new(error)))
        }
        .boxed()
    }

    fn get_metadata<'a>(
        &'a mut self,
        _: Option<&'a ArrowReaderOptions>,
    ) -> BoxFuture<'a, Result<Arc<ParquetMetaData>>> {
        let size = self.size;
        async move { Ok(Arc::new(ParquetMetaDataReader::new().load_and_finish(self, size).await?)) }.boxed()
    }
}
