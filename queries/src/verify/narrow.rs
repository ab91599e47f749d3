//! Rows as the chain needs them: names as numbers, and in one number where each row belongs, by which they are sorted.

use super::chain::Row;
use arrow::array::{
    Array, ArrayRef, AsArray, Decimal128Array, Decimal256Array, Int32Array, Int64Array, NullBufferBuilder,
    RecordBatch,
};
use arrow::datatypes::{
    DataType, Decimal128Type, Decimal256Type, Field, Int32Type, Int64Type, Schema, SchemaRef, i256,
};
use datafusion::error::DataFusionError;
use interdict_schemas::lake::Link;
use interdict_schemas::{Digest, StampRef, Time};
use std::sync::{Arc, LazyLock};

/// The column that they are sorted by.
pub(super) const ORDER: &str = "key";

/// The only numbers of 128 bits that there are.
const KEY: DataType = DataType::Decimal128(38, 0);

/// A digest as a number of 256 bits: bytes of a fixed length are gathered by a way that knows no types, row by row.
const DIGEST: DataType = DataType::Decimal256(76, 0);

/// What is sorted.
pub(super) static SCHEMA: LazyLock<SchemaRef> = LazyLock::new(|| {
    use DataType::{Int32, Int64};
    Arc::new(Schema::new(vec![
        Field::new(ORDER, KEY, false),
        Field::new("proxy", Int32, false),
        Field::new("partition", Int32, false),
        Field::new("offset", Int64, false),
        Field::new("time", Int64, false),
        Field::new("previous", DIGEST, true),
        Field::new("record", DIGEST, true),
    ]))
});

/// Where a row belongs: its log's number, its own number in it and, for those that stand there twice, its offset, in one
/// number. Numbers of one kind are sorted and merged several times as quickly as rows of three columns.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Key(i128);

impl Key {
    /// Bits of what is least in it.
    const OFFSET: u32 = 36;
    const SEQUENCE: u32 = 63;

    /// Offsets above 2^36 are as one: of rows that stand there twice, either may come first.
    fn new(spool: i32, sequence: u64, offset: u64) -> Self {
        let of = |value: u64, bits: u32| i128::from(value.min((1 << bits) - 1));
        let sequence = of(sequence, Self::SEQUENCE) << Self::OFFSET;
        Self(i128::from(spool) << (Self::SEQUENCE + Self::OFFSET) | sequence | of(offset, Self::OFFSET))
    }

    /// The log's number.
    const fn spool(self) -> i128 {
        self.0 >> (Self::SEQUENCE + Self::OFFSET)
    }

    fn sequence(self) -> u64 {
        u64::try_from((self.0 >> Self::OFFSET) & ((1 << Self::SEQUENCE) - 1)).unwrap_or_default()
    }
}

/// Rows before they are sorted.
pub(super) struct Columns {
    key: Vec<i128>,
    proxy: Vec<i32>,
    partition: Vec<i32>,
    offset: Vec<i64>,
    time: Vec<i64>,
    previous: Digests,
    record: Digests,
}

impl Columns {
    pub(super) fn with_room_for(rows: usize) -> Self {
        Self {
            key: Vec::with_capacity(rows),
            proxy: Vec::with_capacity(rows),
            partition: Vec::with_capacity(rows),
            offset: Vec::with_capacity(rows),
            time: Vec::with_capacity(rows),
            previous: Digests::with_room_for(rows),
            record: Digests::with_room_for(rows),
        }
    }

    /// Adds a row with the numbers of its log and its proxy.
    pub(super) fn push(&mut self, spool: i32, proxy: i32, stamp: &StampRef<'_>, link: &Link<'_>) {
        self.key.push(Key::new(spool, stamp.sequence, link.offset).0);
        self.proxy.push(proxy);
        self.partition.push(i32::try_from(link.partition).unwrap_or(i32::MAX));
        self.offset.push(i64::try_from(link.offset).unwrap_or(i64::MAX));
        self.time.push(link.time.0);
        self.previous.push(stamp.previous);
        self.record.push(link.record);
    }

