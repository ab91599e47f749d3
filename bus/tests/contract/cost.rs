//! What an append costs. Printed, not asserted: tests run unoptimised, beside others.

use crate::bed::{opened, small};
use interdict_bus::{Durability, Writer, embedded::Embedded};
use std::time::Instant;

#[test]
fn append_cost_is_printed() {
    let folder = tempfile::tempdir().expect("folder");
    let log = Embedded::open(folder.path(), small()).expect("open");
    for (durability, count) in [(Durability::Os, 20_000), (Durability::Disk, 200)] {
        let writer = Writer::embedded(log.clone(), "gw", durability).expect("writer");
        let message = crate::bed::event(
            "dana",
            "1",
            interdict_schemas::Kind::Resulted {
                action: "a".into(),
                class: interdict_schemas::Class::Statement,
                outcome: interdict_schemas::Outcome {
                    status: interdict_schemas::Status::Success,
                    code: "00000".into(),
                    detail: String::new(),
                    rows: 1,
                    bytes_in: 100,
                    bytes_out: 100,
                    duration_us: 100,
                },
            },
        );
        let begun = Instant::now();
        for _ in 0..count {
            writer.append(&message).expect("append");
        }
        println!("append, {durability:?}: {:?} each", begun.elapsed() / count);
        writer.append(&opened("dana", "1")).expect("append");
    }
}
