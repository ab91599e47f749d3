//! An HTTP service that answers whoever holds its credential with what it saw.

use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

/// The credential that only the gateway holds.
pub(crate) const CREDENTIAL: &str = "Bearer cluster-secret";

/// A service that lives as long as the test's process.
pub(crate) fn api() -> SocketAddr {
    let listener = std::net::TcpListener::bind("127.0.0.1:0").expect("loopback");
    listener.set_nonblocking(true).expect("nonblocking");
    let address = listener.local_addr().expect("address");
    std::thread::spawn(move || {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().expect("runtime");
        runtime.block_on(async {
            let listener = tokio::net::TcpListener::from_std(listener).expect("listener");
            let routes = axum::Router::new().fallback(|request: axum::extract::Request| async move {
                let known = request.headers().get("authorization").is_some_and(|given| given == CREDENTIAL);
                let status = if known { axum::http::StatusCode::OK } else { axum::http::StatusCode::UNAUTHORIZED };
                (status, format!("saw {} {}\n", request.method(), request.uri().path()))
            });
            axum::serve(listener, routes).await.expect("service");
        });
    });
    address
}

/// A listener that hangs up on everyone, and how many came so far.
pub(crate) fn counting() -> (SocketAddr, impl Fn() -> usize) {
    let listener = std::net::TcpListener::bind("127.0.0.1:0").expect("loopback");
    let address = listener.local_addr().expect("address");
    let count = Arc::new(AtomicUsize::new(0));
    let counted = Arc::clone(&count);
    std::thread::spawn(move || {
        for connection in listener.incoming() {
            // Before the peer can see it closed: who asks afterwards is told of it.
            counted.fetch_add(1, Ordering::SeqCst);
            drop(connection);
        }
    });
    (address, move || count.load(Ordering::SeqCst))
}
