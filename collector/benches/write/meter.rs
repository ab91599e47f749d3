//! What a process has used: its processor time, whatever else runs on the machine, and its memory.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

fn field(file: &str, name: &str) -> u64 {
    let text = std::fs::read_to_string(file).unwrap_or_default();
    let line = text.lines().find_map(|line| line.strip_prefix(name)).unwrap_or_default();
    line.trim().trim_end_matches(" kB").trim().parse().unwrap_or(0)
}

/// The most memory that this process ever had, in MiB.
pub(crate) fn peak_mib() -> u64 {
    field("/proc/self/status", "VmHWM:") / 1_024
}

fn mib() -> u64 {
    field("/proc/self/status", "VmRSS:") / 1_024
}

/// Seconds of processor time that this process used, in all its threads.
fn used() -> f64 {
    let text = std::fs::read_to_string("/proc/self/stat").unwrap_or_default();
    let fields = text.rsplit(')').next().unwrap_or_default().split_whitespace();
    let ticks: u32 = fields.skip(11).take(2).filter_map(|field| field.parse::<u32>().ok()).sum();
    f64::from(ticks) / 100.0
}

/// Time since it began, as clocks and as the processor see it.
pub(crate) struct Meter {
    began: Instant,
    used: f64,
}

impl Meter {
    pub(crate) fn start() -> Self {
        Self { began: Instant::now(), used: used() }
    }

    /// Seconds by the clock, and of processor time.
    pub(crate) fn read(&self) -> [f64; 2] {
        [self.began.elapsed().as_secs_f64(), used() - self.used]
    }
}

/// Looks at this process's memory while it works.
pub(crate) struct Watch {
    before: u64,
    halves: Arc<[AtomicU64; 2]>,
    is_over: Arc<AtomicBool>,
    thread: JoinHandle<()>,
}

impl Watch {
    /// `is_late` tells that half of the work is done.
    pub(crate) fn start(is_late: Arc<AtomicBool>) -> Self {
        let halves: Arc<[AtomicU64; 2]> = Arc::default();
        let is_over = Arc::new(AtomicBool::new(false));
        let (mine, over, before) = (Arc::clone(&halves), Arc::clone(&is_over), mib());
        let thread = std::thread::spawn(move || {
            while !over.load(Ordering::Relaxed) {
                let [first, second] = &*mine;
                if is_late.load(Ordering::Relaxed) { second } else { first }.fetch_max(mib(), Ordering::Relaxed);
                std::thread::park_timeout(Duration::from_millis(20));
            }
        });
        Self { before, halves, is_over, thread }
    }

    /// MiB before, and the most in the first and the second half of the work.
    pub(crate) fn end(self) -> [u64; 3] {
        self.is_over.store(true, Ordering::Relaxed);
        self.thread.join().expect("the watch ends");
        let [first, second] = &*self.halves;
        [self.before, first.load(Ordering::Relaxed), second.load(Ordering::Relaxed)]
    }
}
