//! Rows to a writer, as a table, JSON lines or CSV. JSON and CSV are written batch by batch; a table needs all its rows
//! to know its widths, so it shows only so many and says so. Text in a table is made safe for a terminal: much of what
//! the lake holds was typed or printed by somebody hostile.

use crate::{Error, Rows, neutral};
use arrow::array::{Array, ArrayRef, RecordBatch, StringArray};
use arrow::csv;
use arrow::datatypes::{DataType, Field, FieldRef, Schema};
use arrow::error::ArrowError;
use arrow::json::{ArrayWriter, LineDelimitedWriter, WriterBuilder, writer::LineDelimited};
use arrow::util::display::{ArrayFormatter, FormatOptions};
use comfy_table::{CellAlignment, ContentArrangement, presets};
use std::io::Write;
use std::sync::Arc;

/// How rows are written.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Format {
    /// For people.
    Table,
    /// One JSON object a line.
    Json,
    /// Comma-separated, with a header; lists and structs as JSON.
    Csv,
}

impl Format {
    /// The names as an option takes them.
    pub const NAMES: [&'static str; 3] = ["table", "json", "csv"];

    /// The format of this name, if there is one.
    #[must_use]
    pub fn parse(name: &str) -> Option<Self> {
        match name {
            "table" => Some(Self::Table),
            "json" => Some(Self::Json),
            "csv" => Some(Self::Csv),
            _ => None,
        }
    }
}

/// The most rows that a table shows.
pub const MAX_TABLE: usize = 10_000;

/// The most characters of a value that a table shows.
pub const MAX_CELL: usize = 2_000;

/// Writes all rows; returns how many there were.
///
/// `width` is the terminal's, to which a table is fitted; `None` does not fold. Rows beyond [`MAX_TABLE`] are counted
/// but not shown in a table, and its last line says so.
///
/// # Errors
/// When the query fails on the way or the writer does not take what is written.
pub async fn write(rows: Rows, format: Format, width: Option<u16>, out: &mut dyn Write) -> Result<usize, Error> {
    match format {
        Format::Table => table(rows, width, out).await,
        Format::Json => json(rows, out).await,
        Format::Csv => csv(rows, width.is_some(), out).await,
    }
}

async fn json(mut rows: Rows, out: &mut dyn Write) -> Result<usize, Error> {
    let mut count = 0;
    while let Some(batch) = rows.next().await? {
        count += batch.num_rows();
        let mut writer: LineDelimitedWriter<_> =
            WriterBuilder::new().with_explicit_nulls(true).build::<_, LineDelimited>(Vec::new());
        writer.write(&batch).map_err(failed)?;
        writer.finish().map_err(failed)?;
        out.write_all(&escaped(writer.into_inner()))?;
    }
    out.flush()?;
    Ok(count)
}

/// JSON in which what steers a terminal or turns a text round is written as an escape, as JSON itself asks of the first
/// 32 characters only.
fn escaped(json: Vec<u8>) -> Vec<u8> {
    // All of them are of two or three bytes that begin so.
    let Ok(text) = std::str::from_utf8(&json) else { return json };
    if !json.iter().any(|byte| matches!(byte, 0x7f | 0xc2 | 0xe2)) {
        return json;
    }
    let mut escaped = String::with_capacity(text.len());
    for char in text.chars() {
        match char {
            '\u{7f}'..='\u{9f}' | '\u{200e}' | '\u{200f}' | '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}' => {
                escaped.push_str(&format!("\\u{:04x}", u32::from(char)));
            }
            char => escaped.push(char),
        }
    }
    escaped.into_bytes()
}

async fn csv(mut rows: Rows, is_terminal: bool, out: &mut dyn Write) -> Result<usize, Error> {
    // The header stands even if there are no rows.
    let (mut count, mut next) = (0, Some(RecordBatch::new_empty(rows.schema())));
    let mut is_first = true;
    while let Some(batch) = next {
        count += batch.num_rows();
        // Of an error that `out` has, Arrow's writer would keep the words alone, and not that its reader is gone.
        let mut text = Vec::new();
        let mut writer = csv::WriterBuilder::new().with_header(is_first).build(&mut text);
        writer.write(&flat(&batch).map_err(failed)?).map_err(failed)?;
        drop(writer);
        if is_terminal {
            let lines = String::from_utf8_lossy(&text);
            lines.lines().try_for_each(|line| writeln!(out, "{}", neutral(line)))?;
        } else {
            out.write_all(&text)?;
        }
        (is_first, next) = (false, rows.next().await?);
    }
    out.flush()?;
    Ok(count)
}

async fn table(mut rows: Rows, width: Option<u16>, out: &mut dyn Write) -> Result<usize, Error> {
    let mut table = comfy_table::Table::new();
    table.load_style(presets::UTF8_FULL_CONDENSED);
    if let Some(width) = width {
        table.set_content_arrangement(ContentArrangement::Dynamic).set_width(width);
    }
    let schema = rows.schema();
    table.set_header(schema.fields().iter().map(|field| neutral(field.name()).into_owned()));
    for (column, field) in table.column_iter_mut().zip(schema.fields()) {
        if field.data_type().is_numeric() {
            column.set_cell_alignment(CellAlignment::Right);
        }
    }
    let (mut count, mut shown) = (0, 0);
    let options = |field: &FieldRef| {
        let format = if is_elsewhere(field.data_type()) { "%F %T%.3f%:z" } else { "%F %T%.3fZ" };
        FormatOptions::default().with_display_error(true).with_timestamp_tz_format(Some(format))
    };
    let options: Vec<_> = schema.fields().iter().map(options).collect();
    while let Some(batch) = rows.next().await? {
        let room = (MAX_TABLE - shown).min(batch.num_rows());
        let columns = batch.columns().iter().zip(&options);
        let columns = columns.map(|(column, options)| ArrayFormatter::try_new(column.as_ref(), options));
        let columns = columns.collect::<Result<Vec<_>, _>>().map_err(failed)?;
        for row in 0..room {
            table.add_row(columns.iter().map(|column| cell(&column.value(row).to_string())));
        }
        count += batch.num_rows();
        shown += room;
    }
    writeln!(out, "{table}")?;
    match (count, count - shown) {
        (1, _) => writeln!(out, "1 row")?,
        (_, 0) => writeln!(out, "{count} rows")?,
        _ => writeln!(out, "{count} rows, the first {shown} shown; csv and json show all")?,
    }
    out.flush()?;
    Ok(count)
}

/// Whether moments in it are told in another zone than UTC.
fn is_elsewhere(kind: &DataType) -> bool {
    match kind {
        DataType::Timestamp(_, Some(zone)) => !["UTC", "+00:00", "Z"].contains(&zone.as_ref()),
        DataType::List(inner) | DataType::LargeList(inner) | DataType::FixedSizeList(inner, _) => {
            is_elsewhere(inner.data_type())
        }
        DataType::Struct(fields) => fields.iter().any(|field| is_elsewhere(field.data_type())),
        DataType::Dictionary(_, of) => is_elsewhere(of),
        _ => false,
    }
}

fn cell(text: &str) -> String {
    match text.char_indices().nth(MAX_CELL) {
        Some((end, _)) => format!("{}…", neutral(text.get(..end).unwrap_or_default())),
        None => neutral(text).into_owned(),
    }
}

/// The batch with lists and structs as JSON text, which CSV can carry.
fn flat(batch: &RecordBatch) -> Result<RecordBatch, ArrowError> {
    let schema = batch.schema();
    let mut fields = Vec::with_capacity(schema.fields().len());
    let mut columns: Vec<ArrayRef> = Vec::with_capacity(schema.fields().len());
    for (field, column) in schema.fields().iter().zip(batch.columns()) {
        if field.data_type().is_nested() {
            fields.push(Arc::new(Field::new(field.name(), DataType::Utf8, true)));
            columns.push(Arc::new(texts(column)?));
        } else {
            fields.push(Arc::clone(field));
            columns.push(Arc::clone(column));
        }
    }
    RecordBatch::try_new(Arc::new(Schema::new(fields)), columns)
}

fn texts(column: &ArrayRef) -> Result<StringArray, ArrowError> {
    let field = Field::new("value", column.data_type().clone(), true);
    let batch = RecordBatch::try_new(Arc::new(Schema::new(vec![field])), vec![Arc::clone(column)])?;
    let mut writer = ArrayWriter::new(Vec::new());
    writer.write(&batch)?;
    writer.finish()?;
    let written = writer.into_inner();
    let wrong = |error: serde_json::Error| ArrowError::JsonError(error.to_string());
    // Nothing at all is written for no rows.
    let rows: Vec<serde_json::Map<String, serde_json::Value>> =
        if column.is_empty() { Vec::new() } else { serde_json::from_slice(&written).map_err(wrong)? };
    Ok(rows.into_iter().map(|mut row| row.remove("value").map(|value| value.to_string())).collect())
}

fn failed(error: ArrowError) -> Error {
    match error {
        ArrowError::IoError(_, error) => Error::Output(error),
        error => Error::Output(std::io::Error::other(error)),
    }
}
