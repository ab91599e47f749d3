//! Rows and back: what the lake keeps of a message is the message.

mod strategy;

use arrow::array::{Array as _, ArrayRef, AsArray as _, Int32Array, Int64Array, ListArray, RecordBatch, StringArray};
use arrow::compute::{cast, take};
use arrow::datatypes::{DataType, Field, Int32Type, Int64Type, Schema};
use interdict_schemas::lake::{self, Located, Place, Record, Table};
use interdict_schemas::{Event, Message, Time};
use proptest::collection::vec;
use proptest::prelude::*;
use proptest::sample::Index;
use std::sync::Arc;

fn located() -> impl Strategy<Value = Vec<Located<Message>>> {
    vec((place(), strategy::message()).prop_map(|(place, value)| Located { place, value }), 0..12)
}

fn place() -> impl Strategy<Value = Place> {
    (strategy::stamp(), 0..i32::MAX as u32, strategy::count()).prop_map(|(stamp, partition, offset)| Place {
        stamp,
        partition,
        offset,
    })
}

fn stamped() -> impl Strategy<Value = Place> {
    place().prop_filter("what a proxy wrote", |place| place.stamp.is_some())
}

/// What a row says in a column: texts of dictionaries as they are.
fn said(column: &ArrayRef, row: usize) -> ArrayRef {
    match column.data_type() {
        kind if *kind == dictionary() => cast(&column.slice(row, 1), &DataType::Utf8).expect("texts"),
        _ => column.slice(row, 1),
    }
}

/// The rows that these make, by way of their bytes.
fn rows(table: Table, records: &[Located<Message>]) -> RecordBatch {
    let records: Vec<_> = records.iter().map(|located| Record::try_from(located).expect("valid")).collect();
    lake::rows(table, &records).expect("rows")
}

/// What a query engine may make of a batch: other column order, string views.
fn as_an_engine_returns_it(batch: &RecordBatch) -> RecordBatch {
    let (fields, columns): (Vec<Field>, Vec<ArrayRef>) = batch
        .schema()
        .fields()
        .iter()
        .zip(batch.columns())
        .rev()
        .map(|(field, column)| {
            let kind = match field.data_type() {
                DataType::Utf8 => DataType::Utf8View,
                DataType::Binary => DataType::BinaryView,
                other => other.clone(),
            };
            (Field::new(field.name(), kind.clone(), true), cast(column, &kind).expect("kindred types"))
        })
        .unzip();
    RecordBatch::try_new(Arc::new(Schema::new(fields)), columns).expect("same lengths")
}

/// What somebody did to a row.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Damage {
    None,
    /// Where it came from is gone.
    Place,
    /// What it says means nothing.
    Kind,
}

fn damage() -> impl Strategy<Value = Damage> {
    prop_oneof![2 => Just(Damage::None), 1 => Just(Damage::Place), 1 => Just(Damage::Kind)]
}

fn dictionary() -> DataType {
    DataType::Dictionary(Box::new(DataType::Int32), Box::new(DataType::Utf8))
}

/// Rows that somebody damaged, with texts of this type.
fn damaged(batch: &RecordBatch, damage: &[Damage], texts: &DataType) -> RecordBatch {
    let columns = batch.schema_ref().fields().iter().zip(batch.columns()).map(|(field, column)| {
        let column: ArrayRef = match field.name().as_str() {
            "bus_offset" => {
                let offsets = column.as_primitive::<Int64Type>().iter().zip(damage);
                Arc::new(
                    offsets
                        .map(|(offset, damage)| offset.filter(|_| *damage != Damage::Place))
                        .collect::<Int64Array>(),
                )
            }
            "kind" => {
                let kinds = column.as_string::<i32>().iter().zip(damage);
                let kinds = kinds.map(|(kind, damage)| if *damage == Damage::Kind { Some("none") } else { kind });
                cast(&kinds.collect::<StringArray>(), texts).expect("texts")
            }
            _ if *field.data_type() == DataType::Utf8 => cast(column, texts).expect("texts"),
            _ => Arc::clone(column),
        };
        (field.name().clone(), column, true)
    });
    RecordBatch::try_from_iter_with_nullable(columns).expect("same lengths")
}

