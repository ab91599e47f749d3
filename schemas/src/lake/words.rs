//! Texts of a column, as they are or as a dictionary has them: whoever asks a reader of Parquet for dictionaries is spared
//! a copy of every text, and of two rows with the same number in it no text is compared.

use super::{Error, Table};
use arrow::array::{
    Array, ArrayRef, AsArray as _, BinaryArray, BooleanArray, Int32Array, Int64Array, ListArray, StringArray,
    TimestampMicrosecondArray,
};
use arrow::compute::cast;
use arrow::datatypes::{DataType, Field, FieldRef, Int32Type, Schema};
use arrow::error::ArrowError;
use std::sync::Arc;

/// Texts of a column.
#[derive(Clone)]
pub(super) enum Words {
    /// No row has one, as is so of many columns for all of a batch.
    None,
    Plain(StringArray),
    /// A dictionary, and which of its texts each row has.
    Numbered(Int32Array, StringArray),
}

impl Words {
    /// The text of a row, if it has one.
    pub(super) fn get(&self, row: usize) -> Option<&str> {
        match self {
            Self::None => None,
            Self::Plain(texts) => text(texts, row),
            Self::Numbered(_, texts) => text(texts, self.number(row)?),
        }
    }

    /// Which of the dictionary's texts a row has, if there is a dictionary.
    pub(super) fn number(&self, row: usize) -> Option<usize> {
        let Self::Numbered(numbers, _) = self else { return None };
        (row < numbers.len() && numbers.is_valid(row)).then(|| usize::try_from(numbers.value(row)).ok())?
    }

    /// Whether two rows say the same.
    pub(super) fn is_same(&self, one: usize, other: usize) -> bool {
        let has_same_number = self.number(one).is_some_and(|number| Some(number) == self.number(other));
        has_same_number || self.get(one) == self.get(other)
    }

    /// Of an array of texts or of a dictionary of them; nothing if it is neither.
    pub(super) fn from(array: &ArrayRef) -> Option<Self> {
        let words = match array.as_dictionary_opt::<Int32Type>() {
            Some(dictionary) => {
                Self::Numbered(dictionary.keys().clone(), dictionary.values().as_string_opt::<i32>()?.clone())
            }
            None => Self::Plain(array.as_string_opt::<i32>()?.clone()),
        };
        Some(if array.logical_null_count() == array.len() { Self::None } else { words })
    }
}

fn text(texts: &StringArray, at: usize) -> Option<&str> {
    (at < texts.len() && texts.is_valid(at)).then(|| texts.value(at))
}

/// What a column is read as.
pub(super) trait Held: Sized {
    /// Of an array that should be of this type, or of a kindred one; nothing if the type is none that is held so.
    fn held(array: &ArrayRef, kind: &DataType) -> Result<Option<Self>, ArrowError>;
}

macro_rules! held {
    ($($array:ty),+) => { $(
        impl Held for $array {
            fn held(array: &ArrayRef, kind: &DataType) -> Result<Option<Self>, ArrowError> {
                let array = if array.data_type() == kind { Arc::clone(array) } else { cast(array, kind)? };
                Ok(array.as_any().downcast_ref::<Self>().cloned())
            }
        }
    )+ };
}

held!(BinaryArray, BooleanArray, Int32Array, Int64Array, TimestampMicrosecondArray);

impl Held for Words {
    fn held(array: &ArrayRef, kind: &DataType) -> Result<Option<Self>, ArrowError> {
        match Self::from(array) {
            Some(words) => Ok(Some(words)),
            None => Ok(Self::from(&cast(array, kind)?)),
        }
    }
}

impl Held for ListArray {
    fn held(array: &ArrayRef, kind: &DataType) -> Result<Option<Self>, ArrowError> {
        let is_as_it_should_be = array.data_type() == kind || is_dictionaries(array.data_type());
        let array = if is_as_it_should_be { Arc::clone(array) } else { cast(array, kind)? };
        Ok(array.as_list_opt::<i32>().cloned())
    }
}

fn is_dictionaries(kind: &DataType) -> bool {
    matches!(kind, DataType::List(element) if *element.data_type() == dictionary())
}

fn dictionary() -> DataType {
    DataType::Dictionary(Box::new(DataType::Int32), Box::new(DataType::Utf8))
}

