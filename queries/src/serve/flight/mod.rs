//! Arrow Flight SQL over the desk, for ADBC and other Arrow clients. Owns the listener and its TLS. Refuses whatever has
//! no token: it comes as `authorization: Bearer TOKEN` with each call, or as the password of a handshake.

mod answer;
mod service;
mod status;
mod ticket;
mod visits;
mod wire;

use super::postgres::Counter;
use arrow_flight::flight_service_server::FlightServiceServer;
use service::Service;
use std::sync::Arc;
use std::time::Duration;
use tokio::net::TcpListener;
use tokio_util::sync::CancellationToken;
use visits::Visits;

/// How often visits that nobody uses any more are looked for.
const SWEEP: Duration = Duration::from_secs(15);

/// Serves until `shutdown`.
///
/// # Errors
/// When the listener fails.
pub async fn serve(
    counter: Counter,
    listener: TcpListener,
    shutdown: CancellationToken,
) -> Result<(), tonic::transport::Error> {
    let Counter { desk, door, tls, handshake, connections } = counter;
    let visits = Arc::new(Visits::new(door, connections));
    let sweeper = tokio::spawn({
        let visits = Arc::clone(&visits);
        async move {
            loop {
                tokio::time::sleep(SWEEP).await;
                visits.sweep();
            }
        }
    });
    let patience = desk.limits.time + handshake;
    let service = FlightServiceServer::new(Service::new(desk, Arc::clone(&visits), shutdown.clone()));
    let incoming = wire::incoming(listener, tls, handshake, connections, shutdown.clone());
    let served = tonic::transport::Server::builder()
        // A client that takes nothing, and does not even answer, is gone.
        .http2_keepalive_interval(Some(patience))
        .http2_keepalive_timeout(Some(handshake))
        .concurrency_limit_per_connection(32)
        .add_service(service)
        .serve_with_incoming_shutdown(incoming, shutdown.cancelled_owned())
        .await;
    sweeper.abort();
    visits.close();
    served
}
