//! A server for HTTP/1.1 and HTTP/2 that drains its connections.

use std::time::Duration;

use axum::Router;
use hyper_util::{
    rt::{TokioExecutor, TokioIo, TokioTimer},
    server::{conn::auto::Builder, graceful::GracefulShutdown},
    service::TowerToHyperService,
};
use tokio::{
    net::TcpListener,
    time::{sleep, timeout},
};
use tokio_util::sync::CancellationToken;

use crate::limits::DRAIN_TIMEOUT;

/// Time allowed for the headers of a connection's first or next request.
const HEAD_TIMEOUT: Duration = Duration::from_secs(60);

/// The most headers over HTTP/1.1. A request with more gets a bare 431.
const MAX_HEADERS: usize = 256;

/// The pause after a connection could not be accepted, probably for lack of file descriptors.
const ACCEPT_PAUSE: Duration = Duration::from_millis(50);

/// Serves until `stop`, and then until the last request has been answered, for up to
/// [`DRAIN_TIMEOUT`].
pub(crate) async fn serve(listener: TcpListener, router: Router, stop: CancellationToken) {
    let mut builder = Builder::new(TokioExecutor::new());
    builder
        .http1()
        .timer(TokioTimer::new())
        .header_read_timeout(HEAD_TIMEOUT)
        .max_headers(MAX_HEADERS);
    builder.http2().timer(TokioTimer::new());
    let connections = GracefulShutdown::new();
    while let Some(accepted) = stop.run_until_cancelled(listener.accept()).await {
        let stream = match accepted {
            Ok((stream, _)) => stream,
            Err(error) => {
                eprintln!("a connection was not accepted: {error}");
                sleep(ACCEPT_PAUSE).await;
                continue;
            }
        };
        // Answers are written whole, so waiting to fill packets would only delay them.
        let _ = stream.set_nodelay(true);
        let service = TowerToHyperService::new(router.clone());
        let connection = builder
            .serve_connection(TokioIo::new(stream), service)
            .into_owned();
        let connection = connections.watch(connection);
        // Its outcome doesn't matter: a client may disconnect at any time.
        tokio::spawn(async move { drop(connection.await) });
    }
    drop(listener);
    if timeout(DRAIN_TIMEOUT, connections.shutdown())
        .await
        .is_err()
    {
        eprintln!("requests were still open at the end");
    }
}
