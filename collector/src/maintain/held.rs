//! Which rows are held. A hold on an identity is one on the sessions in which it took part, also where a row names only the
//! session: which these are is read out of the tables that name who acts, a batch of four columns at a time, before
//! anything is taken. Their own rows of those identities are held too, so the answer stays there as long as the hold.

use super::Keeper;
use super::hold::{Hold, Kind};
use crate::Error;
use crate::location::Lake;
use arrow::array::{Array as _, ArrayRef, AsArray as _, BooleanArray, RecordBatch, StructArray};
use arrow::datatypes::DataType;
use deltalake::kernel::LogicalFileView;
use interdict_schemas::lake::Table;
use parquet::errors::ParquetError;
use std::collections::HashSet;
use std::hash::{BuildHasher as _, RandomState};

/// Ids, by their hashes: an identity may have had millions of sessions. Two that have one hash make more held, never less.
#[derive(Debug, Default)]
struct Ids {
    hasher: RandomState,
    hashes: HashSet<u64>,
}

impl Ids {
    fn add(&mut self, id: &str) {
        self.hashes.insert(self.hasher.hash_one(id));
    }

    fn has(&self, id: &str) -> bool {
        !self.hashes.is_empty() && self.hashes.contains(&self.hasher.hash_one(id))
    }

    fn is_empty(&self) -> bool {
        self.hashes.is_empty()
    }
}

/// Which rows are held.
#[derive(Debug, Default)]
pub(super) struct Held {
    sessions: Ids,
    identities: Ids,
    alerts: Ids,
    /// Days on which nobody can say who took part, since a file that does is not to be read: all their rows are held.
    days: HashSet<String>,
}

impl Held {
    /// What the lake's holds hold of the rows of a table on the days before `before`.
    ///
    /// # Errors
    /// When a hold or a table's log cannot be read: then nothing may be taken.
    pub(super) async fn of_lake(lake: &Lake, table: Table, before: &str) -> Result<Self, Error> {
        let mut held = Self::default();
        for hold in Hold::all(lake).await? {
            match hold.kind {
                Kind::Session => held.sessions.add(&hold.value),
                Kind::Identity => held.identities.add(&hold.value),
            }
        }
        // Each of their rows names all who take part.
        if matches!(table, Table::Events | Table::Sessions | Table::Checkpoints) || held.is_empty() {
            return Ok(held);
        }
        if !held.identities.is_empty() {
            // Of a session that began before a day, the fact of its end may stand on a later one. Alerts are few.
            for (source, before) in [
                (Table::Sessions, None),
                (Table::Events, Some(before)),
                (Table::Disclosures, Some(before)),
                (Table::Alerts, None),
            ] {
                held = held.learn(lake, source, before, Self::learn_sessions).await?;
            }
        }
        // These name the alert that they are about, and not who is in it.
        if matches!(table, Table::Verdicts | Table::Resolutions) {
            held = held.learn(lake, Table::Alerts, None, Self::learn_alerts).await?;
        }
        Ok(held)
    }

    pub(super) fn is_empty(&self) -> bool {
        self.sessions.is_empty() && self.identities.is_empty()
    }

    /// Whether all rows of a day are held.
    pub(super) fn has_day(&self, day: &str) -> bool {
        self.days.contains(day)
    }

    /// Which rows of a batch are held.
    pub(super) fn of(&self, rows: &RecordBatch) -> BooleanArray {
        let mut kept = vec![false; rows.num_rows()];
        for (name, ids) in [
            ("session", &self.sessions),
            ("scope_session", &self.sessions),
            ("root", &self.identities),
            ("actor", &self.identities),
            ("scope_root", &self.identities),
            ("scope_actor", &self.identities),
            ("alert", &self.alerts),
        ] {
            let Some(column) = rows.column_by_name(name).and_then(|column| column.as_string_opt::<i32>()) else {
                continue;
            };
            for (kept, value) in kept.iter_mut().zip(column) {
                *kept = *kept || value.is_some_and(|value| ids.has(value));
            }
        }
        self.of_chain(rows, &mut kept);
        BooleanArray::from(kept)
    }