/// As what a file's columns are best read: texts as dictionaries of which `has_dictionary` says, by their place among the
/// leaves of the schema, that the file has them so; whatever else a file's own word on its types is, as the table's.
///
/// # Errors
/// When a column cannot be read as the table has it: those who look at columns by their type would look past it.
pub fn read_as(table: Table, found: &Schema, has_dictionary: impl Fn(usize) -> bool) -> Result<Schema, Error> {
    let (mut leaf, wanted) = (0, table.schema());
    let mut field = |field: &FieldRef| {
        let (first, kind) = (leaf, plain(field.data_type()));
        leaf += leaves(&kind);
        if let Ok(wanted) = wanted.field_with_name(field.name())
            && !is_read_as(&kind, wanted.data_type())
        {
            let (found, column) = (field.data_type().to_string(), wanted.name().clone());
            return Err(Error::Kind { table: table.name(), column, found });
        }
        let kind = match kind {
            DataType::Utf8 if has_dictionary(first) => dictionary(),
            DataType::List(element) if *element.data_type() == DataType::Utf8 && has_dictionary(first) => {
                DataType::List(Arc::new(element.as_ref().clone().with_data_type(dictionary())))
            }
            kind => kind,
        };
        Ok(field.as_ref().clone().with_data_type(kind))
    };
    let fields: Vec<Field> = found.fields().iter().map(&mut field).collect::<Result<_, _>>()?;
    Ok(Schema::new_with_metadata(fields, found.metadata().clone()))
}

/// The type of those that hold the same values which interdict writes.
fn plain(kind: &DataType) -> DataType {
    let of = |field: &FieldRef| Arc::new(field.as_ref().clone().with_data_type(plain(field.data_type())));
    match kind {
        DataType::LargeUtf8 | DataType::Utf8View => DataType::Utf8,
        DataType::LargeBinary | DataType::BinaryView => DataType::Binary,
        DataType::Dictionary(_, values) => plain(values),
        DataType::List(element)
        | DataType::LargeList(element)
        | DataType::ListView(element)
        | DataType::LargeListView(element) => DataType::List(of(element)),
        DataType::Struct(fields) => DataType::Struct(fields.iter().map(of).collect()),
        kind => kind.clone(),
    }
}

/// Whether all that is wanted is there in its type, whatever elements of lists are called.
fn is_read_as(found: &DataType, wanted: &DataType) -> bool {
    match (found, wanted) {
        (DataType::List(found), DataType::List(wanted)) => is_read_as(found.data_type(), wanted.data_type()),
        (DataType::Struct(found), DataType::Struct(wanted)) => wanted.iter().all(|wanted| {
            let found = found.iter().find(|found| found.name() == wanted.name());
            found.is_some_and(|found| is_read_as(found.data_type(), wanted.data_type()))
        }),
        (DataType::Timestamp(found, Some(_)), DataType::Timestamp(wanted, Some(_))) => found == wanted,
        (found, wanted) => found == wanted,
    }
}

/// The columns that Parquet has of one of this type.
#[must_use]
pub fn leaves(kind: &DataType) -> usize {
    match kind {
        DataType::List(element) => leaves(element.data_type()),
        DataType::Struct(fields) => fields.iter().map(|field| leaves(field.data_type())).sum(),
        _ => 1,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn columns_are_read_as_the_table_has_them_or_not_at_all() {
        let list = |element: DataType| Arc::new(Field::new("item", element, true));
        let check = |column: &str, found: DataType, expected: Option<DataType>| {
            let schema = Schema::new(vec![Field::new(column, found.clone(), true)]);
            let read = read_as(Table::Events, &schema, |_| false).map(|schema| schema.field(0).data_type().clone());
            assert_eq!(read.ok(), expected, "{column} as {found}");
        };
        for found in [DataType::Utf8, DataType::LargeUtf8, DataType::Utf8View, dictionary()] {
            check("kind", found.clone(), Some(DataType::Utf8));
            check("groups", DataType::LargeList(list(found)), Some(DataType::List(list(DataType::Utf8))));
        }
        check("kind", DataType::Binary, None);
        check("kind", DataType::Int32, None);
        check("groups", DataType::Utf8, None);
        check("sequence", DataType::Int64, Some(DataType::Int64));
        check("sequence", DataType::UInt64, None);
        check("previous", DataType::LargeBinary, Some(DataType::Binary));
        let [micros, zoned] = [None, Some("+00:00".into())]
            .map(|zone| DataType::Timestamp(arrow::datatypes::TimeUnit::Microsecond, zone));
        check("time", micros, None);
        check("time", zoned.clone(), Some(zoned));
        check("a_column_of_a_newer_build", DataType::UInt8, Some(DataType::UInt8));
    }

    #[test]
    fn texts_are_read_as_dictionaries_where_the_file_has_them_so() {
        let schema = Table::Events.schema();
        let read = read_as(Table::Events, &schema, |leaf| leaf % 2 == 0).expect("the table's own");
        let mut leaf = 0;
        for (field, read) in schema.fields().iter().zip(read.fields()) {
            let is_text = *field.data_type() == DataType::Utf8;
            assert_eq!(*read.data_type() == dictionary(), is_text && leaf % 2 == 0, "{}", field.name());
            leaf += leaves(field.data_type());
        }
    }
}