    pub(super) fn finish(self) -> Result<RecordBatch, DataFusionError> {
        let columns: Vec<ArrayRef> = vec![
            Arc::new(Decimal128Array::from(self.key).with_data_type(KEY)),
            Arc::new(Int32Array::from(self.proxy)),
            Arc::new(Int32Array::from(self.partition)),
            Arc::new(Int64Array::from(self.offset)),
            Arc::new(Int64Array::from(self.time)),
            Arc::new(self.previous.finish()),
            Arc::new(self.record.finish()),
        ];
        Ok(RecordBatch::try_new(Arc::clone(&SCHEMA), columns)?)
    }
}

/// A column of digests.
struct Digests {
    values: Vec<i256>,
    nulls: NullBufferBuilder,
}

impl Digests {
    fn with_room_for(rows: usize) -> Self {
        Self { values: Vec::with_capacity(rows), nulls: NullBufferBuilder::new(rows) }
    }

    fn push(&mut self, digest: Option<Digest>) {
        self.values.push(digest.map_or(i256::ZERO, |digest| i256::from_le_bytes(digest.0)));
        self.nulls.append(digest.is_some());
    }

    fn finish(mut self) -> Decimal256Array {
        Decimal256Array::new(self.values.into(), self.nulls.finish()).with_data_type(DIGEST)
    }
}

/// Rows as they come out of the sort, some at once.
pub(super) struct Sorted {
    names: Vec<Arc<str>>,
    key: Decimal128Array,
    proxy: Int32Array,
    partition: Int32Array,
    offset: Int64Array,
    time: Int64Array,
    previous: Decimal256Array,
    record: Decimal256Array,
}

impl Sorted {
    pub(super) fn new(batch: &RecordBatch, names: Vec<Arc<str>>) -> Self {
        let key = batch.column(0).as_primitive::<Decimal128Type>().clone();
        let [proxy, partition] = [1, 2].map(|at| batch.column(at).as_primitive::<Int32Type>().clone());
        let [offset, time] = [3, 4].map(|at| batch.column(at).as_primitive::<Int64Type>().clone());
        let [previous, record] = [5, 6].map(|at| batch.column(at).as_primitive::<Decimal256Type>().clone());
        Self { names, key, proxy, partition, offset, time, previous, record }
    }

    pub(super) fn len(&self) -> usize {
        self.key.len()
    }

    /// The log that a row is of.
    pub(super) fn spool(&self, row: usize) -> Arc<str> {
        self.name(Key(self.key.value(row)).spool()).cloned().unwrap_or_else(|| "".into())
    }

    /// How many of the rows from `row` on are of the same log as it.
    pub(super) fn alike(&self, row: usize) -> usize {
        let rest = self.key.values().get(row..).unwrap_or_default();
        let spool = |key: &i128| Key(*key).spool();
        rest.iter().take_while(|key| Some(spool(key)) == rest.first().map(spool)).count()
    }

    pub(super) fn row(&self, row: usize) -> Row<'_> {
        let digest = |array: &Decimal256Array| array.is_valid(row).then(|| Digest(array.value(row).to_le_bytes()));
        Row {
            proxy: self.name(self.proxy.value(row).into()).map_or("", |name| name),
            sequence: Key(self.key.value(row)).sequence(),
            time: Time(self.time.value(row)),
            partition: u32::try_from(self.partition.value(row)).unwrap_or_default(),
            offset: u64::try_from(self.offset.value(row)).unwrap_or_default(),
            previous: digest(&self.previous),
            record: digest(&self.record),
        }
    }

    fn name(&self, number: i128) -> Option<&Arc<str>> {
        self.names.get(usize::try_from(number).ok()?)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn keys_order_as_what_they_are_made_of(
            one in (0..i32::MAX >> 3, 0..u64::MAX >> 1, 0..1_u64 << 36),
            other in (0..i32::MAX >> 3, 0..u64::MAX >> 1, 0..1_u64 << 36),
        ) {
            let key = |(spool, sequence, offset)| Key::new(spool, sequence, offset);
            prop_assert_eq!(key(one).0.cmp(&key(other).0), one.cmp(&other));
            prop_assert_eq!((key(one).spool(), key(one).sequence()), (i128::from(one.0), one.1));
        }
    }

    #[test]
    fn numbers_that_nobody_gives_stay_in_their_log() {
        let most = Key::new(1, u64::MAX, u64::MAX);
        assert_eq!((most.spool(), most.sequence()), (1, u64::MAX >> 1));
        assert!(most.0 < Key::new(2, 0, 0).0);
    }
}
