//! The embedded log against a model of it: any interleaving of appends, commits, reads and restarts.

use crate::bed::{opened, small, verdict};
use futures::FutureExt;
use interdict_bus::{From, Log, Reader, embedded::Embedded};
use interdict_schemas::{Message, Topic};
use proptest::prelude::*;
use std::collections::BTreeMap;

#[derive(Debug, Clone)]
enum Step {
    Append { compacted: bool, key: u8 },
    Commit { group: bool, part: u8 },
    Read { compacted: bool, most: usize },
    Reopen,
}

fn step() -> impl Strategy<Value = Step> {
    prop_oneof![
        8 => (any::<bool>(), 0u8..5).prop_map(|(compacted, key)| Step::Append { compacted, key }),
        2 => (any::<bool>(), any::<u8>()).prop_map(|(group, part)| Step::Commit { group, part }),
        3 => (any::<bool>(), 1usize..20).prop_map(|(compacted, most)| Step::Read { compacted, most }),
        1 => Just(Step::Reopen),
    ]
}

/// What the log should hold, by offset.
#[derive(Default)]
struct Model {
    records: BTreeMap<u64, (String, Vec<u8>)>,
    next: u64,
    read_to: u64,
}

impl Model {
    fn append(&mut self, message: &Message) {
        let key = message.key();
        if message.topic().is_compacted() {
            self.records.retain(|_, (other, _)| *other != key);
        }
        self.records.insert(self.next, (key, message.encode()));
        self.next += 1;
    }
}

async fn run(steps: Vec<Step>) -> Result<(), TestCaseError> {
    let folder = tempfile::tempdir().expect("folder");
    let mut log = Embedded::open(folder.path(), small()).expect("open");
    let mut models = [Model::default(), Model::default()];
    let mut commits = [0u64; 2];
    // What is deleted stays so, even if a group commits backwards.
    let mut deletable = 0;
    let mut readers: [Option<Box<dyn Reader>>; 2] = [None, None];
    let topics = [Topic::Events, Topic::Verdicts];
    for (index, step) in steps.into_iter().enumerate() {
        match step {
            Step::Append { compacted, key } => {
                let key = key.to_string();
                let text = index.to_string();
                let message = if compacted { verdict(&key, &text) } else { opened(&key, &text) };
                let model = &mut models[usize::from(compacted)];
                let positions = log.append(std::slice::from_ref(&message)).await.expect("append");
                prop_assert_eq!(positions[0].offset, model.next);
                model.append(&message);
            }
            Step::Commit { group, part } => {
                let offset = models[0].next * u64::from(part) / 255;
                let name = ["collector", "detector"][usize::from(group)];
                log.commit(name, Topic::Events, 0, offset).await.expect("commit");
                commits[usize::from(group)] = offset;
                deletable = deletable.max(commits[0].min(commits[1]));
                prop_assert_eq!(log.committed(name, Topic::Events, 0).await, Ok(Some(offset)));
            }
            Step::Read { compacted, most } => {
                let which = usize::from(compacted);
                let model = &mut models[which];
                let reader = match &mut readers[which] {
                    Some(reader) => reader,
                    empty => empty
                        .insert(log.reader(topics[which], From::from([(0, model.read_to)])).await.expect("reader")),
                };
                let read = reader.next(most).now_or_never().transpose().expect("read").unwrap_or_default();
                let needless = if compacted { 0 } else { deletable };
                let mut held = model.records.range(model.read_to..);
                for record in &read {
                    // Only what every group has read may be missing.
                    let expected =
                        held.by_ref().find(|(offset, _)| **offset >= record.position.offset || **offset >= needless);
                    let (offset, (key, value)) = expected.expect("nothing is read that was not appended");
                    prop_assert_eq!(
                        (record.position.offset, &*record.key, &*record.value),
                        (*offset, key.as_str(), value.as_slice())
                    );
                }
                if read.len() < most {
                    prop_assert!(held.all(|(offset, _)| *offset < needless), "a record is missing");
                    model.read_to = model.next;
                } else if let Some(last) = read.last() {
                    model.read_to = last.position.offset + 1;
                }
            }
            Step::Reopen => {
                readers = [None, None];
                drop(log);
                log = Embedded::open(folder.path(), small()).expect("open again");
                for (topic, model) in topics.into_iter().zip(&models) {
                    prop_assert_eq!(log.end(topic, 0).await, Ok(model.next));
                }
            }
        }
    }
    Ok(())
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 12, max_shrink_iters: 200, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn any_interleaving_agrees_with_the_model(steps in prop::collection::vec(step(), 1..150)) {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().expect("runtime");
        runtime.block_on(run(steps))?;
    }
}
