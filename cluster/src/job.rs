//! One plan, sent to a scheduler, and the rows that it came to, fetched from the executors that hold them.
//!
//! DELIVERY: rows are told once and in the order of their partition. A cluster that loses an executor does that part of
//! the work again by itself; an answer whose holder is gone before its first row was told is asked for anew, at most
//! [`ATTEMPTS`] times in all. One that breaks off later is an error. What is no longer wanted is cancelled: no
//! further task of it begins, and those that run end by themselves. What was read is released.

use crate::address::Address;
use crate::codec::Codec;
use crate::{Error, MAX_MESSAGE};
use ballista_core::client::BallistaClient;
use ballista_core::extension::{BallistaConfigGrpcEndpoint, SessionConfigHelperExt as _};
use ballista_core::serde::protobuf::execute_query_params::Query;
use ballista_core::serde::protobuf::scheduler_grpc_client::SchedulerGrpcClient;
use ballista_core::serde::protobuf::{
    CancelJobParams, CleanJobDataParams, ExecuteQueryParams, GetJobStatusParams, PartitionLocation,
    execute_query_result, job_status,
};
use ballista_core::version;
use bytes::Bytes;
use datafusion::error::{DataFusionError, Result};
use datafusion::execution::SendableRecordBatchStream;
use datafusion::physical_plan::stream::RecordBatchStreamAdapter;
use datafusion::physical_plan::{ExecutionPlan, ExecutionPlanProperties as _};
use datafusion::prelude::SessionConfig;
use datafusion_proto::physical_plan::AsExecutionPlan as _;
use datafusion_proto::protobuf::PhysicalPlanNode;
use futures::future::{Either, select};
use futures::{StreamExt as _, TryStreamExt as _};
use http_body_util::Empty;
use hyper::client::conn::http1;
use hyper::{Request, StatusCode};
use hyper_util::rt::TokioIo;
use std::collections::HashMap;
use std::collections::hash_map::Entry;
use std::fmt;
use std::future::Future;
use std::pin::pin;
use std::sync::{Arc, LazyLock};
use std::time::Duration;
use tokio::net::TcpStream;
use tokio::runtime::Handle;
use tokio::time::{sleep, timeout};
use tokio_util::task::TaskTracker;
use tonic::transport::{Channel, Endpoint};

/// How often an answer is asked for before it counts as lost.
const ATTEMPTS: usize = 3;

/// How long a peer may take to accept, and to answer a request that needs no work.
const CONNECT: Duration = Duration::from_secs(5);
const REPLY: Duration = Duration::from_secs(20);

/// How often a connection that is silent is asked whether it lives.
const ALIVE: Duration = Duration::from_secs(10);

/// Between two looks at a job: at first, and at most. A small question is not made to wait, and a long one not watched.
const FIRST_LOOK: Duration = Duration::from_millis(5);
const LAST_LOOK: Duration = Duration::from_millis(200);

/// How long a process that ends waits for its last words to be heard.
const FAREWELL: Duration = Duration::from_secs(1);

type Scheduler = SchedulerGrpcClient<Channel>;

static FAREWELLS: LazyLock<TaskTracker> = LazyLock::new(TaskTracker::new);

/// Waits for what was still to be said to schedulers, for a second at most. For a process that ends.
pub(crate) async fn settle() {
    FAREWELLS.close();
    // Whoever did not hear it finds out by the clock.
    let _ = timeout(FAREWELL, FAREWELLS.wait()).await;
    FAREWELLS.reopen();
}

/// A plan to be run.
pub(crate) struct Job {
    pub(crate) address: Address,
    pub(crate) codec: Arc<Codec>,
    pub(crate) plan: Arc<dyn ExecutionPlan>,
    pub(crate) session: String,
    pub(crate) config: SessionConfig,
}

impl Job {
    /// Runs it; returns once all its rows stand with executors that are there.
    pub(crate) async fn run(&self) -> Result<Answer> {
        let plan = PhysicalPlanNode::try_from_physical_plan(Arc::clone(&self.plan), self.codec.as_ref())?;
        let mut bytes = Vec::new();
        plan.try_encode(&mut bytes)?;
        // The settings beside it are small.
        if bytes.len() > MAX_MESSAGE - (1 << 20) {
            return Err(Error::Long { size: bytes.len() >> 20, limit: MAX_MESSAGE >> 20 }.into());
        }
        let mut attempt = 1;
        loop {
            let (ticket, locations) = self.answered(&bytes).await?;
            match self.reached(ticket, locations).await {
                Err(error @ Error::Lost { .. }) if attempt < ATTEMPTS => {
                    tracing::warn!(%error, attempt, "asking the cluster again");
                    attempt += 1;
                }
                reached => return Ok(reached?),
            }
        }
    }

