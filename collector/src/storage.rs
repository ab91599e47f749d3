//! The storage behind a lake: this machine's disk, S3 and what speaks like it, Google Cloud Storage, Azure.
//!
//! DELIVERY: an object is durable when `put` returns. On object storage that is the service's promise; on a disk the
//! file and its folder are synced before. A commit is a conditional put (`If-None-Match: *`, or a hard link on a
//! disk), so of two writers of one version exactly one succeeds. A request that failed after it had its effect is
//! told apart by nobody; who commits looks at the table again and finds its own positions there (see `table.rs`).
//!
//! Credentials and endpoints come from the environment, under the names that the vendors' own tools use (`AWS_*`,
//! `GOOGLE_*`, `AZURE_*`); they are handed to the client and to nothing else.

use deltalake::DeltaResult;
use deltalake::logstore::{
    LogStore, LogStoreFactory, ObjectStoreFactory, ObjectStoreRef, StorageConfig, default_logstore,
    logstore_factories, object_store_factories,
};
use futures::StreamExt as _;
use futures::stream::BoxStream;
use object_store::local::LocalFileSystem;
use object_store::path::Path;
use object_store::{
    CopyOptions, GetOptions, GetResult, ListResult, MultipartUpload, ObjectMeta, ObjectStore, PutMultipartOptions,
    PutOptions, PutPayload, PutResult, RenameOptions, Result, UploadPart,
};
use std::path::PathBuf;
use std::sync::{Arc, Once};
use url::Url;

/// Object storage that is spoken to over HTTP, by the scheme of its URLs.
const REMOTE: [&str; 8] = ["s3", "s3a", "gs", "az", "abfs", "abfss", "azure", "adl"];

/// The prefixes of the environment's variables that are the storage client's.
const PREFIXES: [&str; 3] = ["AWS_", "GOOGLE_", "AZURE_"];

/// Makes every scheme known to Delta, once a process.
pub(crate) fn register() {
    static ONCE: Once = Once::new();
    ONCE.call_once(|| {
        let factory = Arc::new(Factory);
        for scheme in REMOTE.into_iter().chain(["file"]) {
            if let Ok(url) = Url::parse(&format!("{scheme}://")) {
                object_store_factories().insert(url.clone(), factory.clone());
                logstore_factories().insert(url, factory.clone());
            }
        }
    });
}

/// Opens stores, and Delta logs on stores with conditional puts.
#[derive(Debug)]
struct Factory;

impl ObjectStoreFactory for Factory {
    fn parse_url_opts(&self, url: &Url, config: &StorageConfig) -> DeltaResult<(ObjectStoreRef, Path)> {
        if url.scheme() == "file" {
            return Ok((Arc::new(Synced(Arc::new(LocalFileSystem::new()))), Path::from_url_path(url.path())?));
        }
        let environment = std::env::vars()
            .filter(|(name, _)| PREFIXES.iter().any(|prefix| name.starts_with(prefix)))
            .map(|(name, value)| (name.to_ascii_lowercase(), value));
        // What a table is opened with counts more than the environment.
        let options = environment.chain(config.raw.clone());
        let (store, path) = object_store::parse_url_opts(url, options)?;
        Ok((Arc::from(store), path))
    }
}

impl LogStoreFactory for Factory {
    fn with_options(
        &self,
        prefixed: ObjectStoreRef,
        root: ObjectStoreRef,
        location: &Url,
        options: &StorageConfig,
    ) -> DeltaResult<Arc<dyn LogStore>> {
        Ok(default_logstore(prefixed, root, location, options))
    }
}

/// A disk whose files survive a power failure once they are put.
#[derive(Debug, Clone)]
struct Synced(Arc<LocalFileSystem>);

impl std::fmt::Display for Synced {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        self.0.fmt(f)
    }
}

fn failed(source: impl Into<Box<dyn std::error::Error + Send + Sync>>) -> object_store::Error {
    object_store::Error::Generic { store: "disk", source: source.into() }
}

/// The file's bytes first, then its name in the folder.
async fn sync(path: PathBuf) -> Result<()> {
    let done = tokio::task::spawn_blocking(move || {
        std::fs::File::open(&path)?.sync_all()?;
        path.parent().map_or(Ok(()), |folder| std::fs::File::open(folder)?.sync_all())
    });
    done.await.map_err(failed)?.map_err(failed)
}

#[async_trait::async_trait]
impl ObjectStore for Synced {
    async fn put_opts(&self, at: &Path, payload: PutPayload, options: PutOptions) -> Result<PutResult> {
        let put = self.0.put_opts(at, payload, options).await?;
        sync(self.0.path_to_filesystem(at)?).await?;
        Ok(put)
    }

    async fn put_multipart_opts(&self, at: &Path, options: PutMultipartOptions) -> Result<Box<dyn MultipartUpload>> {
        let upload = self.0.put_multipart_opts(at, options).await?;
        Ok(Box::new(SyncedUpload { upload, path: self.0.path_to_filesystem(at)? }))
    }

    async fn get_opts(&self, at: &Path, options: GetOptions) -> Result<GetResult> {
        self.0.get_opts(at, options).await
    }

    async fn get_ranges(&self, at: &Path, ranges: &[std::ops::Range<u64>]) -> Result<Vec<bytes::Bytes>> {
        self.0.get_ranges(at, ranges).await
    }

    fn delete_stream(&self, paths: BoxStream<'static, Result<Path>>) -> BoxStream<'static, Result<Path>> {
        self.0.delete_stream(paths)
    }

    fn list(&self, prefix: Option<&Path>) -> BoxStream<'static, Result<ObjectMeta>> {
        // A file that another process deletes while the folder is read is no failure of the listing.
        let gone = |found: &Result<ObjectMeta>| !matches!(found, Err(object_store::Error::NotFound { .. }));
        self.0.list(prefix).filter(move |found| std::future::ready(gone(found))).boxed()
    }

    fn list_with_offset(&self, prefix: Option<&Path>, offset: &Path) -> BoxStream<'static, Result<ObjectMeta>> {
        let gone = |found: &Result<ObjectMeta>| !matches!(found, Err(object_store::Error::NotFound { .. }));
        self.0.list_with_offset(prefix, offset).filter(move |found| std::future::ready(gone(found))).boxed()
    }

    async fn list_with_delimiter(&self, prefix: Option<&Path>) -> Result<ListResult> {
        self.0.list_with_delimiter(prefix).await
    }

    async fn copy_opts(&self, from: &Path, to: &Path, options: CopyOptions) -> Result<()> {
        self.0.copy_opts(from, to, options).await?;
        sync(self.0.path_to_filesystem(to)?).await
    }

    async fn rename_opts(&self, from: &Path, to: &Path, options: RenameOptions) -> Result<()> {
        self.0.rename_opts(from, to, options).await?;
        sync(self.0.path_to_filesystem(to)?).await
    }
}

#[derive(Debug)]
struct SyncedUpload {
    upload: Box<dyn MultipartUpload>,
    path: PathBuf,
}

#[async_trait::async_trait]
impl MultipartUpload for SyncedUpload {
    fn put_part(&mut self, data: PutPayload) -> UploadPart {
        self.upload.put_part(data)
    }

    async fn complete(&mut self) -> Result<PutResult> {
        let put = self.upload.complete().await?;
        sync(self.path.clone()).await?;
        Ok(put)
    }

    async fn abort(&mut self) -> Result<()> {
        self.upload.abort().await
    }
}
