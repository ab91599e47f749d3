//! Arrow columns from rows, one call a column. They cannot fail but by size, which the batch's maker bounds.

use super::located::PlaceRef;
use crate::Time;
use crate::borrowed::Address;
use arrow::array::{
    ArrayRef, BinaryArray, BooleanArray, Int32Array, Int32Builder, Int64Array, ListArray, ListBuilder, RunArray,
    StringBuilder, StructArray, TimestampMicrosecondArray,
};
use arrow::buffer::OffsetBuffer;
use arrow::datatypes::{DataType, Field, Int32Type};
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

/// Rows, each with where it ends.
pub(super) trait Rows<'a, R: 'a>: Copy {
    fn runs(self) -> impl Iterator<Item = (&'a R, i32)>;
}

impl<'a, R> Rows<'a, R> for &'a [R] {
    fn runs(self) -> impl Iterator<Item = (&'a R, i32)> {
        self.iter().zip(1..)
    }
}

/// Of rows of which neighbours say the same the first ones, each with where those end that say what it says.
pub(super) struct Heads<'a, R>(Vec<(&'a R, i32)>);

impl<'a, R> Heads<'a, R> {
    pub(super) fn of(rows: &'a [R], is_same: impl Fn(&'a R, &'a R) -> bool) -> Self {
        let mut heads = Vec::new();
        let ends = ends(rows, is_same, |row| heads.push(row));
        Self(heads.into_iter().zip(ends).collect())
    }
}

impl<'a, R> Rows<'a, R> for &Heads<'a, R> {
    fn runs(self) -> impl Iterator<Item = (&'a R, i32)> {
        self.0.iter().copied()
    }
}

/// Texts of which neighbours are alike, each once.
pub(super) fn repeated<'a, R: 'a>(rows: impl Rows<'a, R>, of: impl Fn(&'a R) -> &'a str) -> ArrayRef {
    maybe_repeated(rows, |row| Some(of(row)))
}

pub(super) fn maybe_repeated<'a, R: 'a>(rows: impl Rows<'a, R>, of: impl Fn(&'a R) -> Option<&'a str>) -> ArrayRef {
    let mut values = StringBuilder::new();
    let ends = ends(rows, |left, right| are_same(of(left), of(right)), |row| values.append_option(of(row)));
    runs(ends, Arc::new(values.finish()))
}

/// The same of lists.
pub(super) fn repeated_texts<'a, R: 'a, I>(rows: impl Rows<'a, R>, of: impl Fn(&'a R) -> Option<I>) -> ArrayRef
where
    I: IntoIterator<Item = &'a str>,
{
    let is_same = |left: Option<I>, right: Option<I>| match (left, right) {
        (Some(left), Some(right)) => {
            let (mut left, mut right) = (left.into_iter(), right.into_iter());
            loop {
                match (left.next(), right.next()) {
                    (Some(left), Some(right)) if is_same(left, right) => {}
                    (left, right) => break left.is_none() && right.is_none(),
                }
            }
        }
        (left, right) => left.is_none() && right.is_none(),
    };
    let mut lists = lists(0, StringBuilder::new());
    let ends = ends(rows, |left, right| is_same(of(left), of(right)), |row| append(&mut lists, of(row)));
    runs(ends, Arc::new(lists.finish()))
}

fn lists(count: usize, texts: StringBuilder) -> ListBuilder<StringBuilder> {
    ListBuilder::with_capacity(texts, count).with_field(Field::new("element", DataType::Utf8, true))
}

fn append<'a>(lists: &mut ListBuilder<StringBuilder>, list: Option<impl IntoIterator<Item = &'a str>>) {
    let is_there = list.is_some();
    list.into_iter().flatten().for_each(|text| lists.values().append_value(text));
    lists.append(is_there);
}

/// What was read from the same bytes need not be compared.
pub(super) fn is_same(left: &str, right: &str) -> bool {
    std::ptr::eq(left, right) || left == right
}

/// The same of what may not be there.
pub(super) fn are_same(left: Option<&str>, right: Option<&str>) -> bool {
    match (left, right) {
        (Some(left), Some(right)) => is_same(left, right),
        (left, right) => left.is_none() && right.is_none(),
    }
}

/// Where runs of rows end that `is_same` says are alike; `begin` is shown the first of each.
fn ends<'a, R: 'a>(
    rows: impl Rows<'a, R>,
    is_same: impl Fn(&'a R, &'a R) -> bool,
    mut begin: impl FnMut(&'a R),
) -> Vec<i32> {
    let mut runs = rows.runs();
    let Some((mut first, mut last)) = runs.next() else { return Vec::new() };
    let mut ends = Vec::new();
    begin(first);
    for (row, end) in runs {
        if !is_same(first, row) {
            ends.push(last);
            begin(row);
            first = row;
        }
        last = end;
    }
    ends.push(last);
    ends
}

/// Runs of equal values; as they are where each row differs or there is none.
fn runs(ends: Vec<i32>, values: ArrayRef) -> ArrayRef {
    match RunArray::<Int32Type>::try_new(&Int32Array::from(ends), &values) {
        Ok(runs) => Arc::new(runs),
        // Never: ends rise, and there are as many as values.
        Err(_) => values,
    }
}

pub(super) fn address<'a, R: 'a>(rows: impl Rows<'a, R>, of: impl Fn(&'a R) -> &'a Option<Address<'a>>) -> ArrayRef {
    maybe_repeated(rows, |row| of(row).as_ref().map(|address| &*address.text))
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
pub(super) fn port<'a, R: 'a>(rows: impl Rows<'a, R>, of: impl Fn(&'a R) -> u16) -> ArrayRef {
    let (mut ports, mut begin) = (Int32Builder::new(), 0);
    for (row, end) in rows.runs() {
        let port = Some(of(row)).filter(|port| *port > 0).map(i32::from);
        (begin..end).for_each(|_| ports.append_option(port));
        begin = end;
    }
    Arc::new(ports.finish())
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

/// Lists that differ from row to row.
pub(super) fn texts<'a, R, I>(rows: &'a [R], of: impl Fn(&'a R) -> Option<I>) -> ArrayRef
where
    I: IntoIterator<Item = &'a str>,
{
    let texts = || rows.iter().filter_map(&of).flatten();
    let values = StringBuilder::with_capacity(texts().count(), texts().map(str::len).sum());
    let mut column = lists(rows.len(), values);
    rows.iter().for_each(|row| append(&mut column, of(row)));
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
        maybe_repeated(rows, |row| stamp(row).map(|stamp| stamp.proxy)),
        maybe_repeated(rows, |row| stamp(row).map(|stamp| stamp.spool)),
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
