//! What is known of a log's chain from signatures and from whoever asks, in the order of numbers.

use crate::{Error, Rows, Snapshot};
use datafusion::scalar::ScalarValue;
use interdict_schemas::{Checkpoint, Digest, Time, Topic, lake};
use std::collections::VecDeque;
use std::ops::RangeInclusive;

/// A head, and whether it is known without looking at a signature.
#[derive(Debug, Clone)]
pub(super) struct Word {
    pub(super) checkpoint: Checkpoint,
    pub(super) is_known: bool,
}

/// All that is known of one log.
#[derive(Default)]
pub(super) struct Signed {
    rows: Option<Rows>,
    read: VecDeque<Checkpoint>,
    known: VecDeque<Word>,
}

impl Signed {
    /// All that was signed about these numbers.
    pub(super) async fn open(
        lake: &Snapshot,
        topic: Topic,
        spool: &str,
        numbers: RangeInclusive<u64>,
    ) -> Result<Self, Error> {
        let bound = |value: u64| ScalarValue::Int64(Some(i64::try_from(value).unwrap_or(i64::MAX)));
        let values = vec![
            ScalarValue::from(spool),
            ScalarValue::from(topic.name()),
            bound(*numbers.start()),
            bound(*numbers.end()),
        ];
        let sql = "select * from checkpoints where log = $1 and chain = $2 and last between $3 and $4 \
                   order by last, time";
        Ok(Self { rows: Some(lake.ask(sql, values).await?), ..Self::default() })
    }

    /// Adds heads that whoever asks has from elsewhere.
    pub(super) fn know(&mut self, topic: Topic, spool: &str, heads: impl Iterator<Item = (u64, Digest)>) {
        let word = |(sequence, head)| Word {
            checkpoint: Checkpoint {
                proxy: String::new(),
                spool: spool.to_owned(),
                chain: topic,
                sequence,
                head,
                time: Time(i64::MIN),
                key: [0; 32],
                successor: None,
                signature: [0; 64],
            },
            is_known: true,
        };
        let mut known: Vec<Word> = heads.map(word).collect();
        known.sort_by_key(|word| word.checkpoint.sequence);
        self.known = known.into();
    }

    /// Whether [`Signed::before`] is worth asking, which costs more.
    pub(super) fn may_have_before(&self, sequence: u64) -> bool {
        let is_unread = self.rows.is_some() && self.read.is_empty();
        is_unread || self.fronts_before(sequence) != [None, None]
    }

    /// The next numbers of what was read and of what is known, if they are below `sequence`.
    fn fronts_before(&self, sequence: u64) -> [Option<u64>; 2] {
        let read = self.read.front().map(|checkpoint| checkpoint.sequence);
        let known = self.known.front().map(|word| word.checkpoint.sequence);
        [read, known].map(|front| front.filter(|at| *at < sequence))
    }

    /// The next head at a number below `sequence`.
    pub(super) async fn before(&mut self, sequence: u64) -> Result<Option<Word>, Error> {
        while self.read.is_empty()
            && let Some(rows) = &mut self.rows
        {
            match rows.next().await? {
                Some(batch) => self.read.extend(lake::checkpoints(&batch)?.into_iter().map(|located| located.value)),
                None => self.rows = None,
            }
        }
        Ok(match self.fronts_before(sequence) {
            [Some(read), known] if known.is_none_or(|known| read <= known) => {
                self.read.pop_front().map(|checkpoint| Word { checkpoint, is_known: false })
            }
            [_, Some(_)] => self.known.pop_front(),
            _ => None,
        })
    }
}
