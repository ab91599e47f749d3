//! Cursors of a session, as psql's FETCH_COUNT and psycopg's named cursors use them. A cursor is an answer that is taken
//! piece by piece: it is decided and recorded when it is declared, forward only, and lives as long as its transaction, but
//! no longer than an answer may. Refuses what would need more than one pass, or rows kept.

use super::fault;
use crate::serve::answer::Stop;
use crate::serve::refusal::Refusal;
use futures::{StreamExt as _, stream};
use pgwire::api::results::QueryResponse;
use pgwire::error::PgWireError;
use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, PoisonError};

/// Cursors that one client may have open: each keeps a place among the questions that may run at once.
const MOST: usize = 4;

type Held = Arc<tokio::sync::Mutex<QueryResponse>>;

/// The open cursors of one session, by name.
#[derive(Default)]
pub(super) struct Cursors(Mutex<BTreeMap<String, Held>>);

impl Cursors {
    fn open(&self) -> std::sync::MutexGuard<'_, BTreeMap<String, Held>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Whether a cursor of this name may be declared now.
    pub(super) fn check(&self, name: &str) -> Result<(), PgWireError> {
        let open = self.open();
        if open.contains_key(name) {
            return Err(fault::error("42P03", format!("cursor \"{name}\" already exists")));
        }
        if open.len() >= MOST {
            return Err(fault::error("53400", format!("more than {MOST} cursors are open; close some")));
        }
        Ok(())
    }

    /// Keeps the rows for whoever fetches them.
    pub(super) fn declare(&self, name: &str, rows: QueryResponse) {
        self.open().insert(name.to_owned(), Arc::new(rows.into()));
    }

    /// The next rows; all that are left if no number is given.
    pub(super) async fn fetch(
        &self,
        name: &str,
        most: Option<u64>,
        stop: Stop,
    ) -> Result<QueryResponse, PgWireError> {
        let found = self.open().get(name).map(Arc::clone);
        let held = found.ok_or_else(|| fault::error("34000", format!("cursor \"{name}\" does not exist")))?;
        let held = held.lock_owned().await;
        let fields = held.row_schema();
        let rows = stream::unfold((held, most, stop), |(mut held, left, stop)| async move {
            if left == Some(0) {
                return None;
            }
            let row = tokio::select! {
                biased;
                () = stop.cancel.cancelled() => Some(Err(Refusal::cancelled().into())),
                row = held.data_rows().next() => row,
            };
            Some((row?, (held, left.map(|left| left - 1), stop)))
        });
        let mut response = QueryResponse::new(fields, rows);
        response.set_command_tag("FETCH");
        Ok(response)
    }

    /// Closes one, or all.
    pub(super) fn close(&self, name: Option<&str>) -> Result<(), PgWireError> {
        let mut open = self.open();
        match name {
            None => open.clear(),
            Some(name) => {
                let gone = open.remove(name);
                gone.ok_or_else(|| fault::error("34000", format!("cursor \"{name}\" does not exist")))?;
            }
        }
        Ok(())
    }
}
