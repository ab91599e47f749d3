//! The threads that a command runs on.

use tokio::runtime::Builder;

/// Threads for what blocks (files, sorting, compressing): so many for each core, and some on a small machine. Tokio's own
/// bound is 512; one burst of deletions starts them, and what blocks later is dealt out to all of them, each of which
/// keeps memory of its own.
///
/// INVARIANT: more than ever wait for each other. Delta holds one while it reads a table's log, for which it needs another;
/// a collector and its upkeep have 14 of those at most.
const BLOCKING: usize = 4;
const LEAST: usize = 32;

/// A runtime with so many threads that reckon, each thread with so many bytes of stack.
pub(crate) fn builder(threads: usize, stack: usize) -> Builder {
    let mut builder = Builder::new_multi_thread();
    builder
        .worker_threads(threads)
        .max_blocking_threads(LEAST.max(BLOCKING * cores()))
        .thread_stack_size(stack)
        .enable_all();
    builder
}

/// Cores that this process may use.
pub(crate) fn cores() -> usize {
    std::thread::available_parallelism().map_or(1, std::num::NonZeroUsize::get)
}
