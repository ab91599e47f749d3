//! Files that maintenance leaves as they are, since they are not what was written: their digest is another one, they are
//! gone, or they cannot be read. Their names are kept beside the table, so that `interdict lake status` tells of them
//! without reading all files.

use super::Keeper;
use super::shelf::{self, Found, Given};
use crate::Error;
use arrow::array::RecordBatch;
use arrow::datatypes::SchemaRef;
use deltalake::Path;
use deltalake::kernel::LogicalFileView;
use futures::{FutureExt as _, StreamExt as _, stream};
use object_store::ObjectStoreExt as _;
use std::collections::{BTreeMap, BTreeSet};

/// Where the names are kept. What is called so is no file of the table, and no vacuum takes it.
const NOTE: &str = "_left.json";

/// Names that are told and kept at most.
const NAMED: usize = 100;

/// Files that are fetched at the same time: of a distant storage each is waited for long.
const AT_ONCE: usize = 8;

/// Files one after another that the storage does not give, and it is the storage that fails and not they.
const SILENT: usize = 4;

/// Files that are left as they are.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Left {
    /// How many.
    pub files: usize,
    /// The first hundred of them, below the table's folder, and what is wrong with each.
    pub named: BTreeMap<String, String>,
}

/// What one turn of maintenance reads.
#[derive(Debug, Default)]
pub(super) struct Turn {
    left: Left,
    silent: usize,
}

impl Turn {
    /// What was left so far.
    pub(super) fn left(self) -> Left {
        self.left
    }

    /// Files as the storage gives them, and which of them they are.
    ///
    /// # Errors
    /// When more than these files are wrong.
    pub(super) async fn fetch(
        &mut self,
        keeper: &Keeper,
        views: &[LogicalFileView],
    ) -> Result<(Vec<LogicalFileView>, Vec<Given>), Error> {
        let (mut standing, mut given) = (Vec::with_capacity(views.len()), Vec::with_capacity(views.len()));
        let fetches: Vec<_> = views.iter().map(|view| keeper.fetch(view).boxed()).collect();
        let mut fetched = stream::iter(fetches).buffered(AT_ONCE);
        for view in views {
            let Some(fetched) = fetched.next().await else { break };
            match fetched {
                Ok(file) => {
                    self.silent = 0;
                    standing.push(view.clone());
                    given.push(file);
                }
                Err(Error::Unread { reason, .. }) => self.leave(view, reason),
                Err(Error::Storage { source, .. }) if self.silent + 1 < SILENT => {
                    self.silent += 1;
                    self.leave(view, format!("is not given by the storage: {source}"));
                }
                Err(error) => return Err(error),
            }
        }
        Ok((standing, given))
    }

    /// A file's rows; `None` if it is left.
    ///
    /// # Errors
    /// When more than this file is wrong.
    pub(super) async fn read(
        &mut self,
        keeper: &Keeper,
        view: &LogicalFileView,
        stored: &SchemaRef,
    ) -> Result<Option<Vec<RecordBatch>>, Error> {
        let (standing, given) = self.fetch(keeper, std::slice::from_ref(view)).await?;
        let stored = SchemaRef::clone(stored);
        let found = tokio::task::spawn_blocking(move || shelf::decode(given, &stored)).await;
        let Found { rows, wrong } = found.map_err(|_| Error::CutShort(keeper.table.name()))?;
        Ok((!self.drop_wrong(standing, wrong).is_empty()).then_some(rows))
    }

    /// Leaves those of files that are wrong.
    pub(super) fn drop_wrong(
        &mut self,
        mut files: Vec<LogicalFileView>,
        wrong: BTreeMap<usize, String>,
    ) -> Vec<LogicalFileView> {
        // From behind, so that the places of the others stay.
        for (at, reason) in wrong.into_iter().rev() {
            self.leave(&files.remove(at), reason);
        }
        files
    }

    fn leave(&mut self, view: &LogicalFileView, reason: String) {
        self.left.files += 1;
        if self.left.named.len() < NAMED {
            self.left.named.insert(view.path().into_owned(), reason);
        }
    }
}

impl Keeper {
    /// Ends a turn: what it left is written down beside the table.
    pub(super) async fn end(&self, turn: Turn) -> Result<Left, Error> {
        let left = turn.left;
        if left.files > 0 {
            let fail = |source| Error::Storage { doing: "put", table: self.table.name(), source };
            let standing: BTreeSet<String> = self.files()?.iter().map(|(_, view)| view.path().into_owned()).collect();
            let before = self.noted().await?.into_iter().filter(|file| standing.contains(file));
            let names: BTreeSet<String> = left.named.keys().cloned().chain(before).collect();
            let names: Vec<_> = names.into_iter().take(NAMED).collect();
            let note = serde_json::Value::from(names).to_string();
            self.delta.object_store().put(&Path::from(NOTE), note.into()).await.map_err(fail)?;
        }
        Ok(left)
    }

    /// Which of the files that maintenance left still stand, and still are not what was written. At most a hundred.
    ///
    /// # Errors
    /// When the storage fails.
    pub async fn left(&self) -> Result<Left, Error> {
        let (noted, stored, mut turn) = (self.noted().await?, self.stored()?, Turn::default());
        if noted.is_empty() {
            return Ok(turn.left);
        }
        for (_, view) in self.files()?.iter().filter(|(_, view)| noted.contains(view.path().as_ref())) {
            turn.read(self, view, &stored).await?;
        }
        Ok(turn.left)
    }

    /// Names that were written down; none if what is written there is no list of names.
    async fn noted(&self) -> Result<BTreeSet<String>, Error> {
        let got = async { self.delta.object_store().get(&Path::from(NOTE)).await?.bytes().await };
        match got.await {
            Ok(bytes) => Ok(serde_json::from_slice(&bytes).unwrap_or_default()),
            Err(object_store::Error::NotFound { .. }) => Ok(BTreeSet::new()),
            Err(source) => Err(Error::Storage { doing: "read", table: self.table.name(), source }),
        }
    }
}
