//! Typed reading of a table's batch, by column name. Engines hand columns back in another order and in kindred types
//! (views, dictionaries); both are accepted. A nullable column that an older lake lacks reads as null.

use super::located::PlaceRef;
use super::parsed::Parsed;
use super::words::{Held, Words};
use super::{Error, Place, Table};
use crate::list::List;
use crate::{Digest, StampRef, Time};
use arrow::array::{
    Array, BinaryArray, BooleanArray, Int32Array, Int64Array, ListArray, RecordBatch, StructArray,
    TimestampMicrosecondArray, new_null_array,
};
use std::ops::Range;
use std::sync::Arc;

/// One batch of one table.
#[derive(Clone, Copy)]
pub(super) struct View<'a> {
    table: Table,
    batch: &'a RecordBatch,
}

/// One column of it.
pub(super) struct Column<A> {
    table: &'static str,
    name: &'static str,
    array: A,
}

/// Where each row of a table's batch came from, whatever else it says.
///
/// # Errors
/// When a column is missing, or a value is none that interdict writes.
pub fn places(table: Table, batch: &RecordBatch) -> Result<Vec<Place>, Error> {
    let view = View::new(table, batch);
    let places = Places::new(&view)?;
    view.rows(|row| Ok(places.at(row)?.into()))
}

impl<'a> View<'a> {
    pub(super) const fn new(table: Table, batch: &'a RecordBatch) -> Self {
        Self { table, batch }
    }

    pub(super) fn column<A: Held>(&self, name: &'static str) -> Result<Column<A>, Error> {
        let table = self.table.name();
        let missing = || Error::Column { table, column: name };
        let schema = self.table.schema();
        let field = schema.field_with_name(name).map_err(|_| missing())?;
        let array = match self.batch.column_by_name(name) {
            Some(array) => Arc::clone(array),
            None if field.is_nullable() => new_null_array(field.data_type(), self.batch.num_rows()),
            None => return Err(missing()),
        };
        let held = A::held(&array, field.data_type());
        let array = held.map_err(|source| Error::Type { table, column: name, source })?.ok_or_else(missing)?;
        Ok(Column { table, name, array })
    }

    pub(super) fn len(&self) -> usize {
        self.batch.num_rows()
    }

    /// A column as it is, if it is there.
    pub(super) fn named(&self, name: &str) -> Option<&'a dyn Array> {
        self.batch.column_by_name(name).map(AsRef::as_ref)
    }

    /// A column of words that mean something.
    pub(super) fn parsed<T: Copy>(
        &self,
        name: &'static str,
        parse: fn(&str) -> Option<T>,
    ) -> Result<Parsed<T>, Error> {
        Ok(Parsed::new(self.column(name)?, self.len(), parse))
    }

    /// Reads the places of all rows.
    pub(super) fn places(&self) -> Result<impl Fn(usize) -> Result<Place, Error> + use<>, Error> {
        let places = Places::new(self)?;
        Ok(move |row| Ok(places.at(row)?.into()))
    }

    /// Reads every row with `read`.
    pub(super) fn rows<T>(&self, read: impl Fn(usize) -> Result<T, Error>) -> Result<Vec<T>, Error> {
        (0..self.batch.num_rows()).map(read).collect()
    }
}

/// The columns that say where rows came from.
pub(super) struct Places {
    proxy: Column<Words>,
    spool: Column<Words>,
    sequence: Column<Int64Array>,
    partition: Column<Int32Array>,
    offset: Column<Int64Array>,
    previous: Option<Column<BinaryArray>>,
}

impl Places {
    pub(super) fn new(view: &View<'_>) -> Result<Self, Error> {
        let chained = matches!(view.table, Table::Events | Table::Recordings);
        Ok(Self {
            proxy: view.column("proxy")?,
            spool: view.column("spool")?,
            sequence: view.column("sequence")?,
            partition: view.column("bus_partition")?,
            offset: view.column("bus_offset")?,
            previous: if chained { Some(view.column("previous")?) } else { None },
        })
    }

    pub(super) fn at(&self, row: usize) -> Result<PlaceRef<'_>, Error> {
        let stamp = match self.spool.text(row) {
            None => None,
            Some(spool) => Some(StampRef {
                proxy: self.proxy.need(row)?,
                spool,
                sequence: self.sequence.count(row)?,
                previous: match &self.previous {
                    Some(previous) => previous.maybe_fixed(row)?.map(Digest),
                    None => None,
                },
            }),
        };
        Ok(PlaceRef { stamp, partition: self.partition.small(row)?, offset: self.offset.count(row)? })
    }
}

/// A column of lists of texts.
pub(super) struct Texts {
    lists: Column<ListArray>,
    texts: Words,
}

impl Texts {
    /// The texts of a row, whose list may be empty but is there.
    pub(super) fn at(&self, row: usize) -> Result<List<&str>, Error> {
        if self.lists.array.is_null(row) {
            return Err(self.invalid(row));
        }
        let mut texts = List::default();
        for at in self.lists.range(row) {
            texts.push(self.texts.get(at).ok_or_else(|| self.invalid(row))?);
        }
        Ok(texts)
    }

    /// The first and the last text of a row.
    pub(super) fn ends(&self, row: usize) -> [Option<&str>; 2] {
        let mut range = self.lists.range(row);
        let first = range.next();
        [first, range.next_back().or(first)].map(|at| self.texts.get(at?))
    }

