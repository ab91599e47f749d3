//! The detector's loop: what it waits for, in which order it reads, and when it takes part in the group.

use super::keep::IDLE;
use super::{GROUP, Live, Pending};
use crate::Error;
use crate::marks::{Follower, Marks};
use crate::merge::Merge;
use crate::retry::Backoff;
use interdict_bus::{Error as BusError, Log, Membership, Reader, Record};
use interdict_schemas::Topic;
use std::collections::BTreeSet;
use std::time::Duration;
use tokio::sync::oneshot;
use tokio::time::{Interval, MissedTickBehavior};

// Small enough that a verdict does not wait long for the events read with it.
const BATCH: usize = 512;
const COMMIT_EVERY: Duration = Duration::from_secs(1);
// What was folded is logged this often.
const REPORT_EVERY: Duration = Duration::from_secs(3600);
// A detector that is behind by no more than this joins the group: it has caught up before it is dealt anything.
const CLOSE: u64 = 1000;
// While records are known to be there, this is how long none may come until the positions are looked at again.
const STALE: Duration = Duration::from_secs(1);

/// Why following has ended.
enum Turn {
    /// It was told to stop.
    End,
    /// It has to publish what it does not hold any more.
    Rebuild,
}

impl Live {
    /// Folds what the lake holds, then judges until `shutdown`; tells `ready` when it has published its first marks.
    ///
    /// # Errors
    /// When the lake or the bus fails for good. What was read and not yet marked is judged again by the next process.
    pub(crate) async fn run(mut self, ready: oneshot::Sender<()>) -> Result<(), Error> {
        let shutdown = self.shutdown.clone();
        let (mut ready, mut anew) = (Some(ready), false);
        loop {
            let rebuilt = tokio::select! {
                () = shutdown.cancelled() => return Ok(()),
                rebuilt = self.rebuild(anew) => rebuilt,
            };
            let turn = match rebuilt {
                Ok(()) => self.follow(&mut ready).await,
                Err(error) => Err(error),
            };
            match turn {
                Ok(Turn::Rebuild) => anew = true,
                Ok(Turn::End) => {
                    self.keep_last().await;
                    break;
                }
                // Something is not published: what is kept must not hold it for said.
                Err(Error::Stopped) => break,
                Err(error) => return Err(error),
            }
        }
        self.commit().await;
        Ok(())
    }

    async fn follow(&mut self, ready: &mut Option<oneshot::Sender<()>>) -> Result<Turn, Error> {
        let shutdown = self.shutdown.clone();
        let (mut report, mut commit, mut idle) = (every(REPORT_EVERY), every(COMMIT_EVERY), every(IDLE));
        let mut backoff = Backoff::default();
        let mut reader = None;
        self.paused.clear();
        let (mut caught_up, mut looks) = (false, 0);
        loop {
            let read = tokio::select! {
                () = shutdown.cancelled() => return Ok(Turn::End),
                _ = report.tick() => {
                    self.report();
                    continue;
                }
                _ = commit.tick() => {
                    self.commit_aside();
                    self.keep();
                    continue;
                }
                _ = idle.tick(), if self.keeper.is_writing() => {
                    self.keep();
                    continue;
                }
                own = dealt(&mut self.membership) => {
                    if !self.take_over(own).await? {
                        return Ok(Turn::Rebuild);
                    }
                    // Nobody may be waiting to hear it.
                    ready.take().map(|ready| ready.send(()));
                    continue;
                }
                marks = moved(&mut self.marks) => {
                    marks.into_iter().for_each(|(partition, mark)| self.outbox.marked(partition, mark));
                    continue;
                }
                there = ends(self.log.as_ref(), self.partitions), if !caught_up && !self.merge.is_behind() => {
                    match there {
                        Ok(there) => {
                            caught_up = self.expect(&there, looks == 0);
                            looks += 1;
                            if caught_up && self.membership.is_none() {
                                self.membership = Some(self.log.membership(GROUP, Topic::Events).await?);
                            }
                            continue;
                        }
                        Err(error) => Err(error),
                    }
                }
                read = next(self.log.as_ref(), &self.merge, &mut reader), if caught_up || self.merge.is_behind() => read,
            };
            match read {
                Ok(records) => {
                    backoff.reset();
                    self.take(&records);
                    if let Some(reader) = &mut reader {
                        self.steer(reader.as_mut())?;
                    }
                    self.publish().await?;
                    self.mark().await?;
                    self.keep();
                }
                Err(BusError::Gone { topic, partition, offset, first }) => {
                    tracing::error!(%topic, partition, from = offset, to = first, "events left the bus before they were judged");
                    self.merge.reached(partition, first);
                    reader = None;
                    self.paused.clear();
                }
                Err(error) if error.is_transient() => {
                    tracing::warn!(%error, "events cannot be read; trying again");
                    reader = None;
                    self.paused.clear();
                    tokio::select! {
                        () = shutdown.cancelled() => return Ok(Turn::End),
                        () = backoff.wait() => {}
                    }
                }
                Err(error) => return Err(error.into()),
            }
        }
    }

