//! Legal holds: rows of a session or an identity that neither retention nor vacuum may take, until it is released.
//! A hold is one object below `_holds` in the lake, so that it goes where the lake goes.

use super::objects;
use crate::Error;
use crate::location::Lake;
use arrow::array::{Array as _, AsArray as _, BooleanArray, RecordBatch};
use arrow::datatypes::DataType;
use deltalake::Path;
use object_store::{ObjectStore as _, ObjectStoreExt as _, PutMode, PutOptions};
use serde::{Deserialize, Serialize};
use std::collections::HashSet;

const FOLDER: &str = "_holds";

/// What is held.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Kind {
    /// A session's rows.
    Session,
    /// The rows of an identity, wherever it stands in a chain.
    Identity,
}

/// One hold.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Hold {
    /// What.
    pub kind: Kind,
    /// Whose.
    pub value: String,
    /// Why.
    pub reason: String,
    /// Who asked for it.
    pub by: String,
    /// Since when, RFC 3339.
    pub since: String,
}

impl Hold {
    /// All that stand.
    ///
    /// # Errors
    /// When the storage fails, or one cannot be read: then nothing may be taken.
    pub async fn all(lake: &Lake) -> Result<Vec<Self>, Error> {
        let parse = |(path, bytes): (Path, Vec<u8>)| {
            serde_json::from_slice(&bytes).map_err(|error| Error::Hold(path.to_string(), error.to_string()))
        };
        objects(lake, FOLDER).await?.into_iter().map(parse).collect()
    }

    /// Places it; placing it again replaces its reason.
    ///
    /// # Errors
    /// When the storage fails.
    pub async fn place(&self, lake: &Lake) -> Result<(), Error> {
        let bytes =
            serde_json::to_vec_pretty(self).map_err(|error| Error::Hold(self.value.clone(), error.to_string()))?;
        let put = store(lake)?.put_opts(&self.path(), bytes.into(), PutOptions::from(PutMode::Overwrite)).await;
        put.map(|_| ()).map_err(|source| Error::Storage { doing: "put", table: FOLDER, source })
    }

    /// Releases it; false if it did not stand.
    ///
    /// # Errors
    /// When the storage fails.
    pub async fn release(lake: &Lake, kind: Kind, value: &str) -> Result<bool, Error> {
        let fail = |source| Error::Storage { doing: "delete", table: FOLDER, source };
        let found = Self::all(lake).await?.into_iter().find(|hold| hold.kind == kind && hold.value == value);
        let Some(found) = found else { return Ok(false) };
        store(lake)?.delete(&found.path()).await.map_err(fail)?;
        Ok(true)
    }

    fn path(&self) -> Path {
        let kind = match self.kind {
            Kind::Session => "session",
            Kind::Identity => "identity",
        };
        // One segment, whatever the value has in it.
        Path::from(FOLDER).join(format!("{kind}-{}.json", self.value))
    }
}

fn store(lake: &Lake) -> Result<deltalake::logstore::ObjectStoreRef, Error> {
    deltalake::logstore::store_for(lake.url(), std::iter::empty::<(String, String)>())
        .map_err(|_| Error::Location(lake.display().to_string()))
}

/// Which rows are held.
#[derive(Debug, Default)]
pub(super) struct Held {
    sessions: HashSet<String>,
    identities: HashSet<String>,
}

impl Held {
    pub(super) fn new(holds: Vec<Hold>) -> Self {
        let mut held = Self::default();
        for hold in holds {
            match hold.kind {
                Kind::Session => held.sessions.insert(hold.value),
                Kind::Identity => held.identities.insert(hold.value),
            };
        }
        held
    }

    pub(super) fn is_empty(&self) -> bool {
        self.sessions.is_empty() && self.identities.is_empty()
    }

    /// Which rows of a batch are held.
    pub(super) fn of(&self, rows: &RecordBatch) -> BooleanArray {
        let mut kept = vec![false; rows.num_rows()];
        for (name, values) in [
            ("session", &self.sessions),
            ("scope_session", &self.sessions),
            ("root", &self.identities),
            ("actor", &self.identities),
            ("scope_root", &self.identities),
            ("scope_actor", &self.identities),
        ] {
            let Some(column) = rows.column_by_name(name).and_then(|column| column.as_string_opt::<i32>()) else {
                continue;
            };
            for (kept, value) in kept.iter_mut().zip(column) {
                *kept |= value.is_some_and(|value| values.contains(value));
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
                let column = |name| hop.column_by_name(name).and_then(|column| column.as_string_opt::<i32>());
                vec![(column("session"), &self.sessions), (column("actor"), &self.identities)]
            }
            _ => Vec::new(),
        };
        for (column, values) in columns.into_iter().filter_map(|(column, values)| Some((column?, values))) {
            for (kept, bounds) in kept.iter_mut().zip(chain.value_offsets().windows(2)) {
                let [from, to] = bounds else { continue };
                let mut within = usize::try_from(*from).unwrap_or(0)..usize::try_from(*to).unwrap_or(0);
                *kept |= within.any(|at| column.is_valid(at) && values.contains(column.value(at)));
            }
        }
    }
}
