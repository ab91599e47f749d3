//! The scheduler: takes questions, cuts them into stages, and hands tasks to executors when they ask for work. Tasks are
//! fetched, never pushed, so that an executor does only what the scheduler that it chose tells it.

use crate::codec::{Codec, Functions};
use crate::question::{Question, Unplanned};
use crate::{Error, MAX_MESSAGE};
use ballista_core::config::TaskSchedulingPolicy;
use ballista_scheduler::cluster::BallistaCluster;
use ballista_scheduler::config::{SchedulerConfig, TaskDistributionPolicy};
use ballista_scheduler::scheduler_process::{create_scheduler, start_grpc_service_with_listener};
use std::net::SocketAddr;
use std::sync::Arc;
use tokio::net::TcpListener;

/// Seconds of silence after which an executor counts as gone and its work is given to others; and between two looks. A
/// busy executor reports every five.
const SILENCE_S: u64 = 15;
const LOOK_S: u64 = 2;

/// Seconds that a job waits for an executor when the last one is gone.
const ALONE_S: u64 = 15;

/// Seconds for which a finished job's rows are kept for whoever asked and did not say that they were read.
const KEPT_S: u64 = 3600;

/// Runs one; ends only by being dropped. `listening` is told where.
///
/// # Errors
/// When the address cannot be listened on, or the scheduler ends by itself.
pub async fn run(
    listen: SocketAddr,
    functions: Arc<dyn Functions>,
    listening: impl FnOnce(SocketAddr),
) -> Result<(), Error> {
    let taken = |source| Error::Listen { address: listen.to_string(), source };
    let listener = TcpListener::bind(listen).await.map_err(taken)?;
    let listen = listener.local_addr().map_err(taken)?;
    let ended = |source| Error::Ended { part: "scheduler", source: Box::new(source) };
    let message = u32::try_from(MAX_MESSAGE).unwrap_or(u32::MAX);
    let config = SchedulerConfig {
        external_host: listen.ip().to_string(),
        bind_host: listen.ip().to_string(),
        bind_port: listen.port(),
        scheduling_policy: TaskSchedulingPolicy::PullStaged,
        task_distribution: TaskDistributionPolicy::RoundRobin,
        finished_job_data_clean_up_interval_seconds: KEPT_S,
        grpc_server_max_decoding_message_size: message,
        grpc_server_max_encoding_message_size: message,
        grpc_client_max_message_size: message,
        executor_timeout_seconds: SILENCE_S,
        expire_dead_executor_interval_seconds: LOOK_S,
        no_executors_grace_period_seconds: ALONE_S,
        override_physical_codec: Some(Arc::new(Codec::new(functions))),
        ..SchedulerConfig::default()
    };
    let cluster = BallistaCluster::new_from_config(&config).await.map_err(ended)?;
    let scheduler = create_scheduler::<Unplanned, Question>(cluster, Arc::new(config)).await.map_err(ended)?;
    listening(listen);
    start_grpc_service_with_listener(listener, scheduler).await.map_err(ended)
}
