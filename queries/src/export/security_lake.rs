//! Events as Parquet in the layout that Amazon Security Lake wants of a custom source: one class a source, partitioned by
//! region, account and day, ordered by time, compressed with Zstandard. Memory does not grow with how much there is: one
//! day is open at a time, and of each class so much is gathered.

use super::shape;
use crate::verify::Part;
use crate::{Error, Snapshot};
use arrow::json::ReaderBuilder;
use arrow::json::reader::Decoder;
use interdict_schemas::{Digest, Event, Time, lake, ocsf};
use parquet::arrow::ArrowWriter;
use parquet::basic::{Compression, ZstdLevel};
use parquet::file::properties::WriterProperties;
use serde_json::Value;
use sha2::{Digest as _, Sha256};
use std::collections::BTreeMap;
use std::fs::{self, File};
use std::io;
use std::path::{Path, PathBuf};

/// Rows that are turned into columns at once.
const BATCH: usize = 1024;
/// Bytes of a class that are gathered before they are written as a row group.
const GATHERED: usize = 16 << 20;
/// The size at which a file ends and another begins.
const LARGEST: usize = 256 << 20;

/// Where it goes, and whose it is.
#[derive(Debug, Clone)]
pub struct Layout {
    /// The folder that stands for the bucket.
    pub folder: PathBuf,
    /// What the custom sources' names begin with; a class's name follows.
    pub source: String,
    /// The AWS region, as `eu-central-1`.
    pub region: String,
    /// The AWS account, twelve digits, or what Security Lake was told instead of one.
    pub account: String,
}

/// A class of a day.
struct Open {
    folder: PathBuf,
    partial: PathBuf,
    decoder: Decoder,
    waiting: usize,
    writer: ArrowWriter<File>,
}

/// Writes events; returns how many, and how many files they make.
///
/// A file gets its name, which is of what it holds, when it is whole: writing the same again changes nothing, and what was
/// cut short leaves nothing that is read.
///
/// # Errors
/// When the lake cannot be read, the folder does not take what is written, or a name of the layout is none.
pub async fn security_lake(lake: &Snapshot, part: &Part, layout: &Layout) -> Result<(u64, u64), Error> {
    for name in [&layout.source, &layout.region, &layout.account] {
        let plain = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'_');
        if name.is_empty() || !name.bytes().all(plain) {
            return Err(Error::Output(io::Error::other(format!("{name:?} is no name for a part of a path"))));
        }
    }
    let mut rows = super::ask(lake, part).await?;
    let (mut count, mut files, mut day) = (0, 0, i32::MIN);
    let mut open: BTreeMap<u32, Open> = BTreeMap::new();
    while let Some(batch) = rows.next().await? {
        for event in lake::events(&batch)? {
            let event: Event = event.value;
            let today = lake::day(event.time);
            if today != day {
                for (_, done) in std::mem::take(&mut open) {
                    files += done.end()?;
                }
                day = today;
            }
            let value = ocsf::event(&event);
            let class = value.get("class_uid").and_then(Value::as_u64).and_then(|class| u32::try_from(class).ok());
            let class = class.unwrap_or_default();
            let into = match open.entry(class) {
                std::collections::btree_map::Entry::Occupied(entry) => entry.into_mut(),
                std::collections::btree_map::Entry::Vacant(entry) => {
                    entry.insert(Open::begin(layout, class, event.time)?)
                }
            };
            into.add(&value)?;
            count += 1;
            if into.writer.bytes_written() > LARGEST
                && let Some(done) = open.remove(&class)
            {
                files += done.end()?;
            }
        }
    }
    for (_, done) in open {
        files += done.end()?;
    }
    Ok((count, files))
}

impl Open {
    fn begin(layout: &Layout, class: u32, time: Time) -> Result<Self, Error> {
        let Layout { folder, source, region, account } = layout;
        let (name, schema) =
            shape::of(class).ok_or_else(|| io::Error::other(format!("class {class} has no shape here")))?;
        let day: String = time.to_string().chars().take(10).filter(|c| *c != '-').collect();
        let folder = folder
            .join("ext")
            .join(format!("{source}-{name}"))
            .join(format!("region={region}"))
            .join(format!("accountId={account}"))
            .join(format!("eventDay={day}"));
        fs::create_dir_all(&folder)?;
        let partial = folder.join(".partial");
        let properties = WriterProperties::builder()
            .set_compression(Compression::ZSTD(ZstdLevel::default()))
            .set_data_page_size_limit(1 << 20)
            .build();
        let decoder =
            ReaderBuilder::new(schema.clone()).with_batch_size(BATCH).with_strict_mode(true).build_decoder();
        let writer = ArrowWriter::try_new(File::create(&partial)?, schema, Some(properties));
        let decoder = decoder.map_err(io::Error::other)?;
        Ok(Self { folder, partial, decoder, waiting: 0, writer: writer.map_err(io::Error::other)? })
    }

    fn add(&mut self, event: &Value) -> io::Result<()> {
        self.decoder.serialize(std::slice::from_ref(event)).map_err(io::Error::other)?;
        self.waiting += 1;
        if self.waiting >= BATCH { self.write() } else { Ok(()) }
    }

    fn write(&mut self) -> io::Result<()> {
        self.waiting = 0;
        if let Some(batch) = self.decoder.flush().map_err(io::Error::other)? {
            self.writer.write(&batch).map_err(io::Error::other)?;
        }
        if self.writer.in_progress_size() > GATHERED {
            self.writer.flush().map_err(io::Error::other)?;
        }
        Ok(())
    }

    /// Gives it its name.
    fn end(mut self) -> io::Result<u64> {
        self.write()?;
        self.writer.close().map_err(io::Error::other)?;
        let name = name(&self.partial)?;
        fs::rename(&self.partial, self.folder.join(name))?;
        Ok(1)
    }
}

fn name(file: &Path) -> io::Result<String> {
    let mut hash = Sha256::new();
    io::copy(&mut File::open(file)?, &mut hash)?;
    let digest = Digest(hash.finalize().into()).to_string();
    Ok(format!("interdict-{}.parquet", digest.get(..32).unwrap_or_default()))
}
