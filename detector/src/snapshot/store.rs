//! Where snapshots are kept: a folder, or object storage. The newest two are.
//!
//! DELIVERY: a snapshot is there as a whole or not at all: the storage shows what is uploaded in parts only once it is
//! complete. One that is damaged nevertheless has a wrong digest, and is not used.

use super::{Error, Frame, Kind, Packer, Unpacker};
use crate::detector::{Detector, Restoring};
use crate::judge::Output;
use crate::settings::Settings;
use deltalake::logstore::object_store::path::Path;
use deltalake::logstore::object_store::{self, ObjectStore, ObjectStoreExt, WriteMultipart};
use deltalake::logstore::{StorageConfig, logstore_for};
use futures::TryStreamExt;
use interdict_schemas::Time;
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;
use std::sync::Arc;
use tokio::sync::mpsc;
use url::Url;

/// Snapshots that are kept: the newest, and one more should that be damaged.
const KEPT: usize = 2;
/// Bytes uploaded at a time, and how many such parts at once.
const PART: usize = 8 << 20;
const PARTS: usize = 4;

/// What a snapshot covers.
#[derive(Debug, Default, Serialize, Deserialize)]
pub(crate) struct Head {
    /// What the state depends on besides the events.
    pub(crate) fingerprint: [u8; 32],
    /// Per partition of the events topic: everything before this offset is folded, and nothing else.
    pub(crate) next: BTreeMap<u32, u64>,
    /// Everything imported before this number is folded, and nothing else.
    pub(crate) imported: u64,
    /// The highest sequence of each spool in each partition.
    pub(crate) seen: Vec<(u32, String, u64)>,
    /// What followed from which offset and was not known to be published.
    #[serde(with = "super::text")]
    pub(crate) kept: Vec<(u32, u64, Output)>,
    /// Per partition: what followed from offsets before this one was dropped.
    pub(crate) dropped: BTreeMap<u32, u64>,
    /// Records and rows that were no events.
    pub(crate) unreadable: u64,
}

/// The place of the snapshots.
#[derive(Debug)]
pub(crate) struct Store {
    objects: Arc<dyn ObjectStore>,
    place: String,
}

impl Store {
    /// Opens a folder, which is made, or a URL.
    pub(crate) fn open(place: &str) -> Result<Self, Error> {
        let wrong = |detail: String| Error::Place(format!("{place}: {detail}"));
        let url = if place.contains("://") {
            Url::parse(&format!("{}/", place.trim_end_matches('/'))).map_err(|error| wrong(error.to_string()))?
        } else {
            let folder = std::path::absolute(place).map_err(|error| wrong(error.to_string()))?;
            Url::from_directory_path(folder).map_err(|()| wrong("no folder".into()))?
        };
        if let Ok(folder) = url.to_file_path() {
            std::fs::create_dir_all(folder).map_err(|error| wrong(error.to_string()))?;
        }
        let store = logstore_for(&url, StorageConfig::default()).map_err(|error| wrong(error.to_string()))?;
        Ok(Self { objects: store.object_store(None), place: place.to_owned() })
    }

    /// The newest snapshot that can be used, with what it covers. `ends` is where the partitions end.
    pub(crate) async fn load(&self, settings: &Settings, ends: &[(u32, u64)]) -> Option<(Detector, Head)> {
        let names = match self.names().await {
            Ok(names) => names,
            Err(error) => {
                tracing::warn!(place = self.place, %error, "snapshots cannot be listed; everything is folded again");
                return None;
            }
        };
        for name in names {
            match self.read(&name, settings, ends).await {
                Ok(loaded) => return Some(loaded),
                Err(error) => {
                    tracing::warn!(place = self.place, %name, %error, "this snapshot is not used");
                }
            }
        }
        None
    }

    async fn read(&self, name: &Path, settings: &Settings, ends: &[(u32, u64)]) -> Result<(Detector, Head), Error> {
        let mut stream = self.objects.get(name).await?.into_stream();
        let (mut unpacker, mut restoring) = (Unpacker::default(), Restoring::new(settings.clone()));
        let mut head = None;
        while let Some(bytes) = stream.try_next().await? {
            unpacker.feed(&bytes);
            while let Some(frame) = unpacker.frame()? {
                match frame.kind {
                    Kind::Head => head = Some(covers(&frame, &restoring, ends)?),
                    Kind::End => {}
                    _ if head.is_none() => return Err(Error::Frame("a piece before its head")),
                    _ => restoring.take(frame)?,
                }
            }
        }
        unpacker.end()?;
        Ok((restoring.end()?, head.ok_or(Error::Torn)?))
    }

    /// Newest first.
    async fn names(&self) -> Result<Vec<Path>, Error> {
        let all: Vec<_> = self.objects.list(None).try_collect().await?;
        let mut names: Vec<_> = all.into_iter().map(|meta| meta.location).filter(is_snapshot).collect();
        names.sort_by(|one, other| other.cmp(one));
        Ok(names)
    }

    /// Writes what comes, until the end comes; without one, nothing is left. Says how many bytes it was.
    pub(crate) async fn write(&self, time: Time, mut frames: mpsc::Receiver<Frame>) -> Result<Option<u64>, Error> {
        // The number keeps apart what two detectors write at the same time.
        let name = Path::from(format!("{PREFIX}{:020}-{:08x}{SUFFIX}", time.0, std::process::id()));
        let upload = self.objects.put_multipart(&name).await?;
        let mut upload = WriteMultipart::new_with_chunk_size(upload, PART);
        let written = fill(&mut upload, &mut frames).await;
        let Ok(Some(bytes)) = written else {
            upload.abort().await?;
            return written;
        };
        upload.finish().await?;
        for old in self.names().await?.into_iter().skip(KEPT) {
            match self.objects.delete(&old).await {
                // Another detector may be tidying up too.
                Ok(()) | Err(object_store::Error::NotFound { .. }) => {}
                Err(error) => return Err(error.into()),
            }
        }
        Ok(Some(bytes))
    }
}

const PREFIX: &str = "state-";
const SUFFIX: &str = ".snapshot";

fn is_snapshot(name: &Path) -> bool {
    name.filename().is_some_and(|name| name.starts_with(PREFIX) && name.ends_with(SUFFIX))
}

async fn fill(upload: &mut WriteMultipart, frames: &mut mpsc::Receiver<Frame>) -> Result<Option<u64>, Error> {
    let (mut packer, magic) = Packer::new();
    upload.write(&magic);
    let mut bytes = magic.len() as u64;
    while let Some(frame) = frames.recv().await {
        if frame.kind == Kind::End {
            let end = packer.end()?;
            upload.write(&end);
            return Ok(Some(bytes + end.len() as u64));
        }
        let packing = tokio::task::spawn_blocking(move || packer.pack(&frame).map(|packed| (packer, packed)));
        let packed = packing.await.map_err(|_| Error::Frame("packing failed"))??;
        packer = packed.0;
        bytes += packed.1.len() as u64;
        upload.wait_for_capacity(PARTS).await?;
        upload.write(&packed.1);
    }
    Ok(None)
}

fn covers(frame: &Frame, restoring: &Restoring, ends: &[(u32, u64)]) -> Result<Head, Error> {
    let head: Head = postcard::from_bytes(&frame.bytes)?;
    if head.fingerprint != restoring.fingerprint() {
        return Err(Error::Settings);
    }
    for (partition, end) in ends {
        let offset = head.next.get(partition).copied().unwrap_or(0);
        if offset > *end {
            return Err(Error::Log { partition: *partition, end: *end, offset });
        }
    }
    Ok(head)
}