    /// The column `chain`: principals in most tables, hops of sessions and actors in alerts.
    fn of_chain(&self, rows: &RecordBatch, kept: &mut [bool]) {
        let Some(chain) = rows.column_by_name("chain").and_then(|column| column.as_list_opt::<i32>()) else { return };
        let columns = match chain.values().data_type() {
            DataType::Utf8 => vec![(chain.values().as_string_opt::<i32>(), &self.identities)],
            DataType::Struct(_) => {
                let hop = chain.values().as_struct();
                vec![(text(hop, "session"), &self.sessions), (text(hop, "actor"), &self.identities)]
            }
            _ => Vec::new(),
        };
        for (column, ids) in columns.into_iter().filter_map(|(column, ids)| Some((column?, ids))) {
            for (kept, bounds) in kept.iter_mut().zip(chain.value_offsets().windows(2)) {
                let [from, to] = bounds else { continue };
                let mut within = usize::try_from(*from).unwrap_or(0)..usize::try_from(*to).unwrap_or(0);
                *kept = *kept || within.any(|at| column.is_valid(at) && ids.has(column.value(at)));
            }
        }
    }

    /// Learns from what a table says of who did what.
    async fn learn(
        mut self,
        lake: &Lake,
        table: Table,
        before: Option<&str>,
        learn: fn(&mut Self, &RecordBatch),
    ) -> Result<Self, Error> {
        let Some(keeper) = Keeper::open(lake, table).await? else { return Ok(self) };
        for (day, view) in keeper.files()? {
            if before.is_some_and(|before| day.as_str() >= before) {
                continue;
            }
            if let Err(error) = self.learn_file(&keeper, &view, learn).await {
                let (table, file, reason) =
                    (table.name(), view.path().into_owned(), format!("cannot be read: {error}"));
                let error = Error::Unread { table, file, reason };
                tracing::error!(table, day, %error, "nobody can say whose sessions are on hold; the day is kept whole");
                self.days.insert(day);
            }
        }
        Ok(self)
    }

    async fn learn_file(
        &mut self,
        keeper: &Keeper,
        view: &LogicalFileView,
        learn: fn(&mut Self, &RecordBatch),
    ) -> Result<(), ParquetError> {
        let name = if keeper.table == Table::Alerts { "id" } else { "session" };
        let columns = [name, "root", "actor", "chain"];
        keeper
            .columns(view, columns, |rows| {
                learn(self, rows);
                Ok(())
            })
            .await
    }

    /// The sessions of rows that are held, and those of hops whose actor is.
    fn learn_sessions(&mut self, rows: &RecordBatch) {
        if let Some(sessions) = rows.column_by_name("session").and_then(|column| column.as_string_opt::<i32>()) {
            let held = self.of(rows);
            let mut last = None;
            for (session, held) in sessions.iter().zip(&held) {
                if held == Some(true) && session != last {
                    session.into_iter().for_each(|session| self.sessions.add(session));
                    last = session;
                }
            }
        }
        let chain = rows.column_by_name("chain").and_then(|column| column.as_list_opt::<i32>());
        let Some(hops) = chain.and_then(|chain| chain.values().as_struct_opt()) else { return };
        let Some((sessions, actors)) = text(hops, "session").zip(text(hops, "actor")) else { return };
        for (session, actor) in sessions.iter().zip(actors) {
            if let Some((session, actor)) = session.zip(actor)
                && self.identities.has(actor)
            {
                self.sessions.add(session);
            }
        }
    }

    /// The alerts that are held.
    fn learn_alerts(&mut self, rows: &RecordBatch) {
        let Some(alerts) = rows.column_by_name("id").and_then(|column| column.as_string_opt::<i32>()) else { return };
        let held = self.of(rows);
        for (alert, held) in alerts.iter().zip(&held) {
            if held == Some(true) {
                alert.into_iter().for_each(|alert| self.alerts.add(alert));
            }
        }
    }
}

fn text<'a>(hop: &'a StructArray, name: &str) -> Option<&'a arrow::array::StringArray> {
    hop.column_by_name(name).and_then(|column: &ArrayRef| column.as_string_opt::<i32>())
}
