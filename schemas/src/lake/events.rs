//! Rows of `events`, to and from.

use super::column::{chained, filled, maybe_count, maybe_text, maybe_time, small, structs, text, texts};
use super::rows::{Columns, Row};
use super::view::{Column, View};
use super::who::{self, Who};
use super::{Error, Located, Table};
use crate::{
    Action, Class, Closed, Decision, DecoyPlace, DecoyUse, Disclosure, DisclosureKind, Effect, Event, Kind, Outcome,
    Refused, Status, Verb, class,
};
use arrow::array::{Int64Array, ListArray, RecordBatch, StringArray, TimestampMicrosecondArray};

/// The events of a batch of the table `events`, whatever order its columns have.
///
/// # Errors
/// When a column is missing, or a value is none that interdict writes.
pub fn events(batch: &RecordBatch) -> Result<Vec<Located<Event>>, Error> {
    let view = View::new(Table::Events, batch);
    let reader = Reader::new(view)?;
    let place = view.places()?;
    view.rows(|row| Ok(Located { place: place(row)?, value: reader.event(row)? }))
}

pub(super) fn columns(rows: &[Row<'_, Event>]) -> Columns {
    let schema = Table::Events.schema();
    let list = |name| schema.field_with_name(name).map(|field| field.data_type().clone());
    let learnt: Vec<&Disclosure> = rows.iter().flat_map(|row| &row.value.disclosures).collect();
    let presented: Vec<&DecoyUse> = rows.iter().flat_map(|row| &row.value.presented).collect();
    let mut columns = who::columns(rows);
    columns.extend([
        text(rows, |row| &row.value.id),
        text(rows, |row| row.value.kind.name()),
        small(rows, |row| class::of(row.value).0),
        small(rows, |row| class::of(row.value).1),
        maybe_text(rows, |row| match &row.value.kind {
            Kind::Acted { action, .. } => Some(&action.id),
            Kind::Resulted { action, .. } => Some(action),
            _ => None,
        }),
        maybe_text(rows, |row| match &row.value.kind {
            Kind::Acted { action: Action { class, .. }, .. } | Kind::Resulted { class, .. } => Some(class.name()),
            _ => None,
        }),
        maybe_text(rows, |row| acted(row).map(|(action, _)| action.verb.name())),
        maybe_text(rows, |row| acted(row).map(|(action, _)| action.text.as_str())),
        texts(rows, |row| acted(row).map(|(action, _)| action.objects.iter().map(String::as_str))),
        maybe_text(rows, |row| acted(row).and_then(|(action, _)| action.parameters_digest.as_deref())),
        maybe_text(rows, |row| acted(row).and_then(|(action, _)| action.database.as_deref())),
        maybe_text(rows, |row| acted(row).map(|(_, decision)| decision.effect.name())),
        maybe_text(rows, |row| acted(row).and_then(|(_, decision)| filled(&decision.reason))),
        texts(rows, |row| acted(row).map(|(_, decision)| decision.policies.iter().map(String::as_str))),
        maybe_text(rows, |row| outcome(row).map(|outcome| outcome.status.name())),
        maybe_text(rows, |row| outcome(row).and_then(|outcome| filled(&outcome.code))),
        maybe_text(rows, |row| match &row.value.kind {
            Kind::Refused(Refused { detail, .. }) | Kind::Closed(Closed { detail, .. }) => filled(detail),
            _ => outcome(row).and_then(|outcome| filled(&outcome.detail)),
        }),
        maybe_count(rows, |row| outcome(row).map(|outcome| outcome.rows)),
        maybe_count(rows, |row| outcome(row).map(|outcome| outcome.duration_us)),
        maybe_count(rows, |row| closed(row).map_or_else(|| outcome(row).map(|o| o.bytes_in), |c| Some(c.bytes_in))),
        maybe_count(rows, |row| closed(row).map_or_else(|| outcome(row).map(|o| o.bytes_out), |c| Some(c.bytes_out))),
        maybe_text(rows, |row| match &row.value.kind {
            Kind::Refused(Refused { reason, .. }) | Kind::Closed(Closed { reason, .. }) => filled(reason),
            _ => None,
        }),
        maybe_text(rows, |row| match &row.value.kind {
            Kind::Refused(Refused { verdict, .. }) | Kind::Closed(Closed { verdict, .. }) => verdict.as_deref(),
            _ => None,
        }),
        maybe_time(rows, |row| closed(row).map(|closed| closed.opened)),
        maybe_count(rows, |row| closed(row).map(|closed| closed.actions)),
        maybe_count(rows, |row| closed(row).map(|closed| closed.denied)),
        structs(
            &list("disclosures")?,
            rows.iter().map(|row| row.value.disclosures.len()),
            vec![
                text(&learnt, |learnt| learnt.kind.name()),
                text(&learnt, |learnt| &learnt.value),
                maybe_text(&learnt, |learnt| learnt.target.as_deref()),
            ],
        )?,
        structs(
            &list("presented")?,
            rows.iter().map(|row| row.value.presented.len()),
            vec![
                text(&presented, |used| &used.session),
                text(&presented, |used| &used.field),
                text(&presented, |used| &used.target),
                text(&presented, |used| used.place.name()),
            ],
        )?,
    ]);
    columns.extend(chained(rows, Row::place));
    Ok(columns)
}

fn acted<'a>(row: &Row<'a, Event>) -> Option<(&'a Action, &'a Decision)> {
    if let Kind::Acted { action, decision, .. } = &row.value.kind { Some((action, decision)) } else { None }
}

