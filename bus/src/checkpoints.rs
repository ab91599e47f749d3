//! Keeps the chains of a local log signed: every few seconds, if there is something new, and when its writer ends.
//!
//! DELIVERY: a checkpoint goes the way of the records, after those that it covers. One that is lost or comes twice does
//! no harm: the next covers what it covered. After a crash the first one is signed at the next start.

use crate::{
    Error,
    embedded::{Embedded, Sessions},
    signer::{Standing, signed_last},
};
use interdict_schemas::{Checkpoint, Message, Topic};
use std::{
    sync::{
        Arc, Mutex, PoisonError,
        mpsc::{self, RecvTimeoutError, Sender},
    },
    thread::JoinHandle,
    time::Duration,
};

/// Between two checkpoints of a busy chain: so much of the newest is not yet signed.
const EVERY: Duration = Duration::from_secs(5);

/// The topics whose records carry stamps.
const CHAINS: [Topic; 2] = [Topic::Events, Topic::Recordings];

/// Signs until it is dropped, and then once more.
#[derive(Debug)]
pub(crate) struct Checkpoints {
    work: Arc<Work>,
    thread: Option<(Sender<()>, JoinHandle<()>)>,
}

#[derive(Debug)]
struct Work {
    log: Arc<Embedded>,
    proxy: String,
    /// Up to which record each chain is signed.
    signed: Mutex<[u64; CHAINS.len()]>,
}

impl Checkpoints {
    /// Signs what stands there, with a handing-over where the key has changed, and goes on in a thread of its own.
    ///
    /// # Errors
    /// When the log cannot be read.
    pub(crate) fn start(log: Arc<Embedded>, proxy: &str) -> Result<Self, Error> {
        let work = Arc::new(Work { log, proxy: proxy.to_owned(), signed: Mutex::default() });
        work.hand_over()?;
        work.keep();
        let (end, told) = mpsc::channel::<()>();
        let shared = Arc::clone(&work);
        let run = move || {
            while told.recv_timeout(EVERY) == Err(RecvTimeoutError::Timeout) {
                shared.keep();
            }
        };
        // Without a thread what is new is signed when the writer ends.
        let thread = std::thread::Builder::new().name("checkpoints".to_owned()).spawn(run);
        let thread = thread.map_err(|error| tracing::warn!(%error, "no thread to sign checkpoints in")).ok();
        Ok(Self { work, thread: thread.map(|thread| (end, thread)) })
    }
}

impl Drop for Checkpoints {
    fn drop(&mut self) {
        if let Some((end, thread)) = self.thread.take() {
            drop(end);
            // The log must be free for the next holder once its writer is gone.
            let _ = thread.join();
        }
        self.work.keep();
    }
}

impl Work {
    /// Signs what is new. A log that takes nothing now is tried again the next time.
    fn keep(&self) {
        let mut signed = self.signed.lock().unwrap_or_else(PoisonError::into_inner);
        for (chain, signed) in CHAINS.into_iter().zip(signed.iter_mut()) {
            let standing = self.standing(chain);
            if standing.sequence == *signed {
                continue;
            }
            let sequence = standing.sequence;
            match self.put(self.log.signer().sign(&standing)) {
                Ok(()) => *signed = sequence,
                Err(error) => tracing::debug!(%chain, %error, "the chain is not signed yet"),
            }
        }
    }

    fn hand_over(&self) -> Result<(), Error> {
        let signer = self.log.signer();
        let Some(last) = signed_last(&self.log)? else {
            return self.log.write_note(crate::signer::FILE, &signer.key());
        };
        if last == signer.key() {
            return Ok(());
        }
        for chain in CHAINS {
            match signer.hand_over(&last, &self.standing(chain)) {
                Some(word) => self.put(word)?,
                None => tracing::warn!(
                    %chain,
                    "the key that signed until now is not in the key file any more: whoever trusts it must be told of \
                     the new one"
                ),
            }
        }
        self.log.write_note(crate::signer::FILE, &signer.key())
    }

    fn standing(&self, chain: Topic) -> Standing<'_> {
        let (sequence, head) = self.log.head_of(chain);
        Standing { proxy: &self.proxy, spool: self.log.spool(), chain, sequence, head }
    }

    fn put(&self, checkpoint: Checkpoint) -> Result<(), Error> {
        let message = Message::Checkpoint(checkpoint);
        let key = message.key();
        self.log.put(message.topic(), &key, &message.encode(), None, Sessions::Keep).map(|_| ())
    }
}
