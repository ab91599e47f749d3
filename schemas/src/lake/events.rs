//! Rows of `events`, to and from.

use super::column::{
    chained, filled, maybe_count, maybe_repeated, maybe_text, maybe_time, repeated, repeated_texts, small, structs,
    text,
};
use super::parsed::Parsed;
use super::rows::{Columns, Row};
use super::runs::Runs;
use super::view::{Column, Texts, View};
use super::who::{self, Who, WhoRuns};
use super::words::Words;
use super::{Error, Located, Table};
use crate::borrowed::{
    ActionRef, DecisionRef, DecoyUseRef, DisclosureRef, EndRef, EventRef, KindRef, OutcomeRef, Shared, Totals,
};
use crate::{Class, DecoyPlace, DisclosureKind, Effect, Event, Kind, Status, Verb, class};
use arrow::array::{Int64Array, ListArray, RecordBatch, TimestampMicrosecondArray};
use std::rc::Rc;

/// The events of a batch of the table `events`, whatever order its columns have.
///
/// # Errors
/// When a column is missing, or a value is none that interdict writes.
pub fn events(batch: &RecordBatch) -> Result<Vec<Located<Event>>, Error> {
    let view = View::new(Table::Events, batch);
    let reader = Reader::new(view)?;
    let place = view.places()?;
    view.rows(|row| Ok(Located { place: place(row)?, value: reader.event(row)?.into() }))
}

pub(super) fn columns<'a>(rows: &'a [Row<'a, EventRef<'a>>]) -> Columns {
    let schema = Table::Events.schema();
    let list = |name| schema.field_with_name(name).map(|field| field.data_type().clone());
    let learnt: Vec<&DisclosureRef<'a>> = rows.iter().flat_map(|row| &row.value.disclosures).collect();
    let presented: Vec<&DecoyUseRef<'a>> = rows.iter().flat_map(|row| &row.value.presented).collect();
    let acted = |row: &'a Row<'a, EventRef<'a>>| row.value.kind.acted();
    let outcome = |row: &'a Row<'a, EventRef<'a>>| row.value.kind.outcome();
    let end = |row: &'a Row<'a, EventRef<'a>>| row.value.kind.end();
    let totals = |row: &'a Row<'a, EventRef<'a>>| row.value.kind.totals();
    let mut columns = who::columns(rows);
    columns.extend([
        text(rows, |row| row.value.id),
        repeated(rows, |row| row.value.kind.name()),
        small(rows, |row| class::of_kind(&row.value.kind).0),
        small(rows, |row| class::of_kind(&row.value.kind).1),
        maybe_text(rows, |row| match &row.value.kind {
            KindRef::Acted { action, .. } => Some(action.id),
            KindRef::Resulted { action, .. } => Some(action),
            _ => None,
        }),
        maybe_repeated(rows, |row| match &row.value.kind {
            KindRef::Acted { action: ActionRef { class, .. }, .. } | KindRef::Resulted { class, .. } => {
                Some(class.name())
            }
            _ => None,
        }),
        maybe_repeated(rows, |row| acted(row).map(|(action, _)| action.verb.name())),
        maybe_repeated(rows, |row| acted(row).map(|(action, _)| action.text)),
        repeated_texts(rows, |row| acted(row).map(|(action, _)| action.objects.iter().copied())),
        maybe_repeated(rows, |row| acted(row).and_then(|(action, _)| action.parameters_digest)),
        maybe_repeated(rows, |row| acted(row).and_then(|(action, _)| action.database)),
        maybe_repeated(rows, |row| acted(row).map(|(_, decision)| decision.effect.name())),
        maybe_repeated(rows, |row| acted(row).and_then(|(_, decision)| filled(decision.reason))),
        repeated_texts(rows, |row| acted(row).map(|(_, decision)| decision.policies.iter().copied())),
        maybe_repeated(rows, |row| outcome(row).map(|outcome| outcome.status.name())),
        maybe_repeated(rows, |row| outcome(row).and_then(|outcome| filled(outcome.code))),
        maybe_repeated(rows, |row| {
            let detail = end(row).map(|end| end.detail).or_else(|| outcome(row).map(|outcome| outcome.detail));
            detail.and_then(filled)
        }),
        maybe_count(rows, |row| outcome(row).map(|outcome| outcome.rows)),
        maybe_count(rows, |row| outcome(row).map(|outcome| outcome.duration_us)),
        maybe_count(rows, |row| totals(row).map_or_else(|| outcome(row).map(|o| o.bytes_in), |t| Some(t.bytes_in))),
        maybe_count(rows, |row| totals(row).map_or_else(|| outcome(row).map(|o| o.bytes_out), |t| Some(t.bytes_out))),
        maybe_repeated(rows, |row| end(row).and_then(|end| filled(end.reason))),
        maybe_repeated(rows, |row| end(row).and_then(|end| end.verdict)),
        maybe_time(rows, |row| totals(row).map(|totals| totals.opened)),
        maybe_count(rows, |row| totals(row).map(|totals| totals.actions)),
        maybe_count(rows, |row| totals(row).map(|totals| totals.denied)),
        structs(
            &list("disclosures")?,
            rows.iter().map(|row| row.value.disclosures.len()),
            vec![
                text(&learnt, |learnt| learnt.kind.name()),
                text(&learnt, |learnt| learnt.value),
                maybe_text(&learnt, |learnt| learnt.target),
            ],
        )?,
        structs(
            &list("presented")?,
            rows.iter().map(|row| row.value.presented.len()),
            vec![
                text(&presented, |used| used.session),
                text(&presented, |used| used.field),
                text(&presented, |used| used.target),
                text(&presented, |used| used.place.name()),
            ],
        )?,
    ]);
    columns.extend(chained(rows, Row::place));
    Ok(columns)
}

