//! Rows of `alerts`, to and from.

use super::column::{maybe_text, provenance, small, structs, text, texts, time};
use super::rows::{Columns, Row, when};
use super::view::View;
use super::words::Words;
use super::{Error, Located, Table};
use crate::{Alert, Hop, Severity, Technique};
use arrow::array::{Int32Array, ListArray, RecordBatch, TimestampMicrosecondArray};

/// The alerts of a batch of the table `alerts`, whatever order its columns have.
///
/// # Errors
/// When a column is missing, or a value is none that interdict writes.
pub fn alerts(batch: &RecordBatch) -> Result<Vec<Located<Alert>>, Error> {
    let view = View::new(Table::Alerts, batch);
    let place = view.places()?;
    let text = |name| view.column::<Words>(name);
    let small = |name| view.column::<Int32Array>(name);
    let time = view.column::<TimestampMicrosecondArray>("time")?;
    let (id, revision, detection, root) = (text("id")?, small("revision")?, text("detection")?, text("root")?);
    let (actor, title, explanation) = (text("actor")?, text("title")?, text("explanation")?);
    let (severity, risk, confidence) = (text("severity")?, small("risk")?, small("confidence")?);
    let (chain, techniques, verdict) =
        (view.column::<ListArray>("chain")?, view.column::<ListArray>("techniques")?, text("verdict")?);
    let hop = hops(&view)?;
    let technique = technique(&view)?;
    view.rows(|row| {
        let value = Alert {
            id: id.need(row)?.to_owned(),
            time: time.time(row)?,
            detection: detection.need(row)?.to_owned(),
            root: root.need(row)?.to_owned(),
            actor: actor.need(row)?.to_owned(),
            title: title.need(row)?.to_owned(),
            explanation: explanation.need(row)?.to_owned(),
            severity: severity.parsed(row, Severity::parse)?,
            risk: risk.small(row)?,
            confidence: confidence.small(row)?,
            chain: chain.range(row).map(&hop).collect::<Result<_, _>>()?,
            techniques: techniques.range(row).map(&technique).collect::<Result<_, _>>()?,
            verdict: verdict.maybe(row),
            revision: revision.small(row)?,
        };
        Ok(Located { place: place(row)?, value })
    })
}

pub(super) fn columns(rows: &[Row<'_, Alert>]) -> Columns {
    let schema = Table::Alerts.schema();
    let hops: Vec<&Hop> = rows.iter().flat_map(|row| &row.value.chain).collect();
    let techniques: Vec<&Technique> = rows.iter().flat_map(|row| &row.value.techniques).collect();
    let mut columns = when(rows, |row| row.value.time).to_vec();
    columns.extend([
        text(rows, |row| &row.value.id),
        small(rows, |row| row.value.revision),
        text(rows, |row| &row.value.detection),
        text(rows, |row| &row.value.root),
        text(rows, |row| &row.value.actor),
        text(rows, |row| &row.value.title),
        text(rows, |row| &row.value.explanation),
        text(rows, |row| row.value.severity.name()),
        small(rows, |row| row.value.risk),
        small(rows, |row| row.value.confidence),
        structs(
            schema.field_with_name("chain")?.data_type(),
            rows.iter().map(|row| row.value.chain.len()),
            vec![
                time(&hops, |hop| hop.time),
                text(&hops, |hop| &hop.session),
                text(&hops, |hop| &hop.actor),
                text(&hops, |hop| &hop.source),
                text(&hops, |hop| &hop.target),
                text(&hops, |hop| &hop.protocol),
                text(&hops, |hop| &hop.account),
                text(&hops, |hop| &hop.cause),
                text(&hops, |hop| &hop.evidence),
                texts(&hops, |hop| Some(hop.events.iter().map(String::as_str))),
            ],
        )?,
        structs(
            schema.field_with_name("techniques")?.data_type(),
            rows.iter().map(|row| row.value.techniques.len()),
            vec![
                text(&techniques, |technique| &technique.tactic),
                text(&techniques, |technique| &technique.id),
                text(&techniques, |technique| &technique.name),
            ],
        )?,
        maybe_text(rows, |row| row.value.verdict.as_deref()),
    ]);
    columns.extend(provenance(rows, Row::place));
    Ok(columns)
}

/// Reads the hops of all rows, by their place in the list's values.
fn hops(view: &View<'_>) -> Result<impl Fn(usize) -> Result<Hop, Error> + use<>, Error> {
    let chain = view.column::<ListArray>("chain")?;
    let text = |name| chain.field::<Words>(name);
    let time = chain.field::<TimestampMicrosecondArray>("time")?;
    let (session, actor, source, target) = (text("session")?, text("actor")?, text("source")?, text("target")?);
    let (protocol, account, cause) = (text("protocol")?, text("account")?, text("cause")?);
    let (evidence, events) = (text("evidence")?, chain.field::<ListArray>("events")?);
    Ok(move |at| {
        Ok(Hop {
            time: time.time(at)?,
            session: session.need(at)?.to_owned(),
            actor: actor.need(at)?.to_owned(),
            source: source.need(at)?.to_owned(),
            target: target.need(at)?.to_owned(),
            protocol: protocol.need(at)?.to_owned(),
            account: account.need(at)?.to_owned(),
            cause: cause.need(at)?.to_owned(),
            evidence: evidence.need(at)?.to_owned(),
            events: events.texts(at)?,
        })
    })
}

fn technique(view: &View<'_>) -> Result<impl Fn(usize) -> Result<Technique, Error> + use<>, Error> {
    let techniques = view.column::<ListArray>("techniques")?;
    let text = |name| techniques.field::<Words>(name);
    let (tactic, id, name) = (text("tactic")?, text("id")?, text("name")?);
    Ok(move |at| {
        Ok(Technique {
            tactic: tactic.need(at)?.to_owned(),
            id: id.need(at)?.to_owned(),
            name: name.need(at)?.to_owned(),
        })
    })
}
