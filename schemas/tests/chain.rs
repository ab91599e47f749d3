//! What the chain costs. Printed, not asserted: `cargo test --release -p interdict-schemas --test chain -- --ignored
//! --nocapture`.

mod sample;

use interdict_schemas::{Envelope, Topic, chain};
use std::hint::black_box;
use std::time::Instant;

const ROUNDS: u32 = 1_000_000;

#[test]
#[ignore = "measures, and is only worth something in a release build"]
fn cost_of_a_record_is_printed() {
    let acted = sample::all().into_iter().find(|(name, _)| *name == "acted").expect("a sample").1;
    let encoded = acted.message.encode();
    let mut head = chain::genesis("spool", Topic::Events, 0);
    let measure = |what: &str, run: &mut dyn FnMut(u64)| {
        let began = Instant::now();
        (1..=u64::from(ROUNDS)).for_each(&mut *run);
        println!("{what}: {:?} each, record of {} bytes", began.elapsed() / ROUNDS, encoded.len());
    };
    measure("hash and link, as the proxy does", &mut |number| {
        head = chain::link(&head, number, "gw-1", &chain::record(black_box(&encoded)));
    });
    measure("encode, hash and link, as verify does", &mut |number| {
        let Envelope { message, .. } = black_box(&acted);
        head = chain::link(&head, number, "gw-1", &chain::record(&message.encode()));
    });
    println!("{head}");
}
