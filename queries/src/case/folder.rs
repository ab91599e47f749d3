//! The files of a case while it is made: each is written to disk as it is read, so that memory does not grow with them.

use super::archive::{Archive, is_safe};
use super::manifest::File;
use crate::{Error, Rows};
use arrow::array::RecordBatch;
use arrow::compute::cast;
use arrow::datatypes::{DataType, Field, Schema, SchemaRef};
use arrow::error::ArrowError;
use arrow::json::writer::LineDelimited;
use arrow::json::{Writer as Lines, WriterBuilder};
use interdict_schemas::Digest;
use parquet::arrow::ArrowWriter;
use parquet::basic::{Compression, ZstdLevel};
use parquet::file::properties::WriterProperties;
use sha2::{Digest as _, Sha256};
use std::fs;
use std::io::{self, BufReader, BufWriter, Read, Write};
use std::path::{Path, PathBuf};

/// Bytes of Parquet that are gathered before they are written.
const GATHERED: usize = 16 << 20;

pub(super) struct Folder {
    folder: tempfile::TempDir,
    files: Vec<File>,
}

impl Folder {
    /// A folder of this user alone below another, which goes with it.
    pub(super) fn new(below: &Path) -> io::Result<Self> {
        Ok(Self { folder: tempfile::Builder::new().prefix(".case-").tempdir_in(below)?, files: Vec::new() })
    }

    pub(super) fn files(&self) -> &[File] {
        &self.files
    }

    /// Begins a file.
    pub(super) fn create(&self, name: &str) -> io::Result<BufWriter<fs::File>> {
        if !is_safe(name) {
            return Err(io::Error::other(format!("{name} is no name for a file of a case")));
        }
        let path = self.path(name);
        if let Some(folder) = path.parent() {
            fs::create_dir_all(folder)?;
        }
        Ok(BufWriter::new(fs::File::create_new(path)?))
    }

    /// Ends one: it belongs to the case.
    pub(super) fn keep(&mut self, name: &str) -> io::Result<()> {
        let (mut file, mut hash) = (fs::File::open(self.path(name))?, Sha256::new());
        let bytes = io::copy(&mut file, &mut hash)?;
        let sha256 = Digest(hash.finalize().into()).to_string();
        self.files.push(File { name: name.to_owned(), bytes, sha256 });
        Ok(())
    }

    /// Ends one that turned out to hold nothing: it does not.
    pub(super) fn leave(&self, name: &str) -> io::Result<()> {
        fs::remove_file(self.path(name))
    }

    /// One file of these bytes.
    pub(super) fn put(&mut self, name: &str, bytes: &[u8]) -> io::Result<()> {
        let mut out = self.create(name)?;
        out.write_all(bytes)?;
        out.flush()?;
        self.keep(name)
    }

    /// Rows, as `NAME.jsonl` and `NAME.parquet`; how many there were.
    pub(super) async fn rows(&mut self, name: &str, mut rows: Rows) -> Result<u64, Error> {
        let [lines, table] = ["jsonl", "parquet"].map(|ending| format!("{name}.{ending}"));
        let schema = plain(&rows.schema());
        let properties = WriterProperties::builder()
            .set_compression(Compression::ZSTD(ZstdLevel::default()))
            .set_max_row_group_row_count(Some(1 << 20))
            .build();
        let mut parquet =
            ArrowWriter::try_new(self.create(&table)?, schema.clone(), Some(properties)).map_err(io::Error::other)?;
        let mut json: Lines<_, LineDelimited> =
            WriterBuilder::new().with_explicit_nulls(true).build(self.create(&lines)?);
        let mut count = 0;
        while let Some(batch) = rows.next().await? {
            let batch = values(&batch, &schema).map_err(io::Error::other)?;
            count += batch.num_rows() as u64;
            json.write(&batch).map_err(io::Error::other)?;
            parquet.write(&batch).map_err(io::Error::other)?;
            if parquet.in_progress_size() > GATHERED {
                parquet.flush().map_err(io::Error::other)?;
            }
        }
        json.finish().map_err(io::Error::other)?;
        json.into_inner().flush()?;
        parquet.close().map_err(io::Error::other)?;
        self.keep(&lines)?;
        self.keep(&table)?;
        Ok(count)
    }

    /// All files as an archive, these two before them.
    pub(super) fn archive<W: Write>(&self, first: [(&str, &[u8]); 2], out: W) -> io::Result<W> {
        let mut archive = Archive::new(out);
        for (name, bytes) in first {
            archive.add(name, bytes.len() as u64, &mut &bytes[..])?;
        }
        for File { name, bytes, .. } in &self.files {
            let content: &mut dyn Read = &mut BufReader::new(fs::File::open(self.path(name))?);
            archive.add(name, *bytes, content)?;
        }
        archive.end()
    }

    fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }
}

/// Where Delta's own reader is used, partition columns may be dictionaries; files of a case have plain values.
fn plain(schema: &SchemaRef) -> SchemaRef {
    let field = |field: &std::sync::Arc<Field>| match field.data_type() {
        DataType::Dictionary(_, value) => Field::new(field.name(), value.as_ref().clone(), field.is_nullable()),
        _ => field.as_ref().clone(),
    };
    Schema::new(schema.fields().iter().map(field).collect::<Vec<_>>()).into()
}

fn values(batch: &RecordBatch, schema: &SchemaRef) -> Result<RecordBatch, ArrowError> {
    let columns = batch.columns().iter().zip(schema.fields()).map(|(column, field)| cast(column, field.data_type()));
    RecordBatch::try_new(schema.clone(), columns.collect::<Result<_, _>>()?)
}
