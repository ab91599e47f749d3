//! Which keys are believed: those that somebody vouches for, those that a believed one handed over to, and, if others may
//! be, the first of each proxy that no vouched key has signed for.

use super::check::text;
use super::report;
use crate::{Error, Snapshot};
use aws_lc_rs::signature::{ED25519, UnparsedPublicKey};
use datafusion::scalar::ScalarValue;
use interdict_schemas::{Checkpoint, Digest, lake};
use std::collections::{BTreeMap, BTreeSet, HashMap};

type Key = [u8; 32];

/// The keys believed, and those that signed.
#[derive(Debug, Default)]
pub(super) struct Keys {
    vouched: BTreeSet<Key>,
    /// By proxy that no vouched key has signed for.
    first: HashMap<String, BTreeSet<Key>>,
    used: BTreeMap<(String, Key), bool>,
}

impl Keys {
    /// Follows what was handed over, in the order of time.
    pub(super) async fn open(lake: &Snapshot, trusted: &[Key], only: bool) -> Result<Self, Error> {
        let mut keys = Self { vouched: trusted.iter().copied().collect(), ..Self::default() };
        if !only {
            let sql = "select * from checkpoints c join (select signer as who, min(time) as at from checkpoints \
                       group by signer) f on f.who = c.signer and f.at = c.time";
            let signers = keys.signers(lake).await?;
            let first = read(lake, sql).await?.into_iter().filter(holds);
            for first in first.filter(|first| !signers.contains(&first.proxy)) {
                let known = keys.first.entry(first.proxy).or_default();
                if known.is_empty() {
                    known.insert(first.key);
                }
            }
        }
        for word in read(lake, "select * from checkpoints where successor is not null order by time").await? {
            let Some(successor) = word.successor.filter(|_| holds(&word)) else { continue };
            if keys.vouched.contains(&word.key) {
                keys.vouched.insert(successor);
            }
            if let Some(known) = keys.first.get_mut(&word.proxy)
                && known.contains(&word.key)
            {
                known.insert(successor);
            }
        }
        Ok(keys)
    }

    /// The proxies that a vouched key has signed for.
    async fn signers(&self, lake: &Snapshot) -> Result<BTreeSet<String>, Error> {
        let mut signers = BTreeSet::new();
        for key in &self.vouched {
            let sql = "select distinct signer from checkpoints where key = $1";
            let values = vec![ScalarValue::Binary(Some(key.to_vec()))];
            for batch in lake.ask(sql, values).await?.collect().await? {
                for row in 0..batch.num_rows() {
                    signers.extend(text(&batch, "signer", row)?);
                }
            }
        }
        Ok(signers)
    }

    /// Whether a checkpoint's signature holds and its key is believed.
    pub(super) fn believe(&mut self, checkpoint: &Checkpoint) -> bool {
        let vouched = self.vouched.contains(&checkpoint.key);
        let first = self.first.get(&checkpoint.proxy).is_some_and(|known| known.contains(&checkpoint.key));
        if !(vouched || first) || !holds(checkpoint) {
            return false;
        }
        self.used.insert((checkpoint.proxy.clone(), checkpoint.key), vouched);
        true
    }

    /// The keys that were believed.
    pub(super) fn report(self) -> Vec<report::Key> {
        let key = |((proxy, key), vouched)| report::Key { key: Digest(key).to_string(), proxy, vouched };
        self.used.into_iter().map(key).collect()
    }
}

fn holds(checkpoint: &Checkpoint) -> bool {
    let key = UnparsedPublicKey::new(&ED25519, checkpoint.key);
    key.verify(&checkpoint.signed(), &checkpoint.signature).is_ok()
}

async fn read(lake: &Snapshot, sql: &str) -> Result<Vec<Checkpoint>, Error> {
    let mut checkpoints = Vec::new();
    let mut rows = lake.sql(sql).await?;
    while let Some(batch) = rows.next().await? {
        checkpoints.extend(lake::checkpoints(&batch)?.into_iter().map(|located| located.value));
    }
    Ok(checkpoints)
}
