//! The storage of a lake as an executor has it: below the lake's folder, and for reading. A plan comes from the network,
//! and must neither read another file of the machine nor write any.

use crate::Error;
use async_trait::async_trait;
use bytes::Bytes;
use datafusion::common::exec_err;
use datafusion::error::Result as QueryResult;
use datafusion::execution::object_store::{ObjectStoreRegistry, ObjectStoreUrl};
use deltalake::logstore::{StorageConfig, object_store_factories};
use futures::StreamExt as _;
use futures::stream::BoxStream;
use object_store::path::Path;
use object_store::{
    CopyOptions, GetOptions, GetResult, ListResult, MultipartUpload, ObjectMeta, ObjectStore, PutMultipartOptions,
    PutOptions, PutPayload, PutResult, RenameOptions, Result,
};
use std::fmt;
use std::ops::Range;
use std::sync::Arc;
use url::{Position, Url};

/// What of a URL names its storage: all before the path.
pub(crate) fn root(url: &Url) -> QueryResult<ObjectStoreUrl> {
    ObjectStoreUrl::parse(&url[..Position::BeforePath])
}

/// The storages that a plan may name: the lake's alone.
#[derive(Debug)]
pub(crate) struct Storages {
    lake: Url,
    root: ObjectStoreUrl,
    store: Arc<dyn ObjectStore>,
}

impl Storages {
    /// Those of a lake, opened the way that Delta opens its tables.
    pub(crate) fn of(lake: &Url) -> Result<Self, Error> {
        let wrong = |detail: String| Error::Location { location: lake.to_string(), detail };
        let scheme = Url::parse(&format!("{}://", lake.scheme())).map_err(|error| wrong(error.to_string()))?;
        let factory = object_store_factories().get(&scheme).map(|factory| Arc::clone(factory.value()));
        let factory = factory.ok_or_else(|| wrong(format!("nothing is stored at {scheme}")))?;
        let opened = factory.parse_url_opts(lake, &StorageConfig::default());
        let (store, folder) = opened.map_err(|error| wrong(error.to_string()))?;
        let root = root(lake).map_err(|error| wrong(error.to_string()))?;
        Ok(Self { lake: lake.clone(), root, store: Arc::new(Lake { store, folder }) })
    }
}

impl ObjectStoreRegistry for Storages {
    fn register_store(&self, _: &Url, store: Arc<dyn ObjectStore>) -> Option<Arc<dyn ObjectStore>> {
        // There is one, and no other is taken.
        Some(store)
    }

    fn get_store(&self, url: &Url) -> QueryResult<Arc<dyn ObjectStore>> {
        if root(url)? == self.root {
            return Ok(Arc::clone(&self.store));
        }
        exec_err!(
            "this executor reads the lake {}, and not {url}: start it with the --lake of those who ask",
            self.lake
        )
    }
}

/// A storage that is read below one folder.
#[derive(Debug)]
struct Lake {
    store: Arc<dyn ObjectStore>,
    folder: Path,
}

impl Lake {
    fn within(&self, place: &Path) -> Result<()> {
        if place.prefix_matches(&self.folder) {
            return Ok(());
        }
        let source =
            format!("it is outside of the lake {}: start the executor with the --lake of those who ask", self.folder);
        Err(object_store::Error::PermissionDenied { path: place.to_string(), source: source.into() })
    }

    fn refused<T>(place: &Path) -> Result<T> {
        let source = "the cluster only reads".into();
        Err(object_store::Error::PermissionDenied { path: place.to_string(), source })
    }
}

impl fmt::Display for Lake {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} below {}, for reading", self.store, self.folder)
    }
}

#[async_trait]
impl ObjectStore for Lake {
    async fn put_opts(&self, place: &Path, _: PutPayload, _: PutOptions) -> Result<PutResult> {
        Self::refused(place)
    }

    async fn put_multipart_opts(&self, place: &Path, _: PutMultipartOptions) -> Result<Box<dyn MultipartUpload>> {
        Self::refused(place)
    }

    async fn get_opts(&self, place: &Path, options: GetOptions) -> Result<GetResult> {
        self.within(place)?;
        self.store.get_opts(place, options).await
    }

    async fn get_ranges(&self, place: &Path, ranges: &[Range<u64>]) -> Result<Vec<Bytes>> {
        self.within(place)?;
        self.store.get_ranges(place, ranges).await
    }

    fn delete_stream(&self, places: BoxStream<'static, Result<Path>>) -> BoxStream<'static, Result<Path>> {
        places.map(|place| Self::refused(&place?)).boxed()
    }

    fn list(&self, prefix: Option<&Path>) -> BoxStream<'static, Result<ObjectMeta>> {
        match self.within(prefix.unwrap_or(&Path::default())) {
            Ok(()) => self.store.list(prefix),
            Err(error) => futures::stream::once(std::future::ready(Err(error))).boxed(),
        }
    }

    async fn list_with_delimiter(&self, prefix: Option<&Path>) -> Result<ListResult> {
        self.within(prefix.unwrap_or(&Path::default()))?;
        self.store.list_with_delimiter(prefix).await
    }

    async fn copy_opts(&self, _: &Path, to: &Path, _: CopyOptions) -> Result<()> {
        Self::refused(to)
    }

    async fn rename_opts(&self, _: &Path, to: &Path, _: RenameOptions) -> Result<()> {
        Self::refused(to)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use object_store::ObjectStoreExt as _;

    #[tokio::test]
    async fn a_lake_is_read_and_nothing_beside_it_and_nothing_is_written() {
        let folder = tempfile::tempdir().expect("folder");
        for name in ["lake", "lake2"] {
            std::fs::create_dir(folder.path().join(name)).expect("folder");
            std::fs::write(folder.path().join(name).join("file"), "rows").expect("file");
        }
        let lake = Url::from_directory_path(folder.path().join("lake")).expect("a folder");
        let storages = Storages::of(&lake).expect("a lake");
        let store = storages.get_store(&Url::parse("file:///").expect("URL")).expect("the lake's");
        let at = |name: &str| Path::from_filesystem_path(folder.path().join(name).join("file")).expect("path");
        assert_eq!(store.get(&at("lake")).await.expect("reads").bytes().await.expect("reads"), "rows");
        let outside = store.get(&at("lake2")).await.expect_err("refused").to_string();
        assert!(outside.contains("--lake"), "{outside}");
        assert!(store.list(None).next().await.expect("an answer").is_err());
        assert!(store.put(&at("lake"), "new".into()).await.is_err());
        assert!(store.delete(&at("lake")).await.is_err());
        assert!(store.copy(&at("lake2"), &at("lake")).await.is_err());
        assert_eq!(std::fs::read(folder.path().join("lake/file")).expect("reads"), b"rows");
        let other = storages.get_store(&Url::parse("s3://bucket").expect("URL")).expect_err("refused").to_string();
        assert!(other.contains("start it with the --lake"), "{other}");
    }
}
