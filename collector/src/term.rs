//! Which collector's commits count. A collector takes a term once, before it reads anything: one more than any that stands
//! in a table, committed to the first of them. Of two that start together one gets the higher term there, and with it
//! every table: so the other ends, and never both.

use crate::Error;
use crate::config::Config;
use crate::location::Lake;
use crate::table::{Delta, TRIES, failed, version};
use deltalake::DeltaTableBuilder;
use interdict_schemas::lake::{Table, txn::Txn};
use tokio::sync::OnceCell;

/// The table where terms are taken.
const FIRST: Table = Table::Events;

/// The term of one collector, once it has one. It outlives failures: who was superseded must not take back.
#[derive(Debug, Default)]
pub(crate) struct Term(OnceCell<u64>);

impl Term {
    /// The term, taken if it was not.
    ///
    /// # Errors
    /// When a table cannot be read, or the commit that takes it does not stand.
    pub(crate) async fn get(&self, config: &Config) -> Result<u64, Error> {
        self.0.get_or_try_init(|| take(config)).await.copied()
    }
}

async fn take(config: &Config) -> Result<u64, Error> {
    let mut tries = 0..TRIES;
    loop {
        // Read before the others: whoever takes a term meanwhile makes the commit to it conflict.
        let mut first = Delta::open(&config.lake, FIRST, &interdict_bus::From::new()).await?;
        let mut highest = 0;
        for table in Table::ALL {
            highest = highest.max(standing(&config.lake, table).await?);
        }
        match first.claim(highest + 1).await {
            Err(error) if error.conflict().is_some() && tries.next().is_some() => {}
            done => return done.map(|()| highest + 1),
        }
    }
}

/// The term that stands in a table; 0 if there is none, or no table.
async fn standing(lake: &Lake, table: Table) -> Result<u64, Error> {
    let fail = |source| failed("read the term of", table, source);
    let mut delta =
        DeltaTableBuilder::from_url(lake.table(table)).and_then(DeltaTableBuilder::build).map_err(fail)?;
    if !delta.verify_deltatable_existence().await.map_err(fail)? {
        return Ok(0);
    }
    delta.load().await.map_err(fail)?;
    Ok(version(&delta, table, &Txn::Term { topic: table.topic() }).await?.unwrap_or(0))
}
