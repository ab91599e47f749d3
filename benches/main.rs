//! End-to-end figures: interdict and a peer side by side in one run, medians and ratios. Machines are noisy: what
//! counts is the ratio. `make bench` runs all; name parts to run those: `make bench BENCH="postgres http"`.

mod figures;
mod history;
mod http;
mod lake;
mod postgres;
mod restart;
mod verdict;

#[path = "../detector/benches/scale/density.rs"]
mod density;
#[path = "../tests/harness/mod.rs"]
mod harness;

/// What the command uses.
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

fn main() {
    // cargo passes `--bench`.
    let wanted: Vec<String> = std::env::args().skip(1).filter(|argument| !argument.starts_with("--")).collect();
    let parts: [(&str, fn()); 8] = [
        ("postgres", postgres::run),
        ("http", http::run),
        ("verdict", verdict::run),
        ("collector", lake::collector),
        ("proof", lake::proof),
        ("detector", lake::detector),
        ("restart", restart::run),
        ("history", history::run_all),
    ];
    for (name, run) in parts {
        if wanted.is_empty() || wanted.iter().any(|wanted| wanted == name) {
            println!("\n== {name}");
            run();
        }
    }
}
