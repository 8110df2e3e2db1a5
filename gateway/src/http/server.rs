//! A server for HTTP/1.1 and HTTP/2 with graceful shutdown, used for both ports.

use std::{net::SocketAddr, time::Duration};

use axum::Router;
use hyper_util::{
    rt::{TokioExecutor, TokioIo, TokioTimer},
    server::{conn::auto::Builder, graceful::GracefulShutdown},
    service::TowerToHyperService,
};
use tokio::{
    net::{TcpListener, TcpStream},
    time::Instant,
};
use tokio_util::sync::CancellationToken;

/// The time limit for receiving a request's headers.
const HEAD_TIMEOUT: Duration = Duration::from_secs(30);

/// The interval of pings on idle HTTP/2 connections.
const KEEP_ALIVE: Duration = Duration::from_secs(60);

/// HTTP/2's flow-control window in bytes. With the default of 64 KiB, a picture takes about a
/// hundred round trips.
const WINDOW: u32 = 2 * 1024 * 1024;

/// A bound port that isn't served yet.
pub(crate) struct Server {
    listener: TcpListener,
    address: SocketAddr,
}

impl Server {
    /// Binds the address.
    ///
    /// # Errors
    ///
    /// The address is in use, or isn't this machine's.
    pub(crate) async fn bind(address: SocketAddr) -> std::io::Result<Self> {
        let listener = TcpListener::bind(address).await?;
        Ok(Self {
            address: listener.local_addr()?,
            listener,
        })
    }

    /// The bound address; the system chose the port if port 0 was requested.
    pub(crate) fn address(&self) -> SocketAddr {
        self.address
    }

    /// Serves `router` until `stop`. Then it accepts no more connections, and lets the open ones
    /// finish their requests for up to `timeout`.
    pub(crate) async fn serve(self, router: Router, stop: CancellationToken, timeout: Duration) {
        let mut builder = Builder::new(TokioExecutor::new());
        builder
            .http1()
            .timer(TokioTimer::new())
            .header_read_timeout(HEAD_TIMEOUT);
        builder
            .http2()
            .timer(TokioTimer::new())
            .keep_alive_interval(KEEP_ALIVE)
            .initial_stream_window_size(WINDOW)
            .initial_connection_window_size(2 * WINDOW);
        let connections = GracefulShutdown::new();
        let abort = CancellationToken::new();
        loop {
            let stream = tokio::select! {
                () = stop.cancelled() => break,
                accepted = self.listener.accept() => match accepted {
                    Ok((stream, _)) => stream,
                    Err(error) => {
                        // Probably out of file descriptors: wait for some to close.
                        tracing::warn!(%error, "a connection was not accepted");
                        tokio::time::sleep(Duration::from_millis(50)).await;
                        continue;
                    }
                },
            };
            let router = router.clone();
            serve_connection(&builder, stream, router, &connections, abort.clone());
        }
        drop(self.listener);
        let deadline = Instant::now() + timeout;
        if tokio::time::timeout_at(deadline, connections.shutdown())
            .await
            .is_err()
        {
            tracing::warn!("connections were still open at the end of the drain");
        }
        abort.cancel();
    }
}

fn serve_connection(
    builder: &Builder<TokioExecutor>,
    stream: TcpStream,
    router: Router,
    connections: &GracefulShutdown,
    abort: CancellationToken,
) {
    // Responses are written whole, so waiting to fill packets would only delay them.
    if let Err(error) = stream.set_nodelay(true) {
        tracing::debug!(%error, "cannot set TCP_NODELAY");
    }
    let service = TowerToHyperService::new(router);
    let connection = builder
        .serve_connection(TokioIo::new(stream), service)
        .into_owned();
    let connection = connections.watch(connection);
    tokio::spawn(async move {
        tokio::select! {
            result = connection => if let Err(error) = result {
                // Not a warning: clients may disconnect at any time.
                tracing::debug!(%error, "a connection failed");
            },
            () = abort.cancelled() => {}
        }
    });
}

#[cfg(test)]
mod tests {
    use axum::routing::get;
    use tokio::io::{AsyncReadExt, AsyncWriteExt};

    use super::*;

    async fn ask(address: SocketAddr) -> std::io::Result<String> {
        let mut stream = TcpStream::connect(address).await?;
        stream
            .write_all(b"GET / HTTP/1.1\r\nhost: h\r\nconnection: close\r\n\r\n")
            .await?;
        let mut text = String::new();
        stream.read_to_string(&mut text).await?;
        Ok(text)
    }

    #[tokio::test]
    async fn a_request_in_progress_is_finished_and_no_new_one_accepted() {
        let server = Server::bind("127.0.0.1:0".parse().unwrap()).await.unwrap();
        let address = server.address();
        let stop = CancellationToken::new();
        let started = CancellationToken::new();
        let router = {
            let (stop, started) = (stop.clone(), started.clone());
            Router::new().route(
                "/",
                get(async move || {
                    started.cancel();
                    stop.cancelled().await;
                    tokio::time::sleep(Duration::from_millis(50)).await;
                    "done"
                }),
            )
        };
        let serving = tokio::spawn(server.serve(router, stop.clone(), Duration::from_secs(5)));
        let asking = tokio::spawn(ask(address));
        started.cancelled().await;
        stop.cancel();
        assert!(asking.await.unwrap().unwrap().ends_with("done"));
        serving.await.unwrap();
        assert!(ask(address).await.is_err());
    }

    #[tokio::test]
    async fn a_request_that_exceeds_the_timeout_is_aborted() {
        let server = Server::bind("127.0.0.1:0".parse().unwrap()).await.unwrap();
        let address = server.address();
        let stop = CancellationToken::new();
        let started = CancellationToken::new();
        let router = {
            let started = started.clone();
            Router::new().route(
                "/",
                get(async move || {
                    started.cancel();
                    std::future::pending::<()>().await;
                }),
            )
        };
        let serving = tokio::spawn(server.serve(router, stop.clone(), Duration::from_millis(50)));
        let asking = tokio::spawn(ask(address));
        started.cancelled().await;
        stop.cancel();
        serving.await.unwrap();
        assert_eq!(asking.await.unwrap().unwrap_or_default(), "");
    }
}
