//! Pieces of recordings.

use super::{Error, Result, pb, present};
use crate::{Chunk, Time};

impl From<&Chunk> for pb::Chunk {
    fn from(chunk: &Chunk) -> Self {
        Self {
            session: chunk.session.clone(),
            index: chunk.index,
            time_us: chunk.time.0,
            stream: chunk.stream.into(),
            data: chunk.data.clone(),
            root: chunk.root.clone(),
            target: chunk.target.clone(),
        }
    }
}

impl TryFrom<pb::Chunk> for Chunk {
    type Error = Error;

    fn try_from(chunk: pb::Chunk) -> Result<Self> {
        Ok(Self {
            session: present(chunk.session, "chunk.session")?,
            index: chunk.index,
            time: Time(chunk.time_us),
            stream: chunk.stream.try_into()?,
            data: chunk.data,
            root: chunk.root,
            target: chunk.target,
        })
    }
}
