//! Writes one Parquet file, row group by row group: columns of which neighbours are alike in our own way, the others by
//! arrow-rs, all spliced into one file by its writer.

use super::repeated::Repeated;
use super::{DISTINCT, Life, ZSTD, properties};
use crate::Error;
use arrow::array::RecordBatch;
use arrow::datatypes::{DataType, Field, SchemaRef};
use interdict_schemas::lake::{self, Table};
use parquet::arrow::arrow_writer::{ArrowColumnWriter, ArrowRowGroupWriterFactory, compute_leaves};
use parquet::arrow::{ArrowSchemaConverter, add_encoded_arrow_schema_to_metadata};
use parquet::errors::{ParquetError, Result as Encoded};
use parquet::file::metadata::ParquetMetaData;
use parquet::file::writer::SerializedFileWriter;
use std::sync::Arc;
use zstd::bulk::Compressor;

/// A file that is being written, in memory.
pub(crate) struct Writer {
    table: Table,
    schema: SchemaRef,
    file: SerializedFileWriter<Vec<u8>>,
    columns: ArrowRowGroupWriterFactory,
    group: Vec<Column>,
    rows: usize,
    life: Life,
    zstd: Compressor<'static>,
}

/// A column of the row group that is being written.
enum Column {
    Repeated(Box<Repeated>),
    /// One writer for each of its leaves.
    Plain(Vec<ArrowColumnWriter>),
}

impl Writer {
    /// A file of rows of `table` that have the columns of `schema`.
    ///
    /// # Errors
    /// When Parquet has no such columns.
    pub(crate) fn new(table: Table, life: Life, schema: &SchemaRef) -> Result<Self, Error> {
        let open = || {
            let mut properties = properties(table, life);
            add_encoded_arrow_schema_to_metadata(schema, &mut properties);
            let columns = ArrowSchemaConverter::new().convert(schema)?;
            let file = SerializedFileWriter::new(Vec::new(), columns.root_schema_ptr(), Arc::new(properties))?;
            let columns = ArrowRowGroupWriterFactory::new(&file, SchemaRef::clone(schema));
            Ok((file, columns, Compressor::new(ZSTD)?))
        };
        let (file, columns, zstd) = open().map_err(|source| fail(table, source))?;
        let (schema, group) = (SchemaRef::clone(schema), Vec::new());
        Ok(Self { table, schema, file, columns, group, rows: 0, life, zstd })
    }

    /// Appends rows, whose texts may be run-end encoded.
    ///
    /// # Errors
    /// When Parquet does not take them.
    pub(crate) fn write(&mut self, batch: &RecordBatch) -> Result<(), Error> {
        let mut at = 0;
        while at < batch.num_rows() {
            let rows = (batch.num_rows() - at).min(self.life.group_rows() - self.rows);
            let part = if rows == batch.num_rows() { batch.clone() } else { batch.slice(at, rows) };
            self.append(&part).map_err(|source| fail(self.table, source))?;
            at += rows;
        }
        Ok(())
    }

    /// Bytes that the file has and will have of what was appended, about.
    pub(crate) fn size(&self) -> usize {
        let columns = self.group.iter().map(|column| match column {
            Column::Repeated(column) => column.size(),
            Column::Plain(leaves) => leaves.iter().map(ArrowColumnWriter::get_estimated_total_bytes).sum(),
        });
        self.file.bytes_written() + columns.sum::<usize>()
    }

    /// The file, and what it says of itself.
    ///
    /// # Errors
    /// When Parquet does not take the rows.
    pub(crate) fn close(mut self) -> Result<(Vec<u8>, ParquetMetaData), Error> {
        let mut end = || {
            self.flush()?;
            let metadata = self.file.finish()?;
            Ok((std::mem::take(self.file.inner_mut()), metadata))
        };
        end().map_err(|source| fail(self.table, source))
    }

    fn append(&mut self, batch: &RecordBatch) -> Encoded<()> {
        if self.group.is_empty() {
            self.group = self.begin()?;
        }
        for ((column, field), array) in self.group.iter_mut().zip(self.schema.fields()).zip(batch.columns()) {
            match column {
                Column::Repeated(column) => column.append(array)?,
                Column::Plain(leaves) => {
                    for (leaf, values) in leaves.iter_mut().zip(compute_leaves(field, array)?) {
                        leaf.write(&values)?;
                    }
                }
            }
        }
        self.rows += batch.num_rows();
        if self.rows >= self.life.group_rows() { self.flush() } else { Ok(()) }
    }

    fn begin(&self) -> Encoded<Vec<Column>> {
        let descriptors = self.file.schema_descr().columns();
        let mut leaves = self.columns.create_column_writers(self.file.flushed_row_groups().len())?.into_iter();
        let (mut at, mut group) = (0, Vec::new());
        for field in self.schema.fields() {
            let count = lake::leaves(field.data_type());
            let plain: Vec<ArrowColumnWriter> = leaves.by_ref().take(count).collect();
            group.push(match descriptors.get(at).filter(|_| is_repeated(field)) {
                Some(of) => {
                    let is_sought = lake::SOUGHT.contains(&field.name().as_str()) && of.max_rep_level() == 0;
                    let (of, properties) = (Arc::clone(of), self.file.properties());
                    Column::Repeated(Box::new(Repeated::new(of, properties, is_sought, self.life.tiny())))
                }
                None => Column::Plain(plain),
            });
            at += count;
        }
        Ok(group)
    }

    fn flush(&mut self) -> Encoded<()> {
        if self.rows == 0 {
            return Ok(());
        }
        let mut group = self.file.next_row_group()?;
        for column in std::mem::take(&mut self.group) {
            match column {
                Column::Repeated(column) => {
                    let (bytes, close) = column.finish(&mut self.zstd)?;
                    group.append_column(&bytes, close)?;
                }
                Column::Plain(leaves) => {
                    for leaf in leaves {
                        leaf.close()?.append_to_row_group(&mut group)?;
                    }
                }
            }
        }
        group.close()?;
        self.rows = 0;
        Ok(())
    }
}

/// Texts, and lists of texts, of which neighbours in the table's order are alike.
fn is_repeated(field: &Field) -> bool {
    let is_text = |kind: &DataType| *kind == DataType::Utf8;
    !DISTINCT.contains(&field.name().as_str())
        && match field.data_type() {
            DataType::List(element) => is_text(element.data_type()),
            kind => is_text(kind),
        }
}

fn fail(table: Table, source: ParquetError) -> Error {
    Error::Encode { table: table.name(), source }
}
