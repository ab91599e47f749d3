//! What a row of `events` says beside its message: columns that repeat others (who is first and last in a chain, what class
//! of OCSF that is) and those that its kind makes no use of. No byte of them is in what was hashed, so whoever changes one
//! is found by comparing.

use super::Error;
use super::parsed::Parsed;
use super::runs::Runs;
use super::view::{Column, View};
use super::who::{Who, WhoRuns};
use super::words::Words;
use crate::borrowed::EventRef;
use crate::{Kind, class};
use arrow::array::{Array, Int32Array};
use arrow::buffer::BooleanBuffer;
use std::ops::BitOr;

/// What of an event a column says.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Part(u8);

impl Part {
    const NONE: Self = Self(0);
    /// What was done, or that it had this result.
    const ACTION: Self = Self(1);
    /// What was done, in full, and whether it may be.
    const ACTED: Self = Self(2);
    const OUTCOME: Self = Self(4);
    /// How a session ended, or was refused.
    const END: Self = Self(8);
    const TOTALS: Self = Self(16);

    /// What an event of this kind says; of an action perhaps an outcome too.
    fn of(kind: &str) -> Option<Self> {
        Some(match kind {
            Kind::OPENED => Self::NONE,
            Kind::REFUSED => Self::END,
            Kind::CLOSED => Self::END | Self::TOTALS,
            Kind::ACTED => Self::ACTION | Self::ACTED,
            Kind::RESULTED => Self::ACTION | Self::OUTCOME,
            _ => return None,
        })
    }

    const fn has(self, any: Self) -> bool {
        self.0 & any.0 != 0
    }
}

impl BitOr for Part {
    type Output = Self;

    fn bitor(self, other: Self) -> Self {
        Self(self.0 | other.0)
    }
}

/// The columns that not all kinds of events make use of.
const OF_PARTS: [(Part, &[&str]); 7] = [
    (Part::ACTION, &["action", "class"]),
    (
        Part::ACTED,
        &["verb", "text", "objects", "parameters_digest", "database", "decision", "decision_reason", "policies"],
    ),
    (Part::OUTCOME, &["status", "code", "rows", "duration_us"]),
    (Part::END, &["reason", "verdict"]),
    (Part::TOTALS, &["opened", "actions", "denied"]),
    (Part(Part::OUTCOME.0 | Part::END.0), &["detail"]),
    (Part(Part::OUTCOME.0 | Part::TOTALS.0), &["bytes_in", "bytes_out"]),
];

/// Compares the rows of a batch with their messages.
pub(super) struct Beside {
    kind: Column<Words>,
    class_uid: Column<Int32Array>,
    activity_id: Column<Int32Array>,
    /// Which rows say all that repeats their chains as those do, and nothing that their kind has no use of.
    agrees: BooleanBuffer,
}

impl Beside {
    pub(super) fn new(view: View<'_>, who: &Who, runs: &WhoRuns) -> Result<Self, Error> {
        let kinds = view.parsed("kind", Part::of)?;
        Ok(Self {
            kind: view.column("kind")?,
            class_uid: view.column("class_uid")?,
            activity_id: view.column("activity_id")?,
            agrees: &repeats(view, who, runs)? & &uses(view, &kinds)?,
        })
    }

    /// Whether nothing in a row speaks against its event.
    pub(super) fn check(&self, row: usize, event: &EventRef<'_>) -> Result<(), Error> {
        let said = (self.class_uid.small(row)?, self.activity_id.small(row)?);
        if said != class::of_kind(&event.kind) {
            return Err(self.class_uid.invalid(row));
        }
        if self.agrees.value(row) { Ok(()) } else { Err(self.kind.invalid(row)) }
    }
}

/// The rows whose first and last of the chain are as they say.
fn repeats(view: View<'_>, who: &Who, runs: &WhoRuns) -> Result<BooleanBuffer, Error> {
    let columns: [Column<Words>; 4] =
        [view.column("root")?, view.column("root_kind")?, view.column("actor")?, view.column("actor_kind")?];
    let alike = columns.iter().fold(Runs::of(view.len()), Runs::by);
    let mut last = false;
    Ok(BooleanBuffer::collect_bool(view.len(), |row| {
        if !(runs.identity.goes_on(row) && alike.goes_on(row)) {
            let ends = who.ends(row);
            last = columns.iter().zip(ends).all(|(column, end)| end.is_some() && column.text(row) == end);
        }
        last
    }))
}

/// The rows that have nothing in columns of which their kind makes no use.
fn uses(view: View<'_>, kinds: &Parsed<Part>) -> Result<BooleanBuffer, Error> {
    let status: Column<Words> = view.column("status")?;
    // What is of no kind says nothing that interdict writes, which is told elsewhere.
    let part = |row| match kinds.get(row).unwrap_or(Part::NONE) {
        acted if acted.has(Part::ACTED) && status.text(row).is_some() => acted | Part::OUTCOME,
        part => part,
    };
    let parts: Vec<Part> = (0..view.len()).map(part).collect();
    let mut agrees = BooleanBuffer::new_set(view.len());
    for (of, names) in OF_PARTS {
        let unused = BooleanBuffer::collect_bool(view.len(), |row| parts.get(row).is_some_and(|part| !part.has(of)));
        for says in names.iter().filter_map(|name| said(view.named(name)?)) {
            agrees = &agrees & &!&(&says & &unused);
        }
    }
    Ok(agrees)
}

/// The rows that say something in a column; none if no row does.
fn said(column: &dyn Array) -> Option<BooleanBuffer> {
    match column.logical_nulls() {
        Some(nulls) if nulls.null_count() == column.len() => None,
        Some(nulls) => Some(nulls.into_inner()),
        None => Some(BooleanBuffer::new_set(column.len())),
    }
}
