//! An executor: fetches tasks from its scheduler, reads the lake, and keeps what it made of it until somebody fetches
//! that, in a folder of its own.

use crate::codec::{Codec, Functions};
use crate::storage::Storages;
use crate::{Address, Error, MAX_MESSAGE};
use arrow_flight::flight_service_server::FlightServiceServer;
use ballista_core::config::TaskSchedulingPolicy;
use ballista_core::error::BallistaError;
use ballista_core::extension::ballista_scalar_functions;
use ballista_core::registry::BallistaFunctionRegistry;
use ballista_core::utils::{GrpcServerConfig, create_grpc_server};
use ballista_executor::ArrowFlightServerProvider;
use ballista_executor::executor_process::{ExecutorProcessConfig, start_executor_process};
use ballista_executor::flight_service::BallistaFlightService;
use ballista_executor::shutdown::Shutdown;
use datafusion::execution::runtime_env::RuntimeEnvBuilder;
use datafusion::prelude::SessionConfig;
use std::net::SocketAddr;
use std::path::PathBuf;
use std::sync::{Arc, Mutex};
use tokio::net::TcpListener;
use tonic::transport::server::TcpIncoming;
use url::Url;

/// Seconds between two looks for rows that nobody fetches any more, and after which they are.
const LOOK_S: u64 = 600;
const KEPT_S: u64 = 2 * 3600;

/// Seconds that an executor waits for its scheduler when it starts.
const SCHEDULER_S: u16 = 30;

/// What an executor is told.
#[derive(Debug, Clone)]
pub struct Settings {
    /// Its scheduler.
    pub scheduler: Address,
    /// Where rows are fetched from it.
    pub listen: SocketAddr,
    /// The host under which others reach it; the address from which the scheduler sees it come if left out.
    pub advertise: Option<String>,
    /// The lake, the same for all.
    pub lake: Url,
    /// A folder for rows on their way, of this executor alone.
    pub work: PathBuf,
    /// Bytes of memory that its tasks may use together, shared out by thread; 70 % of the machine's if left out.
    pub memory: Option<usize>,
    /// Tasks at a time; as many as there are processors if left out.
    pub threads: Option<usize>,
}

/// Runs one until the process is told to end. `listening` is told where.
///
/// # Errors
/// When the address cannot be listened on, the lake is nowhere, the scheduler does not answer, or the executor ends by
/// itself.
pub async fn run(
    settings: Settings,
    functions: Arc<dyn Functions>,
    listening: impl FnOnce(SocketAddr),
) -> Result<(), Error> {
    let taken = |source| Error::Listen { address: settings.listen.to_string(), source };
    let storages = Arc::new(Storages::of(&settings.lake)?);
    let listener = TcpListener::bind(settings.listen).await.map_err(taken)?;
    let listen = listener.local_addr().map_err(taken)?;
    let work = settings.work.clone();
    let bind_host = if listen.is_ipv6() { format!("[{}]", listen.ip()) } else { listen.ip().to_string() };
    let message = u32::try_from(MAX_MESSAGE).unwrap_or(u32::MAX);
    let mut config = ExecutorProcessConfig {
        bind_host,
        port: listen.port(),
        external_host: settings.advertise,
        scheduler_host: settings.scheduler.host().to_owned(),
        scheduler_port: settings.scheduler.port(),
        scheduler_connect_timeout_seconds: SCHEDULER_S,
        task_scheduling_policy: TaskSchedulingPolicy::PullStaged,
        work_dir: Some(work.to_string_lossy().into_owned()),
        job_data_ttl_seconds: KEPT_S,
        job_data_clean_up_interval_seconds: LOOK_S,
        grpc_max_decoding_message_size: message,
        grpc_max_encoding_message_size: message,
        memory_pool_size: settings.memory.and_then(|bytes| u64::try_from(bytes).ok()),
        override_runtime_producer: Some(Arc::new(move |_: &SessionConfig| {
            RuntimeEnvBuilder::new()
                .with_object_store_registry(Arc::<Storages>::clone(&storages))
                .with_temp_file_path(work.clone())
                .build_arc()
        })),
        override_function_registry: Some(Arc::new(known())),
        override_physical_codec: Some(Arc::new(Codec::new(functions))),
        override_arrow_flight_service: Some(flight(listener)),
        ..ExecutorProcessConfig::default()
    };
    if let Some(threads) = settings.threads {
        config.vcores = threads;
    }
    listening(listen);
    let ended = |source| Error::Ended { part: "executor", source: Box::new(source) };
    start_executor_process(Arc::new(config)).await.map_err(ended)
}

/// DataFusion's functions, those of lists and structs among them, which Ballista's own executors lack.
fn known() -> BallistaFunctionRegistry {
    let mut known = BallistaFunctionRegistry::default();
    let all = ballista_scalar_functions().into_iter().map(|function| (function.name().to_owned(), function));
    known.scalar_functions.extend(all);
    known
}

/// Serves rows on a listener that is there already, so that the port is known before anybody is told of it.
fn flight(listener: TcpListener) -> Arc<ArrowFlightServerProvider> {
    let listener = Mutex::new(Some(listener));
    Arc::new(move |work: String, _: SocketAddr, mut shutdown: Shutdown, config: GrpcServerConfig| {
        let listener = listener.lock().ok().and_then(|mut listener| listener.take());
        tokio::spawn(async move {
            let listener =
                listener.ok_or_else(|| BallistaError::General("the listener is served once".to_owned()))?;
            let rows = FlightServiceServer::new(BallistaFlightService::new(work))
                .max_decoding_message_size(MAX_MESSAGE)
                .max_encoding_message_size(MAX_MESSAGE);
            create_grpc_server(&config)
                .add_service(rows)
                .serve_with_incoming_shutdown(TcpIncoming::from(listener), shutdown.recv())
                .await
                .map_err(BallistaError::TonicError)
        })
    })
}