/// Reads the rows of a batch.
pub(super) struct Reader {
    pub(super) who: Who,
    time: Column<TimestampMicrosecondArray>,
    session: Column<Words>,
    id: Column<Words>,
    kind: Column<Words>,
    action: Column<Words>,
    class: Parsed<Class>,
    verb: Parsed<Verb>,
    text: Column<Words>,
    objects: Texts,
    parameters_digest: Column<Words>,
    database: Column<Words>,
    decision: Parsed<Effect>,
    decision_reason: Column<Words>,
    policies: Texts,
    status: Parsed<Status>,
    code: Column<Words>,
    detail: Column<Words>,
    rows: Column<Int64Array>,
    duration_us: Column<Int64Array>,
    bytes_in: Column<Int64Array>,
    bytes_out: Column<Int64Array>,
    reason: Column<Words>,
    verdict: Column<Words>,
    opened: Column<TimestampMicrosecondArray>,
    actions: Column<Int64Array>,
    denied: Column<Int64Array>,
    disclosures: Column<ListArray>,
    learnt_kind: Column<Words>,
    learnt_value: Column<Words>,
    learnt_target: Column<Words>,
    presented: Column<ListArray>,
    decoy_session: Column<Words>,
    decoy_field: Column<Words>,
    decoy_target: Column<Words>,
    decoy_place: Column<Words>,
}

impl Reader {
    pub(super) fn new(view: View<'_>) -> Result<Self, Error> {
        let disclosures: Column<ListArray> = view.column("disclosures")?;
        let presented: Column<ListArray> = view.column("presented")?;
        Ok(Self {
            who: Who::new(view)?,
            time: view.column("time")?,
            session: view.column("session")?,
            id: view.column("id")?,
            kind: view.column("kind")?,
            action: view.column("action")?,
            class: view.parsed("class", Class::parse)?,
            verb: view.parsed("verb", Verb::parse)?,
            text: view.column("text")?,
            objects: view.column::<ListArray>("objects")?.borrowed()?,
            parameters_digest: view.column("parameters_digest")?,
            database: view.column("database")?,
            decision: view.parsed("decision", Effect::parse)?,
            decision_reason: view.column("decision_reason")?,
            policies: view.column::<ListArray>("policies")?.borrowed()?,
            status: view.parsed("status", Status::parse)?,
            code: view.column("code")?,
            detail: view.column("detail")?,
            rows: view.column("rows")?,
            duration_us: view.column("duration_us")?,
            bytes_in: view.column("bytes_in")?,
            bytes_out: view.column("bytes_out")?,
            reason: view.column("reason")?,
            verdict: view.column("verdict")?,
            opened: view.column("opened")?,
            actions: view.column("actions")?,
            denied: view.column("denied")?,
            learnt_kind: disclosures.field("kind")?,
            learnt_value: disclosures.field("value")?,
            learnt_target: disclosures.field("target")?,
            disclosures,
            decoy_session: presented.field("session")?,
            decoy_field: presented.field("field")?,
            decoy_target: presented.field("target")?,
            decoy_place: presented.field("place")?,
            presented,
        })
    }