    async fn answered(&self, plan: &[u8]) -> Result<(Ticket, Vec<PartitionLocation>), Error> {
        let failed = |detail: String| Error::Failed { address: self.address.to_string(), detail };
        ready(&self.address).await?;
        let mut scheduler = connect(&self.address).await?;
        let mut request = tonic::Request::new(ExecuteQueryParams {
            query: Some(Query::PhysicalPlan(plan.to_vec())),
            settings: self.config.to_key_value_pairs(),
            session_id: self.session.clone(),
            operation_id: String::new(),
        });
        version::insert_version_header(request.metadata_mut());
        let sent = scheduler.execute_query(request).await.map_err(|status| failed(status.message().to_owned()))?;
        version::check_compatibility(
            Some(ballista_core::BALLISTA_VERSION),
            version::version_from_metadata(sent.metadata()),
        )
        .map_err(&failed)?;
        let job = match sent.into_inner().result {
            Some(execute_query_result::Result::Success(taken)) => taken.job_id,
            Some(execute_query_result::Result::Failure(refused)) => return Err(failed(format!("{refused:?}"))),
            None => return Err(failed("it did not say whether it takes the plan".to_owned())),
        };
        let mut ticket = Ticket { scheduler, job, is_done: false };
        let mut look = FIRST_LOOK;
        loop {
            let asked = GetJobStatusParams { job_id: ticket.job.clone() };
            let told = ticket.scheduler.get_job_status(asked).await;
            let told = told.map_err(|status| failed(status.message().to_owned()))?.into_inner();
            match told.status.and_then(|status| status.status) {
                Some(job_status::Status::Successful(answer)) => {
                    ticket.is_done = true;
                    return Ok((ticket, answer.partition_location));
                }
                Some(job_status::Status::Failed(why)) => {
                    ticket.is_done = true;
                    return Err(failed(why.error));
                }
                Some(job_status::Status::Queued(_) | job_status::Status::Running(_)) | None => {
                    sleep(look).await;
                    look = (look * 2).min(LAST_LOOK);
                }
            }
        }
    }

    /// Connects to every executor that holds a part, so that one that is gone is known before a row is told.
    async fn reached(&self, ticket: Ticket, locations: Vec<PartitionLocation>) -> Result<Answer, Error> {
        let failed = |detail: &str| Error::Failed { address: self.address.to_string(), detail: detail.to_owned() };
        let mut parts = vec![Vec::new(); self.plan.output_partitioning().partition_count()];
        let mut holders = HashMap::new();
        for location in locations {
            let (Some(id), Some(holder)) = (&location.partition_id, &location.executor_meta) else {
                return Err(failed("it did not say where the rows are"));
            };
            if let Entry::Vacant(entry) = holders.entry((holder.host.clone(), holder.port)) {
                let client = fetcher(entry.key()).await.map_err(|detail| self.lost(entry.key(), detail))?;
                entry.insert(client);
            }
            let part = usize::try_from(id.partition_id).ok().and_then(|part| parts.get_mut(part));
            part.ok_or_else(|| failed("it has rows of a part that was not asked for"))?.push(location);
        }
        Ok(Answer {
            address: self.address.to_string(),
            plan: Arc::clone(&self.plan),
            parts,
            holders,
            _ticket: ticket,
        })
    }

    fn lost(&self, (host, port): &(String, u32), detail: String) -> Error {
        Error::Lost { address: self.address.to_string(), executor: format!("{host}:{port}"), detail }
    }
}

/// Rows that stand with executors.
pub(crate) struct Answer {
    address: String,
    plan: Arc<dyn ExecutionPlan>,
    /// Of each partition, where its pieces are.
    parts: Vec<Vec<PartitionLocation>>,
    holders: HashMap<(String, u32), BallistaClient>,
    _ticket: Ticket,
}

impl fmt::Debug for Answer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Answer").field("address", &self.address).field("parts", &self.parts).finish_non_exhaustive()
    }
}