fn outcome<'a>(row: &Row<'a, Event>) -> Option<&'a Outcome> {
    match &row.value.kind {
        Kind::Acted { outcome, .. } => outcome.as_ref(),
        Kind::Resulted { outcome, .. } => Some(outcome),
        _ => None,
    }
}

fn closed<'a>(row: &Row<'a, Event>) -> Option<&'a Closed> {
    if let Kind::Closed(closed) = &row.value.kind { Some(closed) } else { None }
}

struct Reader {
    who: Who,
    time: Column<TimestampMicrosecondArray>,
    session: Column<StringArray>,
    id: Column<StringArray>,
    kind: Column<StringArray>,
    action: Column<StringArray>,
    class: Column<StringArray>,
    verb: Column<StringArray>,
    text: Column<StringArray>,
    objects: Column<ListArray>,
    parameters_digest: Column<StringArray>,
    database: Column<StringArray>,
    decision: Column<StringArray>,
    decision_reason: Column<StringArray>,
    policies: Column<ListArray>,
    status: Column<StringArray>,
    code: Column<StringArray>,
    detail: Column<StringArray>,
    rows: Column<Int64Array>,
    duration_us: Column<Int64Array>,
    bytes_in: Column<Int64Array>,
    bytes_out: Column<Int64Array>,
    reason: Column<StringArray>,
    verdict: Column<StringArray>,
    opened: Column<TimestampMicrosecondArray>,
    actions: Column<Int64Array>,
    denied: Column<Int64Array>,
    disclosures: Column<ListArray>,
    learnt_kind: Column<StringArray>,
    learnt_value: Column<StringArray>,
    learnt_target: Column<StringArray>,
    presented: Column<ListArray>,
    decoy_session: Column<StringArray>,
    decoy_field: Column<StringArray>,
    decoy_target: Column<StringArray>,
    decoy_place: Column<StringArray>,
}