    /// Whether two rows say the same.
    pub(super) fn is_same(&self, one: usize, other: usize) -> bool {
        let [one, other] = [one, other].map(|row| self.lists.range(row));
        one.len() == other.len() && one.zip(other).all(|(one, other)| self.texts.is_same(one, other))
    }

    pub(super) const fn invalid(&self, row: usize) -> Error {
        self.lists.invalid(row)
    }
}

impl<A> Column<A> {
    pub(super) const fn held(&self) -> &A {
        &self.array
    }

    pub(super) const fn invalid(&self, row: usize) -> Error {
        Error::Value { table: self.table, column: self.name, row }
    }
}

impl Column<Words> {
    pub(super) fn text(&self, row: usize) -> Option<&str> {
        self.array.get(row)
    }

    pub(super) fn need(&self, row: usize) -> Result<&str, Error> {
        self.text(row).ok_or_else(|| self.invalid(row))
    }

    /// The text of a column that is null where there is none: an empty one is never written.
    pub(super) fn filled(&self, row: usize) -> Result<Option<&str>, Error> {
        match self.text(row) {
            Some("") => Err(self.invalid(row)),
            text => Ok(text),
        }
    }

    /// The same, empty where it is null.
    pub(super) fn or_empty(&self, row: usize) -> Result<&str, Error> {
        Ok(self.filled(row)?.unwrap_or_default())
    }

    pub(super) fn maybe(&self, row: usize) -> Option<String> {
        self.text(row).map(str::to_owned)
    }

    /// The text, empty where it is null.
    pub(super) fn owned(&self, row: usize) -> String {
        self.text(row).unwrap_or_default().to_owned()
    }

    pub(super) fn parsed<T>(&self, row: usize, parse: impl Fn(&str) -> Option<T>) -> Result<T, Error> {
        self.text(row).and_then(parse).ok_or_else(|| self.invalid(row))
    }
}

impl Column<Int64Array> {
    pub(super) fn count(&self, row: usize) -> Result<u64, Error> {
        let value = self.array.is_valid(row).then(|| self.array.value(row));
        value.and_then(|value| u64::try_from(value).ok()).ok_or_else(|| self.invalid(row))
    }
}

impl Column<Int32Array> {
    pub(super) fn small(&self, row: usize) -> Result<u32, Error> {
        let value = self.array.is_valid(row).then(|| self.array.value(row));
        value.and_then(|value| u32::try_from(value).ok()).ok_or_else(|| self.invalid(row))
    }

    /// 0 where it is null, and only there.
    pub(super) fn port(&self, row: usize) -> Result<u16, Error> {
        if self.array.is_null(row) {
            return Ok(0);
        }
        let port = self.array.value(row).try_into().ok().filter(|port| *port > 0);
        port.ok_or_else(|| self.invalid(row))
    }
}

impl Column<TimestampMicrosecondArray> {
    pub(super) fn time(&self, row: usize) -> Result<Time, Error> {
        self.array.is_valid(row).then(|| Time(self.array.value(row))).ok_or_else(|| self.invalid(row))
    }
}

impl Column<BooleanArray> {
    pub(super) fn truth(&self, row: usize) -> Result<bool, Error> {
        self.array.is_valid(row).then(|| self.array.value(row)).ok_or_else(|| self.invalid(row))
    }
}

impl Column<BinaryArray> {
    pub(super) fn bytes(&self, row: usize) -> Result<Vec<u8>, Error> {
        self.array.is_valid(row).then(|| self.array.value(row).to_vec()).ok_or_else(|| self.invalid(row))
    }
}

impl Column<BinaryArray> {
    pub(super) fn fixed<const N: usize>(&self, row: usize) -> Result<[u8; N], Error> {
        self.maybe_fixed(row)?.ok_or_else(|| self.invalid(row))
    }

    pub(super) fn maybe_fixed<const N: usize>(&self, row: usize) -> Result<Option<[u8; N]>, Error> {
        if self.array.is_null(row) {
            return Ok(None);
        }
        self.array.value(row).try_into().map(Some).map_err(|_| self.invalid(row))
    }
}

impl Column<ListArray> {
    /// The texts of a row; none where the list is null.
    pub(super) fn texts(&self, row: usize) -> Result<Vec<String>, Error> {
        if self.array.is_null(row) {
            return Ok(Vec::new());
        }
        let values = Words::from(self.array.values()).ok_or_else(|| self.invalid(row))?;
        let text = |at| values.get(at).map(str::to_owned).ok_or_else(|| self.invalid(row));
        self.range(row).map(text).collect()
    }

    /// The same for all rows, without copying.
    pub(super) fn borrowed(self) -> Result<Texts, Error> {
        let missing = || Error::Column { table: self.table, column: self.name };
        let texts = Words::from(self.array.values()).ok_or_else(missing)?;
        Ok(Texts { lists: self, texts })
    }

    /// Which elements belong to a row.
    pub(super) fn range(&self, row: usize) -> Range<usize> {
        let at = |index: usize| self.array.value_offsets().get(index).map_or(0, |offset| *offset as usize);
        if self.array.is_null(row) { 0..0 } else { at(row)..at(row + 1) }
    }

    /// One field of the structs of all rows.
    pub(super) fn field<A: Held>(&self, name: &'static str) -> Result<Column<A>, Error> {
        let missing = || Error::Column { table: self.table, column: name };
        let structs = self.array.values().as_any().downcast_ref::<StructArray>().ok_or_else(missing)?;
        let array = structs.column_by_name(name).ok_or_else(missing)?;
        let array = A::held(array, array.data_type()).ok().flatten().ok_or_else(missing)?;
        Ok(Column { table: self.table, name, array })
    }
}