impl Answer {
    /// The rows of a partition. Whoever reads them must keep the answer.
    pub(crate) fn rows(&self, partition: usize) -> Result<SendableRecordBatchStream> {
        let mut pieces = Vec::new();
        for location in self.parts.get(partition).into_iter().flatten() {
            let (Some(id), Some(holder)) = (&location.partition_id, &location.executor_meta) else { continue };
            let place = (holder.host.clone(), holder.port);
            let Some(client) = self.holders.get(&place) else { continue };
            let (mut client, id, location) = (client.clone(), id.clone(), location.clone());
            let (address, executor) = (self.address.clone(), format!("{}:{}", place.0, place.1));
            let lost = move |detail: String| {
                DataFusionError::from(Error::Lost { address: address.clone(), executor: executor.clone(), detail })
            };
            let port = u16::try_from(place.1).map_err(|_| lost("its port is none".to_owned()))?;
            let (owner, host) = (holder.id.clone(), place.0);
            pieces.push(async move {
                let rows = client
                    .fetch_partition_proxied(
                        &owner,
                        &id.into(),
                        location.file_id,
                        location.layout(),
                        &host,
                        port,
                        true,
                    )
                    .await
                    .map_err(|error| lost(error.to_string()))?;
                Ok::<_, DataFusionError>(rows.map_err(move |error| lost(error.to_string())))
            });
        }
        // One after the other: the order within a partition is part of the answer.
        let rows = futures::stream::iter(pieces).then(|piece| piece).try_flatten();
        Ok(Box::pin(RecordBatchStreamAdapter::new(self.plan.schema(), rows)))
    }
}

/// A job that a scheduler has taken. Dropped, it is cancelled if it runs, and released if it is done.
struct Ticket {
    scheduler: Scheduler,
    job: String,
    is_done: bool,
}

impl Drop for Ticket {
    fn drop(&mut self) {
        let Ok(runtime) = Handle::try_current() else { return };
        let (mut scheduler, job, is_done) = (self.scheduler.clone(), std::mem::take(&mut self.job), self.is_done);
        let farewell = async move {
            // The scheduler forgets by itself what it was not told.
            if is_done {
                let _ = scheduler.clean_job_data(CleanJobDataParams { job_id: job, remove_stage_ids: vec![] }).await;
            } else {
                let _ = scheduler.cancel_job(CancelJobParams { job_id: job }).await;
            }
        };
        FAREWELLS.spawn_on(farewell, &runtime);
    }
}

/// Sees that there is a scheduler and that somebody works for it, which it tells over HTTP. A job would wait for ever.
async fn ready(address: &Address) -> Result<(), Error> {
    let absent = |detail: String| Error::Absent { address: address.to_string(), detail };
    let asked = async {
        let stream = TcpStream::connect(address.authority()).await.map_err(|error| error.to_string())?;
        let (mut sender, connection) =
            http1::handshake(TokioIo::new(stream)).await.map_err(|error| error.to_string())?;
        let request = Request::get("/readyz").header(hyper::header::HOST, address.authority());
        let request = request.body(Empty::<Bytes>::new()).map_err(|error| error.to_string())?;
        match select(pin!(sender.send_request(request)), pin!(connection)).await {
            Either::Left((answer, _)) => answer.map_err(|error| error.to_string()),
            Either::Right(_) => Err("it hung up".to_owned()),
        }
    };
    let answer = within(REPLY, asked).await.map_err(&absent)?;
    match answer.status() {
        StatusCode::OK => Ok(()),
        StatusCode::SERVICE_UNAVAILABLE => {
            Err(Error::Idle { address: address.to_string(), authority: address.authority() })
        }
        status => Err(absent(format!("something else listens there and says {status}"))),
    }
}

async fn connect(address: &Address) -> Result<Scheduler, Error> {
    let absent = |detail: String| Error::Absent { address: address.to_string(), detail };
    let endpoint =
        Endpoint::new(format!("http://{}", address.authority())).map_err(|error| absent(error.to_string()))?;
    let channel = lively(endpoint).timeout(REPLY).connect().await.map_err(|error| absent(error.to_string()))?;
    let scheduler = SchedulerGrpcClient::new(channel);
    Ok(scheduler.max_encoding_message_size(MAX_MESSAGE).max_decoding_message_size(MAX_MESSAGE))
}

async fn fetcher((host, port): &(String, u32)) -> Result<BallistaClient, String> {
    let port = u16::try_from(*port).map_err(|_| "its port is none".to_owned())?;
    // Rows may take long to come; that their sender lives is asked all the while.
    let made = BallistaConfigGrpcEndpoint::new(Arc::new(|endpoint| Ok(lively(endpoint))));
    let connected = BallistaClient::try_new(host, port, MAX_MESSAGE, false, Some(Arc::new(made)), 1, 0, 0, 0);
    within(REPLY, async { connected.await.map_err(|error| error.to_string()) }).await
}

/// Made to notice soon that nobody is there, or no longer.
fn lively(endpoint: Endpoint) -> Endpoint {
    endpoint
        .connect_timeout(CONNECT)
        .tcp_nodelay(true)
        .http2_keep_alive_interval(ALIVE)
        .keep_alive_timeout(ALIVE)
        .keep_alive_while_idle(true)
}

async fn within<T>(time: Duration, work: impl Future<Output = Result<T, String>>) -> Result<T, String> {
    timeout(time, work).await.unwrap_or_else(|_| Err(format!("nothing within {time:?}")))
}
