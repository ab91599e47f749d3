//! Texts of a column, as they are or as a dictionary has them: whoever asks a reader of Parquet for dictionaries is spared
//! a copy of every text, and of two rows with the same number in it no text is compared.

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

/// A table's schema with the texts as dictionaries of which `has_dictionary` says, by their place among the leaves of the
/// schema, that a file has them so.
#[must_use]
pub fn as_dictionaries(schema: &Schema, has_dictionary: impl Fn(usize) -> bool) -> Schema {
    let mut leaf = 0;
    let mut field = |field: &FieldRef| {
        let (first, kind) = (leaf, field.data_type());
        leaf += leaves(kind);
        let kind = match kind {
            DataType::Utf8 if has_dictionary(first) => dictionary(),
            DataType::List(element) if *element.data_type() == DataType::Utf8 && has_dictionary(first) => {
                DataType::List(Arc::new(element.as_ref().clone().with_data_type(dictionary())))
            }
            kind => kind.clone(),
        };
        field.as_ref().clone().with_data_type(kind)
    };
    let fields: Vec<Field> = schema.fields().iter().map(&mut field).collect();
    Schema::new_with_metadata(fields, schema.metadata().clone())
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