impl Reader {
    fn new(view: View<'_>) -> Result<Self, Error> {
        let disclosures: Column<ListArray> = view.column("disclosures")?;
        let presented: Column<ListArray> = view.column("presented")?;
        Ok(Self {
            who: Who::new(view)?,
            time: view.column("time")?,
            session: view.column("session")?,
            id: view.column("id")?,
            kind: view.column("kind")?,
            action: view.column("action")?,
            class: view.column("class")?,
            verb: view.column("verb")?,
            text: view.column("text")?,
            objects: view.column("objects")?,
            parameters_digest: view.column("parameters_digest")?,
            database: view.column("database")?,
            decision: view.column("decision")?,
            decision_reason: view.column("decision_reason")?,
            policies: view.column("policies")?,
            status: view.column("status")?,
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

    fn event(&self, row: usize) -> Result<Event, Error> {
        let kind = match self.kind.need(row)? {
            "opened" => Kind::Opened,
            "refused" => Kind::Refused(Refused {
                reason: self.reason.owned(row),
                detail: self.detail.owned(row),
                verdict: self.verdict.maybe(row),
            }),
            "closed" => Kind::Closed(Closed {
                reason: self.reason.owned(row),
                detail: self.detail.owned(row),
                verdict: self.verdict.maybe(row),
                opened: self.opened.time(row)?,
                actions: self.actions.count(row)?,
                denied: self.denied.count(row)?,
                bytes_in: self.bytes_in.count(row)?,
                bytes_out: self.bytes_out.count(row)?,
            }),
            "acted" => Kind::Acted {
                action: self.action(row)?,
                decision: Decision {
                    effect: self.decision.parsed(row, Effect::parse)?,
                    reason: self.decision_reason.owned(row),
                    policies: self.policies.texts(row)?,
                },
                outcome: if self.status.text(row).is_some() { Some(self.outcome(row)?) } else { None },
            },
            "resulted" => Kind::Resulted {
                action: self.action.need(row)?.to_owned(),
                class: self.class.parsed(row, Class::parse)?,
                outcome: self.outcome(row)?,
            },
            _ => return Err(self.kind.invalid(row)),
        };
        Ok(Event {
            id: self.id.need(row)?.to_owned(),
            time: self.time.time(row)?,
            session: self.session.need(row)?.to_owned(),
            identity: self.who.identity(row)?,
            source: self.who.source(row)?,
            target: self.who.target(row)?,
            account: self.who.account(row),
            disclosures: self.disclosures.range(row).map(|at| self.disclosure(at)).collect::<Result<_, _>>()?,
            presented: self.presented.range(row).map(|at| self.decoy(at)).collect::<Result<_, _>>()?,
            kind,
        })
    }

    fn action(&self, row: usize) -> Result<Action, Error> {
        Ok(Action {
            id: self.action.need(row)?.to_owned(),
            class: self.class.parsed(row, Class::parse)?,
            verb: self.verb.parsed(row, Verb::parse)?,
            text: self.text.owned(row),
            objects: self.objects.texts(row)?,
            parameters_digest: self.parameters_digest.maybe(row),
            database: self.database.maybe(row),
        })
    }

    fn outcome(&self, row: usize) -> Result<Outcome, Error> {
        Ok(Outcome {
            status: self.status.parsed(row, Status::parse)?,
            code: self.code.owned(row),
            detail: self.detail.owned(row),
            rows: self.rows.count(row)?,
            bytes_in: self.bytes_in.count(row)?,
            bytes_out: self.bytes_out.count(row)?,
            duration_us: self.duration_us.count(row)?,
        })
    }

    fn decoy(&self, at: usize) -> Result<DecoyUse, Error> {
        Ok(DecoyUse {
            session: self.decoy_session.need(at)?.to_owned(),
            field: self.decoy_field.need(at)?.to_owned(),
            target: self.decoy_target.need(at)?.to_owned(),
            place: self.decoy_place.parsed(at, DecoyPlace::parse)?,
        })
    }

    fn disclosure(&self, at: usize) -> Result<Disclosure, Error> {
        Ok(Disclosure {
            kind: self.learnt_kind.parsed(at, DisclosureKind::parse)?,
            value: self.learnt_value.need(at)?.to_owned(),
            target: self.learnt_target.maybe(at),
        })
    }
}
