//! Signed words on how chains stand.

use super::{Error, Result, digest, pb, present};
use crate::{Checkpoint, Time, Topic};

impl From<&Checkpoint> for pb::Checkpoint {
    fn from(checkpoint: &Checkpoint) -> Self {
        Self {
            proxy: checkpoint.proxy.clone(),
            spool: checkpoint.spool.clone(),
            chain: checkpoint.chain.name().to_owned(),
            sequence: checkpoint.sequence,
            head: checkpoint.head.0.to_vec(),
            time_us: checkpoint.time.0,
            key: checkpoint.key.to_vec(),
            successor: checkpoint.successor.map(|key| key.to_vec()).unwrap_or_default(),
            signature: checkpoint.signature.to_vec(),
        }
    }
}

impl TryFrom<pb::Checkpoint> for Checkpoint {
    type Error = Error;

    fn try_from(checkpoint: pb::Checkpoint) -> Result<Self> {
        let successor = checkpoint.successor;
        Ok(Self {
            proxy: checkpoint.proxy,
            spool: present(checkpoint.spool, "checkpoint.spool")?,
            chain: Topic::parse(&checkpoint.chain).ok_or(Error::Missing("checkpoint.chain"))?,
            sequence: checkpoint.sequence,
            head: digest(&checkpoint.head, "checkpoint.head")?,
            time: Time(checkpoint.time_us),
            key: key(&checkpoint.key, "checkpoint.key")?,
            successor: if successor.is_empty() { None } else { Some(key(&successor, "checkpoint.successor")?) },
            signature: checkpoint.signature.try_into().map_err(|_| Error::Missing("checkpoint.signature"))?,
        })
    }
}

fn key(bytes: &[u8], field: &'static str) -> Result<[u8; 32]> {
    bytes.try_into().map_err(|_| Error::Missing(field))
}
