//! Arrow columns from rows, one call a column. They cannot fail but by size, which the batch's maker bounds.

use super::located::PlaceRef;
use crate::Time;
use crate::borrowed::Address;
use arrow::array::{
    ArrayRef, BinaryArray, BooleanArray, Int32Array, Int64Array, ListArray, ListBuilder, StringBuilder, StructArray,
    TimestampMicrosecondArray,
};
use arrow::buffer::OffsetBuffer;
use arrow::datatypes::{DataType, Field};
use arrow::error::ArrowError;
use std::sync::Arc;

/// A count as the lake stores it.
pub(super) fn signed(value: u64) -> i64 {
    i64::try_from(value).unwrap_or(i64::MAX)
}

fn signed32(value: u32) -> i32 {
    i32::try_from(value).unwrap_or(i32::MAX)
}

/// An empty text is stored as null.
pub(super) fn filled(value: &str) -> Option<&str> {
    (!value.is_empty()).then_some(value)
}

pub(super) fn text<'a, R>(rows: &'a [R], of: impl Fn(&'a R) -> &'a str) -> ArrayRef {
    maybe_text(rows, |row| Some(of(row)))
}

pub(super) fn maybe_text<'a, R>(rows: &'a [R], of: impl Fn(&'a R) -> Option<&'a str>) -> ArrayRef {
    // Looking at each text twice is cheaper than a buffer that grows.
    let bytes = rows.iter().filter_map(&of).map(str::len).sum();
    let mut column = StringBuilder::with_capacity(rows.len(), bytes);
    rows.iter().for_each(|row| column.append_option(of(row)));
    Arc::new(column.finish())
}

pub(super) fn address<'a, R>(rows: &'a [R], of: impl Fn(&'a R) -> &'a Option<Address<'a>>) -> ArrayRef {
    maybe_text(rows, |row| of(row).as_ref().map(|address| &*address.text))
}

pub(super) fn time<'a, R>(rows: &'a [R], of: impl Fn(&'a R) -> Time) -> ArrayRef {
    let column = TimestampMicrosecondArray::from_iter_values(rows.iter().map(|row| of(row).0));
    Arc::new(column.with_timezone("UTC"))
}

pub(super) fn maybe_time<'a, R>(rows: &'a [R], of: impl Fn(&'a R) -> Option<Time>) -> ArrayRef {
    let column: TimestampMicrosecondArray = rows.iter().map(|row| of(row).map(|time| time.0)).collect();
    Arc::new(column.with_timezone("UTC"))
}

pub(super) fn small<'a, R>(rows: &'a [R], of: impl Fn(&'a R) -> u32) -> ArrayRef {
    Arc::new(Int32Array::from_iter_values(rows.iter().map(|row| signed32(of(row)))))
}

/// Port 0 is an unknown one.
pub(super) fn port<'a, R>(rows: &'a [R], of: impl Fn(&'a R) -> u16) -> ArrayRef {
    Arc::new(rows.iter().map(|row| Some(of(row)).filter(|port| *port > 0).map(i32::from)).collect::<Int32Array>())
}

pub(super) fn count<'a, R>(rows: &'a [R], of: impl Fn(&'a R) -> u64) -> ArrayRef {
    Arc::new(Int64Array::from_iter_values(rows.iter().map(|row| signed(of(row)))))
}

pub(super) fn maybe_count<'a, R>(rows: &'a [R], of: impl Fn(&'a R) -> Option<u64>) -> ArrayRef {
    Arc::new(rows.iter().map(|row| of(row).map(signed)).collect::<Int64Array>())
}

pub(super) fn truth<'a, R>(rows: &'a [R], of: impl Fn(&'a R) -> bool) -> ArrayRef {
    Arc::new(rows.iter().map(|row| Some(of(row))).collect::<BooleanArray>())
}

pub(super) fn texts<'a, R, I>(rows: &'a [R], of: impl Fn(&'a R) -> Option<I>) -> ArrayRef
where
    I: IntoIterator<Item = &'a str>,
{
    let element = Field::new("element", DataType::Utf8, true);
    let texts = || rows.iter().filter_map(&of).flatten();
    let values = StringBuilder::with_capacity(texts().count(), texts().map(str::len).sum());
    let mut column = ListBuilder::with_capacity(values, rows.len()).with_field(element);
    for row in rows {
        match of(row) {
            None => column.append_null(),
            Some(values) => {
                values.into_iter().for_each(|value| column.values().append_value(value));
                column.append(true);
            }
        }
    }
    Arc::new(column.finish())
}

/// A list column of type `kind` whose rows have `lengths` structs, of which `fields` holds all of all rows.
pub(super) fn structs(
    kind: &DataType,
    lengths: impl IntoIterator<Item = usize>,
    fields: Vec<ArrayRef>,
) -> Result<ArrayRef, ArrowError> {
    let DataType::List(element) = kind else {
        return Err(ArrowError::SchemaError(format!("{kind} is not a list")));
    };
    let DataType::Struct(names) = element.data_type() else {
        return Err(ArrowError::SchemaError(format!("{kind} is not a list of structs")));
    };
    let values = StructArray::try_new(names.clone(), fields, None)?;
    let offsets = OffsetBuffer::from_lengths(lengths);
    Ok(Arc::new(ListArray::try_new(Arc::clone(element), offsets, Arc::new(values), None)?))
}

/// The provenance columns, in the schema's order.
pub(super) fn provenance<'a, R>(rows: &'a [R], of: impl Fn(&'a R) -> &'a PlaceRef<'a> + Copy) -> [ArrayRef; 5] {
    let stamp = |row| of(row).stamp.as_ref();
    [
        maybe_text(rows, |row| stamp(row).map(|stamp| stamp.proxy)),
        maybe_text(rows, |row| stamp(row).map(|stamp| stamp.spool)),
        maybe_count(rows, |row| stamp(row).map(|stamp| stamp.sequence)),
        small(rows, |row| of(row).partition),
        count(rows, |row| of(row).offset),
    ]
}

/// The provenance columns of a table whose records form a chain.
pub(super) fn chained<'a, R>(rows: &'a [R], of: impl Fn(&'a R) -> &'a PlaceRef<'a> + Copy) -> [ArrayRef; 6] {
    let previous = rows.iter().map(|row| of(row).stamp.as_ref()?.previous.as_ref());
    let previous = BinaryArray::from_iter(previous.map(|previous| previous.map(|digest| digest.0.as_slice())));
    let [proxy, spool, sequence, partition, offset] = provenance(rows, of);
    [proxy, spool, sequence, partition, offset, Arc::new(previous)]
}
