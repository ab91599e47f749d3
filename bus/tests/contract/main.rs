//! The contract that both logs keep: each promise runs on the embedded log and on a real Apache Kafka node. Java and
//! Maven are needed; without them the tests fail and say how to install them.

mod away;
mod bed;
mod broker;
mod chain;
mod cost;
mod crash;
mod disk;
mod group;
mod local;
mod model;
mod promises;
mod remote;

macro_rules! on_both_logs {
    ($($promise:ident),+ $(,)?) => {
        mod on_embedded {
            $(#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
            async fn $promise() {
                let bed = crate::bed::embedded().await;
                crate::promises::$promise(&*bed.log).await;
            })+
        }
        mod on_kafka {
            $(#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
            async fn $promise() {
                let bed = crate::bed::kafka().await;
                crate::promises::$promise(&*bed.log).await;
            })+
        }
    };
}

on_both_logs! {
    records_of_a_key_are_read_in_the_order_appended,
    reader_resumes_from_any_offset,
    late_reader_sees_everything,
    position_reaches_the_end,
    waiting_reader_is_woken_and_a_dropped_wait_loses_nothing,
    commits_are_kept_per_group_and_partition,
    unknown_partition_is_named,
    record_too_large_is_refused_and_the_log_goes_on,
    verdicts_are_compacted_to_the_newest_of_each_key,
}
