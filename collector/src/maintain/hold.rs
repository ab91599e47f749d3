//! Legal holds: rows of a session or an identity that neither retention nor vacuum may take, until it is released.
//! A hold is one object below `_holds` in the lake, so that it goes where the lake goes.

use super::objects;
use crate::Error;
use crate::location::Lake;
use deltalake::Path;
use object_store::{ObjectStore as _, ObjectStoreExt as _, PutMode, PutOptions};
use serde::{Deserialize, Serialize};

const FOLDER: &str = "_holds";

/// What is held.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Kind {
    /// A session's rows.
    Session,
    /// The rows of an identity, wherever it stands in a chain, and of the sessions in which it took part.
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
