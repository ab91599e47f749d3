//! What retention took. Its commits say up to which number of each log; what is missing until there is not lost, and rows
//! between, which were on hold, may have lost the signature that covered them.

use super::chain::Found;
use super::check::text;
use super::report::Fault;
use crate::view::facts;
use crate::{Error, Snapshot};
use datafusion::scalar::ScalarValue;
use interdict_schemas::Time;
use interdict_schemas::lake::Table;
use std::collections::BTreeMap;

/// What is missing of one log for that reason.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(super) struct Retired {
    /// Up to which number it took some, once that was looked up.
    pub(super) last: Option<u64>,
    /// Numbers.
    pub(super) numbers: u64,
    /// Rows whose signature stood at one of these.
    pub(super) bare: u64,
    /// The time of what stands behind the newest of them, or before it.
    pub(super) newest: Option<Time>,
}

impl Retired {
    /// Whether anything was found that could be for that reason.
    pub(super) fn may_explain(found: &[Found]) -> bool {
        found.iter().any(|found| matches!(found.fault, Fault::Lost | Fault::Unproven))
    }

    /// What is left of it if retention took numbers up to `last`.
    pub(super) fn explain(&mut self, last: u64, found: Vec<Found>) -> Vec<Found> {
        let left = |found: Found| match found.fault {
            Fault::Lost if found.from <= last => {
                self.newest = self.newest.max(found.before.or(found.after));
                self.numbers += last.min(found.to) - found.from + 1;
                (found.to > last).then_some(Found { from: last + 1, ..found })
            }
            // What follows them is among what was taken.
            Fault::Unproven if found.to < last => {
                self.bare += found.to - found.from + 1;
                None
            }
            _ => Some(found),
        };
        found.into_iter().filter_map(left).collect()
    }
}

/// Up to which number retention took rows out of tables that are compared, by log.
#[derive(Debug, Default)]
pub(super) struct Taken(BTreeMap<String, u64>);

impl Taken {
    /// Of several tables the most that was taken of any. One look at a table's log for each of its logs: only for whom
    /// something does not agree.
    pub(super) async fn of(lake: &Snapshot, tables: &[Table]) -> Result<Self, Error> {
        let mut taken = Self::default();
        for named in tables {
            let sql = format!("select distinct spool from {} where spool is not null", facts(*named));
            for batch in lake.sql(&sql).await?.collect().await? {
                for row in 0..batch.num_rows() {
                    let Some(spool) = text(&batch, "spool", row)? else { continue };
                    for table in tables {
                        if let Some(last) = lake.retired(*table, &spool).await? {
                            let known = taken.0.entry(spool.clone()).or_default();
                            *known = last.max(*known);
                        }
                    }
                }
            }
        }
        Ok(taken)
    }

    pub(super) fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// That number as an expression over the column `spool`, with [`Self::values`]; 0 where nothing was taken.
    pub(super) fn last(&self) -> String {
        let whens: String = self.0.values().zip(1..).map(|(last, nth)| format!("when ${nth} then {last} ")).collect();
        if whens.is_empty() { "0".to_owned() } else { format!("(case spool {whens}else 0 end)") }
    }

    pub(super) fn values(&self) -> Vec<ScalarValue> {
        self.0.keys().map(|spool| ScalarValue::from(spool.as_str())).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_was_taken_is_not_lost_and_what_lies_above_is() {
        let check = |last: u64, found: &[(Fault, u64, u64)], left: &[(Fault, u64, u64)], numbers: u64, bare: u64| {
            let all = found.iter().map(|(fault, from, to)| Found {
                fault: *fault,
                from: *from,
                to: *to,
                after: None,
                before: None,
            });
            let mut retired = Retired::default();
            let rest = retired.explain(last, all.collect());
            let rest: Vec<_> = rest.iter().map(|found| (found.fault, found.from, found.to)).collect();
            assert_eq!((rest.as_slice(), retired.numbers, retired.bare), (left, numbers, bare));
        };
        use Fault::{Altered, Lost, Unproven};
        check(0, &[(Lost, 1, 4)], &[(Lost, 1, 4)], 0, 0);
        check(4, &[(Lost, 1, 4)], &[], 4, 0);
        check(4, &[(Lost, 1, 6)], &[(Lost, 5, 6)], 4, 0);
        check(4, &[(Lost, 5, 6)], &[(Lost, 5, 6)], 0, 0);
        check(8, &[(Lost, 1, 4), (Unproven, 5, 6), (Lost, 7, 8)], &[], 6, 2);
        check(6, &[(Unproven, 5, 6), (Lost, 7, 8)], &[(Unproven, 5, 6), (Lost, 7, 8)], 0, 0);
        check(8, &[(Altered, 5, 5)], &[(Altered, 5, 5)], 0, 0);
    }
}
