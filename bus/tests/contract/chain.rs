//! What a writer appends forms one chain over all its restarts, and signed words say how it stands.

use crate::bed::{decode, opened, read, small};
use aws_lc_rs::signature::{ED25519, UnparsedPublicKey};
use interdict_bus::{Durability, From, Log as _, Writer, embedded::Embedded};
use interdict_schemas::{Checkpoint, Digest, Message, Topic, chain};
use std::path::Path;

async fn all(folder: &Path, topic: Topic) -> Vec<interdict_schemas::Envelope> {
    let log = Embedded::open(folder, small()).expect("open");
    let end = log.end(topic, 0).await.expect("end");
    let mut reader = log.reader(topic, From::new()).await.expect("reader");
    let count = usize::try_from(end).expect("small");
    read(&mut *reader, count, count, |_| true).await.iter().map(decode).collect()
}

async fn checkpoints(folder: &Path) -> Vec<Checkpoint> {
    let words = all(folder, Topic::Recordings).await.into_iter().filter_map(|envelope| match envelope.message {
        Message::Checkpoint(checkpoint) => Some(checkpoint),
        _ => None,
    });
    words.collect()
}

fn holds(checkpoint: &Checkpoint) -> bool {
    let key = UnparsedPublicKey::new(&ED25519, checkpoint.key);
    key.verify(&checkpoint.signed(), &checkpoint.signature).is_ok()
}

fn append(folder: &Path, ids: std::ops::Range<u32>) {
    let log = Embedded::open(folder, small()).expect("open");
    let writer = Writer::embedded(log, "gw-1", Durability::Os).expect("writer");
    for id in ids {
        writer.append(&opened("dana", &id.to_string())).expect("append");
    }
}

#[tokio::test]
async fn chain_goes_on_over_restarts_and_its_heads_are_signed() {
    let folder = tempfile::tempdir().expect("folder");
    append(folder.path(), 0..10);
    append(folder.path(), 10..11);
    append(folder.path(), 11..30);
    let records = all(folder.path(), Topic::Events).await;
    let mut heads: Vec<Digest> = Vec::new();
    for envelope in &records {
        let stamp = envelope.stamp.as_ref().expect("a stamp");
        let previous = stamp.previous.expect("a chain");
        let expected = heads.last().copied().unwrap_or_else(|| chain::genesis(&stamp.spool, Topic::Events, 0));
        assert_eq!(previous, expected, "before {}", stamp.sequence);
        let body = chain::record(&envelope.message.encode());
        heads.push(chain::link(&previous, stamp.sequence, &stamp.proxy, &body));
    }
    let words = checkpoints(folder.path()).await;
    // One at each writer's end, and one at the start of each that found something.
    let events: Vec<_> = words.iter().filter(|word| word.chain == Topic::Events).collect();
    assert_eq!(events.iter().map(|word| word.sequence).collect::<Vec<_>>(), [10, 10, 11, 11, 30]);
    for word in events {
        assert!(holds(word));
        assert_eq!(Some(&word.head), heads.get(usize::try_from(word.sequence).expect("small") - 1));
    }
}

#[tokio::test]
async fn another_key_is_named_by_the_one_before() {
    let folder = tempfile::tempdir().expect("folder");
    append(folder.path(), 0..2);
    let file = folder.path().join("chain_key");
    let old = std::fs::read_to_string(&file).expect("the key");
    std::fs::write(&file, format!("{}\n{old}", "2b".repeat(32))).expect("written");
    append(folder.path(), 2..3);
    let words = checkpoints(folder.path()).await;
    let words: Vec<_> = words.iter().filter(|word| word.chain == Topic::Events).collect();
    assert!(words.iter().all(|word| holds(word)));
    let named: Vec<_> = words.iter().filter_map(|word| Some((word.sequence, word.key, word.successor?))).collect();
    let (first, last) = (words.first().expect("a word").key, words.last().expect("a word").key);
    assert_eq!(named, [(2, first, last)]);
    assert_ne!(first, last);
}