    pub(super) fn event(&self, row: usize) -> Result<EventRef<'_>, Error> {
        self.event_after(row, &WhoRuns::default(), None)
    }

    /// Which of so many rows say the same as the one before.
    pub(super) fn runs(&self, rows: usize) -> WhoRuns {
        self.who.runs(rows)
    }

    /// The same; what it shares with the event that was read from the row before is shared.
    pub(super) fn event_after<'a>(
        &'a self,
        row: usize,
        runs: &WhoRuns,
        before: Option<&Shared<'a>>,
    ) -> Result<EventRef<'a>, Error> {
        let kind = match self.kind.need(row)? {
            Kind::OPENED => KindRef::Opened,
            Kind::REFUSED => KindRef::Refused(self.end(row)?),
            Kind::CLOSED => KindRef::Closed(
                self.end(row)?,
                Totals {
                    opened: self.opened.time(row)?,
                    actions: self.actions.count(row)?,
                    denied: self.denied.count(row)?,
                    bytes_in: self.bytes_in.count(row)?,
                    bytes_out: self.bytes_out.count(row)?,
                },
            ),
            Kind::ACTED => KindRef::Acted {
                action: self.action(row)?,
                decision: DecisionRef {
                    effect: self.decision.get(row)?,
                    reason: self.decision_reason.or_empty(row)?,
                    policies: self.policies.at(row)?,
                },
                outcome: if self.status.is_absent(row) { None } else { Some(self.outcome(row)?) },
            },
            Kind::RESULTED => KindRef::Resulted {
                action: self.action.need(row)?,
                class: self.class.get(row)?,
                outcome: self.outcome(row)?,
            },
            _ => return Err(self.kind.invalid(row)),
        };
        let shared = |runs: &Runs| before.filter(|_| runs.goes_on(row));
        let identity = match shared(&runs.identity) {
            Some(before) => Rc::clone(&before.identity),
            None => Rc::new(self.who.identity(row)?),
        };
        let source = match shared(&runs.source) {
            Some(before) => Rc::clone(&before.source),
            None => Rc::new(self.who.source(row)?),
        };
        let target = match shared(&runs.target) {
            Some(before) => Rc::clone(&before.target),
            None => Rc::new(self.who.target(row)?),
        };
        Ok(EventRef {
            id: self.id.need(row)?,
            time: self.time.time(row)?,
            session: self.session.need(row)?,
            identity,
            source,
            target,
            account: self.who.account(row)?,
            disclosures: self.disclosures.range(row).map(|at| self.disclosure(at)).collect::<Result<_, _>>()?,
            presented: self.presented.range(row).map(|at| self.decoy(at)).collect::<Result<_, _>>()?,
            kind,
        })
    }

    fn end(&self, row: usize) -> Result<EndRef<'_>, Error> {
        let (reason, detail) = (self.reason.or_empty(row)?, self.detail.or_empty(row)?);
        Ok(EndRef { reason, detail, verdict: self.verdict.filled(row)? })
    }

    fn action(&self, row: usize) -> Result<ActionRef<'_>, Error> {
        Ok(ActionRef {
            id: self.action.need(row)?,
            class: self.class.get(row)?,
            verb: self.verb.get(row)?,
            text: self.text.need(row)?,
            objects: self.objects.at(row)?,
            parameters_digest: self.parameters_digest.filled(row)?,
            database: self.database.filled(row)?,
        })
    }

    fn outcome(&self, row: usize) -> Result<OutcomeRef<'_>, Error> {
        Ok(OutcomeRef {
            status: self.status.get(row)?,
            code: self.code.or_empty(row)?,
            detail: self.detail.or_empty(row)?,
            rows: self.rows.count(row)?,
            bytes_in: self.bytes_in.count(row)?,
            bytes_out: self.bytes_out.count(row)?,
            duration_us: self.duration_us.count(row)?,
        })
    }

    fn decoy(&self, at: usize) -> Result<DecoyUseRef<'_>, Error> {
        Ok(DecoyUseRef {
            session: self.decoy_session.need(at)?,
            field: self.decoy_field.need(at)?,
            target: self.decoy_target.need(at)?,
            place: self.decoy_place.parsed(at, DecoyPlace::parse)?,
        })
    }

    fn disclosure(&self, at: usize) -> Result<DisclosureRef<'_>, Error> {
        Ok(DisclosureRef {
            kind: self.learnt_kind.parsed(at, DisclosureKind::parse)?,
            value: self.learnt_value.need(at)?,
            target: self.learnt_target.filled(at)?,
        })
    }
}