/// The same in other words: nothing as something empty and the other way round, addresses in capitals.
fn in_another_form(column: &ArrayRef) -> Option<ArrayRef> {
    match column.data_type() {
        DataType::Utf8 => {
            let texts = column.as_string::<i32>().iter();
            let is_address = |text: &str| text.parse::<std::net::IpAddr>().is_ok();
            let other = texts.map(|text| match text {
                None => Some(String::new()),
                Some(text) if is_address(text) => Some(text.to_uppercase()),
                text => text.map(str::to_owned),
            });
            Some(Arc::new(other.collect::<StringArray>()))
        }
        DataType::Int32 => {
            let numbers = column.as_primitive::<Int32Type>().iter();
            Some(Arc::new(numbers.map(|number| Some(number.unwrap_or(0))).collect::<Int32Array>()))
        }
        DataType::List(element) if *element.data_type() == DataType::Utf8 => {
            let lists = column.as_list::<i32>();
            let is_there = (0..lists.len()).map(|row| lists.is_null(row) || lists.value_length(row) > 0);
            let other = ListArray::try_new(
                Arc::clone(element),
                lists.offsets().clone(),
                Arc::clone(lists.values()),
                Some(is_there.collect::<Vec<_>>().into()),
            );
            Some(Arc::new(other.expect("as many")))
        }
        _ => None,
    }
}

/// Only events and recordings keep what was before them in their chain.
fn without_chains(mut records: Vec<Located<Message>>) -> Vec<Located<Message>> {
    for Located { place, value } in &mut records {
        if let (Some(stamp), false) = (&mut place.stamp, matches!(value, Message::Event(_) | Message::Chunk(_))) {
            stamp.previous = None;
        }
    }
    records
}