    /// Whether it has read what is on the bus, or at least, after the first look, nearly. Otherwise what is there is to
    /// be waited for.
    fn expect(&mut self, ends: &[(u32, u64)], first: bool) -> bool {
        let read = self.merge.read();
        let behind = ends.iter().map(|(at, end)| end.saturating_sub(read.get(at).copied().unwrap_or(0)));
        let behind: u64 = behind.sum();
        if behind == 0 || (behind <= CLOSE && !first) {
            return true;
        }
        tracing::info!(events = behind, "catching up with the bus");
        ends.iter().for_each(|(at, end)| self.merge.expect(*at, *end));
        false
    }

    /// Tells the merge how far the reader is, and the reader what the merge has no room for.
    fn steer(&mut self, reader: &mut dyn Reader) -> Result<(), Error> {
        for partition in 0..self.partitions {
            self.merge.reached(partition, reader.position(partition));
            if self.merge.is_full(partition) && self.paused.insert(partition) {
                reader.pause(partition, true)?;
            } else if self.merge.is_drained(partition) && self.paused.remove(&partition) {
                reader.pause(partition, false)?;
            }
        }
        Ok(())
    }
}

fn every(period: Duration) -> Interval {
    let mut interval = tokio::time::interval(period);
    interval.set_missed_tick_behavior(MissedTickBehavior::Delay);
    interval
}

/// The next records, from a reader that is made if there is none; none if records that are there do not come.
async fn next(
    log: &dyn Log,
    merge: &Merge<Pending>,
    reader: &mut Option<Box<dyn Reader>>,
) -> Result<Vec<Record>, BusError> {
    let Some(reader) = reader else {
        // Where it stands is to be noted first: what the bus has deleted is not to be waited for.
        *reader = Some(log.reader(Topic::Events, merge.read()).await?);
        return Ok(Vec::new());
    };
    if merge.is_behind() {
        return tokio::time::timeout(STALE, reader.next(BATCH)).await.unwrap_or_else(|_| Ok(Vec::new()));
    }
    reader.next(BATCH).await
}

/// Where each partition ends.
async fn ends(log: &dyn Log, partitions: u32) -> Result<Vec<(u32, u64)>, BusError> {
    let mut ends = Vec::new();
    for partition in 0..partitions {
        ends.push((partition, log.end(Topic::Events, partition).await?));
    }
    Ok(ends)
}

/// Waits until partitions are dealt out; for ever without a membership.
async fn dealt(membership: &mut Option<Membership>) -> BTreeSet<u32> {
    match membership {
        Some(membership) => membership.changed().await,
        None => std::future::pending().await,
    }
}

/// Waits until marks of others have moved; for ever without others.
async fn moved(marks: &mut Option<Follower>) -> Marks {
    match marks {
        Some(marks) => marks.changed().await,
        None => std::future::pending().await,
    }
}
