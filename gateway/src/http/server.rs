//! Listening: one accept loop for both ports, HTTP/1.1 and HTTP/2, that can be drained.

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

/// How long a client may take to send a request's head.
const HEAD_TIMEOUT: Duration = Duration::from_secs(30);

/// How often an idle HTTP/2 connection is asked whether its client is still there.
const KEEP_ALIVE: Duration = Duration::from_secs(60);

/// HTTP/2 flow control, in bytes: with the default of 64 KiB a picture waits for its
/// client some hundred times.
const WINDOW: u32 = 2 * 1024 * 1024;

/// A port that is bound, and not yet served.
pub(crate) struct Server {
    listener: TcpListener,
    address: SocketAddr,
}

impl Server {
    /// Takes the port.
    ///
    /// # Errors
    ///
    /// Someone else has it, or the address is not this machine's.
    pub(crate) async fn bind(address: SocketAddr) -> std::io::Result<Self> {
        let listener = TcpListener::bind(address).await?;
        Ok(Self {
            address: listener.local_addr()?,
            listener,
        })
    }

    /// The address it listens on, its port chosen by the system where 0 was asked for.
    pub(crate) fn address(&self) -> SocketAddr {
        self.address
    }

    /// Serves `router` until `stop`; then takes no more connections, and lets those that
    /// there are finish their requests until `patience` has passed.
    pub(crate) async fn serve(self, router: Router, stop: CancellationToken, patience: Duration) {
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
        let hurry = CancellationToken::new();
        loop {
            let stream = tokio::select! {
                () = stop.cancelled() => break,
                accepted = self.listener.accept() => match accepted {
                    Ok((stream, _)) => stream,
                    Err(error) => {
                        // Out of file descriptors, most likely: a pause lets some close.
                        tracing::warn!(%error, "a connection was not accepted");
                        tokio::time::sleep(Duration::from_millis(50)).await;
                        continue;
                    }
                },
            };
            let router = router.clone();
            serve_connection(&builder, stream, router, &connections, hurry.clone());
        }
        drop(self.listener);
        let deadline = Instant::now() + patience;
        if tokio::time::timeout_at(deadline, connections.shutdown())
            .await
            .is_err()
        {
            tracing::warn!("connections were still open at the end of the drain");
        }
        hurry.cancel();
    }
}

fn serve_connection(
    builder: &Builder<TokioExecutor>,
    stream: TcpStream,
    router: Router,
    connections: &GracefulShutdown,
    hurry: CancellationToken,
) {
    // Answers are written whole; waiting to fill a packet would only delay them.
    if let Err(error) = stream.set_nodelay(true) {
        tracing::debug!(%error, "TCP_NODELAY");
    }
    let service = TowerToHyperService::new(router);
    let connection = builder
        .serve_connection(TokioIo::new(stream), service)
        .into_owned();
    let connection = connections.watch(connection);
    tokio::spawn(async move {
        tokio::select! {
            result = connection => if let Err(error) = result {
                // Clients that go away are not news.
                tracing::debug!(%error, "connection");
            },
            () = hurry.cancelled() => {}
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
    async fn a_request_under_way_is_finished_and_no_other_taken() {
        let server = Server::bind("127.0.0.1:0".parse().unwrap()).await.unwrap();
        let address = server.address();
        let stop = CancellationToken::new();
        let begun = CancellationToken::new();
        let router = {
            let (stop, begun) = (stop.clone(), begun.clone());
            Router::new().route(
                "/",
                get(async move || {
                    begun.cancel();
                    stop.cancelled().await;
                    tokio::time::sleep(Duration::from_millis(50)).await;
                    "done"
                }),
            )
        };
        let serving = tokio::spawn(server.serve(router, stop.clone(), Duration::from_secs(5)));
        let asking = tokio::spawn(ask(address));
        begun.cancelled().await;
        stop.cancel();
        assert!(asking.await.unwrap().unwrap().ends_with("done"));
        serving.await.unwrap();
        assert!(ask(address).await.is_err());
    }

    #[tokio::test]
    async fn patience_ends() {
        let server = Server::bind("127.0.0.1:0".parse().unwrap()).await.unwrap();
        let address = server.address();
        let stop = CancellationToken::new();
        let begun = CancellationToken::new();
        let router = {
            let begun = begun.clone();
            Router::new().route(
                "/",
                get(async move || {
                    begun.cancel();
                    std::future::pending::<()>().await;
                }),
            )
        };
        let serving = tokio::spawn(server.serve(router, stop.clone(), Duration::from_millis(50)));
        let asking = tokio::spawn(ask(address));
        begun.cancelled().await;
        stop.cancel();
        serving.await.unwrap();
        assert_eq!(asking.await.unwrap().unwrap_or_default(), "");
    }
}