proptest! {
    #[test]
    fn rows_read_back_as_what_they_were_made_of(records in located()) {
        let batch = |table| as_an_engine_returns_it(&rows(table, &records));
        let mut back: Vec<Located<Message>> = Vec::new();
        let all = |values: Vec<_>, back: &mut Vec<_>| back.extend(values);
        fn wrap<T>(values: Vec<Located<T>>, of: fn(T) -> Message) -> Vec<Located<Message>> {
            values.into_iter().map(|located| Located { place: located.place, value: of(located.value) }).collect()
        }
        all(wrap(lake::events(&batch(Table::Events)).expect("events"), Message::Event), &mut back);
        all(wrap(lake::recordings(&batch(Table::Recordings)).expect("chunks"), Message::Chunk), &mut back);
        all(wrap(lake::alerts(&batch(Table::Alerts)).expect("alerts"), Message::Alert), &mut back);
        all(wrap(lake::verdicts(&batch(Table::Verdicts)).expect("verdicts"), Message::Verdict), &mut back);
        all(wrap(lake::resolutions(&batch(Table::Resolutions)).expect("resolutions"), Message::Resolution), &mut back);
        all(wrap(lake::checkpoints(&batch(Table::Checkpoints)).expect("checkpoints"), Message::Checkpoint), &mut back);
        let rank = |message: &Message| match message {
            Message::Event(_) => 0,
            Message::Chunk(_) => 1,
            Message::Alert(_) => 2,
            Message::Verdict(_) => 3,
            Message::Resolution(_) => 4,
            Message::Checkpoint(_) => 5,
            Message::Judged(_) => 6,
        };
        let mut expected = records.clone();
        expected.retain(|located| !matches!(located.value, Message::Judged(_)));
        expected.sort_by_key(|located| rank(&located.value));
        // What the chain hashes comes back byte for byte.
        for (back, expected) in back.iter().zip(&expected) {
            prop_assert_eq!(back.value.encode(), expected.value.encode());
        }
        prop_assert_eq!(without_chains(back), without_chains(expected));
    }

    #[test]
    fn lifecycle_and_disclosures_have_their_own_rows(records in located()) {
        let events = records.iter().filter_map(|located| match &located.value {
            Message::Event(event) => Some(event),
            _ => None,
        });
        let lifecycle = events.clone().filter(|event| matches!(event.kind.name(), "opened" | "refused" | "closed"));
        let learnt: usize = events.clone().map(|event| event.disclosures.len()).sum();
        prop_assert_eq!(rows(Table::Sessions, &records).num_rows(), lifecycle.count());
        prop_assert_eq!(rows(Table::Disclosures, &records).num_rows(), learnt);
    }

    #[test]
    fn a_row_is_hashed_alike_whatever_stands_beside_it(
        events in vec((place(), strategy::event()), 1..4),
        picks in vec((any::<Index>(), any::<Index>(), damage()), 1..12),
        texts in prop_oneof![Just(DataType::Utf8), Just(dictionary())],
    ) {
        let beside = picks.iter().map(|(of, who, _)| {
            let ((place, event), (_, other)) = (of.get(&events), who.get(&events));
            let event = Event { identity: other.identity.clone(), target: other.target.clone(), ..event.clone() };
            Located { place: place.clone(), value: Message::Event(event) }
        });
        let batch = rows(Table::Events, &beside.collect::<Vec<_>>());
        let damage: Vec<Damage> = picks.iter().map(|(_, _, damage)| *damage).collect();
        let batch = damaged(&batch, &damage, &texts);
        let hashed = |batch: &RecordBatch| {
            let mut hashed = Vec::new();
            lake::links(Table::Events, batch, |link| hashed.push(link.record));
            hashed
        };
        let alone = (0..batch.num_rows()).flat_map(|row| hashed(&batch.slice(row, 1)));
        prop_assert_eq!(hashed(&batch), alone.collect::<Vec<_>>());
    }

    #[test]
    fn whatever_is_changed_in_a_row_is_seen_in_its_link(
        records in vec((stamped(), strategy::message()), 2..6),
        texts in prop_oneof![Just(DataType::Utf8), Just(dictionary())],
    ) {
        let records: Vec<_> = records.into_iter().map(|(place, value)| Located { place, value }).collect();
        for table in [Table::Events, Table::Recordings] {
            let batch = rows(table, &records);
            let batch = damaged(&batch, &vec![Damage::None; batch.num_rows()], &texts);
            let linked = |batch: &RecordBatch| {
                let mut linked = Vec::new();
                lake::links(table, batch, |link| linked.push(format!("{link:?}")));
                linked
            };
            let before = linked(&batch);
            prop_assert!(before.iter().all(|link| !link.contains("record: None")), "{before:?}");
            // The day is compared with the rows' times by whoever knows the file.
            for at in (0..batch.num_columns()).filter(|at| batch.schema_ref().field(*at).name() != "date") {
                // Each row says here what the next one does.
                let others: Int64Array = (1..=batch.num_rows() as i64).map(|row| row % batch.num_rows() as i64).collect();
                let mut columns = batch.columns().to_vec();
                columns[at] = take(&columns[at], &others, None).expect("rows of the batch");
                let changed = RecordBatch::try_new(batch.schema(), columns).expect("same lengths");
                let after = linked(&changed);
                for row in 0..batch.num_rows() {
                    let [was, is] = [&batch, &changed].map(|batch| said(batch.column(at), row));
                    let name = batch.schema_ref().field(at).name();
                    prop_assert_eq!(before[row] == after[row], was == is, "{} of row {}", name, row);
                }
            }
        }
    }

    #[test]
    fn another_form_of_the_same_value_is_none(
        records in vec((stamped(), strategy::event()), 2..6),
        texts in prop_oneof![Just(DataType::Utf8), Just(dictionary())],
    ) {
        let records = records.into_iter().map(|(place, event)| Located { place, value: Message::Event(event) });
        let batch = rows(Table::Events, &records.collect::<Vec<_>>());
        let none = vec![Damage::None; batch.num_rows()];
        for at in 0..batch.num_columns() {
            let Some(column) = in_another_form(batch.column(at)) else { continue };
            let name = batch.schema_ref().field(at).name();
            // Where a proxy's name or number is missing, no proxy wrote the row; these were all written by one.
            let fields = batch.schema_ref().fields().iter().map(|field| field.as_ref().clone().with_nullable(true));
            let mut columns = batch.columns().to_vec();
            columns[at] = column;
            let changed = RecordBatch::try_new(Arc::new(Schema::new(fields.collect::<Vec<_>>())), columns);
            let changed = changed.expect("same lengths");
            let mut records = Vec::new();
            lake::links(Table::Events, &damaged(&changed, &none, &texts), |link| records.push(link.record));
            for (row, record) in records.iter().enumerate() {
                let is_same = batch.column(at).slice(row, 1) == changed.column(at).slice(row, 1);
                prop_assert_eq!(record.is_some(), is_same, "{} of row {}", name, row);
            }
        }
    }

    #[test]
    fn every_time_has_a_day_that_sql_has(time in any::<i64>()) {
        prop_assert!((-719_162..=2_932_896).contains(&lake::day(Time(time))));
    }
}

#[test]
fn a_batch_that_is_not_the_tables_is_an_error() {
    let check = |columns: Vec<(&str, ArrayRef)>, expected: &str| {
        let batch = RecordBatch::try_from_iter(columns).expect("batch");
        let error = lake::recordings(&batch).expect_err("not recordings").to_string();
        assert!(error.contains(expected), "{error}");
    };
    let text = |value: &str| Arc::new(StringArray::from(vec![value])) as ArrayRef;
    check(vec![("id", text("a"))], "no column `bus_partition`");
    let good = lake::rows(Table::Recordings, &[]).expect("rows");
    let nulls = good
        .schema()
        .fields()
        .iter()
        .map(|field| (field.name().clone(), arrow::array::new_null_array(field.data_type(), 1)))
        .collect::<Vec<_>>();
    let batch = RecordBatch::try_from_iter(nulls).expect("batch");
    assert!(lake::recordings(&batch).expect_err("nulls").to_string().contains("row 0"));
}
