//! What the rows of `events` make in other tables, counted while they are read for their chains: to read them once more for
//! that would be a twentieth of the proof. Pure.

use arrow::array::{AsArray as _, RecordBatch};
use arrow::datatypes::Int32Type;
use interdict_schemas::lake::Table;
use std::collections::BTreeSet;

/// What the rows of `events` come to.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub(super) struct Tally {
    sessions: u64,
    disclosures: u64,
    partitions: BTreeSet<i32>,
}

impl Tally {
    /// Looks at the next rows.
    pub(super) fn see(&mut self, batch: &RecordBatch) {
        self.sessions += sessions(batch).unwrap_or_default();
        let lists = batch.column_by_name("disclosures").and_then(|lists| lists.as_list_opt::<i32>());
        let ends = lists.and_then(|lists| lists.value_offsets().first().zip(lists.value_offsets().last()));
        self.disclosures += ends.map_or(0, |(first, last)| last.abs_diff(*first).into());
        let partitions = batch.column_by_name("bus_partition").and_then(|of| of.as_primitive_opt::<Int32Type>());
        let mut last = None;
        for partition in partitions.into_iter().flat_map(|of| of.values()) {
            if last != Some(*partition) {
                self.partitions.insert(*partition);
                last = Some(*partition);
            }
        }
    }

    /// How many rows they make in a table.
    pub(super) const fn of(&self, table: Table) -> u64 {
        if matches!(table, Table::Sessions) { self.sessions } else { self.disclosures }
    }

    /// The partitions that they come from.
    pub(super) fn partitions(&self) -> impl Iterator<Item = u32> {
        self.partitions.iter().filter_map(|partition| u32::try_from(*partition).ok())
    }
}

/// Those that begin a session or end one.
fn sessions(batch: &RecordBatch) -> Option<u64> {
    let is_of_session = |kind: &str| matches!(kind, "opened" | "refused" | "closed");
    let kinds = batch.column_by_name("kind")?;
    let Some(numbered) = kinds.as_dictionary_opt::<Int32Type>() else {
        return Some(kinds.as_string_opt::<i32>()?.iter().flatten().filter(|kind| is_of_session(kind)).count() as u64);
    };
    let words = numbered.values().as_string_opt::<i32>()?;
    let counts: Vec<bool> = words.iter().map(|kind| kind.is_some_and(is_of_session)).collect();
    let is_counted = |number: &i32| usize::try_from(*number).ok().and_then(|at| counts.get(at)) == Some(&true);
    Some(numbered.keys().iter().flatten().filter(is_counted).count() as u64)
}

#[cfg(test)]
mod tests {
    use super::*;
    use arrow::array::{ArrayRef, Int32Array, ListArray, StringArray};
    use arrow::compute::cast;
    use arrow::datatypes::DataType;
    use std::sync::Arc;

    #[test]
    fn rows_are_counted_as_texts_and_as_dictionaries_have_them() {
        let kinds =
            StringArray::from(vec![Some("opened"), Some("acted"), None, Some("closed"), Some("refused"), Some("?")]);
        let lists = [Some(vec![Some(1), Some(2)]), None, Some(vec![]), Some(vec![Some(3)]), None, None];
        let lists = ListArray::from_iter_primitive::<Int32Type, _, _>(lists);
        let dictionary = DataType::Dictionary(Box::new(DataType::Int32), Box::new(DataType::Utf8));
        for kind in [DataType::Utf8, dictionary] {
            let batch = RecordBatch::try_from_iter([
                ("kind", cast(&kinds, &kind).expect("texts")),
                ("disclosures", Arc::new(lists.clone()) as ArrayRef),
                ("bus_partition", Arc::new(Int32Array::from(vec![3, 3, 0, 3, 7, 7])) as ArrayRef),
            ])
            .expect("a batch");
            let mut tally = Tally::default();
            tally.see(&batch);
            tally.see(&batch.slice(3, 2));
            assert_eq!([Table::Sessions, Table::Disclosures].map(|table| tally.of(table)), [5, 4]);
            assert_eq!(tally.partitions().collect::<Vec<_>>(), [0, 3, 7]);
        }
    }
}
