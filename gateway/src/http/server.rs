//! A server for HTTP/1.1 and HTTP/2 with deadlines, a cap on connections and graceful shutdown,
//! used for every port.

pub(crate) mod connections;
mod stream;

use std::{
    error::Error,
    net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr},
    sync::Arc,
    time::Duration,
};

use axum::Router;
use http::{Extensions, Request};
use hyper::body::Incoming;
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
use tower::ServiceExt as _;
use tower_http::timeout::{RequestBodyDeadline, RequestBodyTimeout, TimeoutError};
use trichrome_proto::wire::{TrustedProxies, header::FORWARDED_FOR};

use self::{
    connections::{Connections, Permit},
    stream::Stream,
};

/// HTTP/2's flow-control window in bytes. With the default of 64 KiB, a picture takes about a
/// hundred round trips.
const WINDOW: u32 = 2 * 1024 * 1024;

/// The largest header list over HTTP/2 in bytes (RFC 9113, section 6.5.2). Larger than
/// [`MAX_HEAD`](crate::call::limits::MAX_HEAD), so that the usual oversized request gets an error
/// of the service instead of a bare 431.
const MAX_HEADER_LIST: u32 = 64 * 1024;

/// The most headers over HTTP/1.1, above [`MAX_HEADERS`](crate::call::limits::MAX_HEADERS) for the
/// same reason.
const MAX_HTTP1_HEADERS: usize = 256;

/// How long a connection may take at each point.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Timeouts {
    /// From the start of a connection until its first request's headers, or HTTP/2's preface and
    /// settings, have arrived.
    pub(crate) first_request: Duration,
    /// For the headers of a later HTTP/1.1 request, and so for an idle connection. Longer than the
    /// 60 s after which load balancers such as AWS's close idle connections: closed by this side
    /// first, a connection can lose the request that the balancer is just sending on it.
    pub(crate) idle: Duration,
    /// The longest pause within a request's body.
    pub(crate) body_pause: Duration,
    /// For a request's whole body, which may be a stream of requests, as for gRPC's server
    /// reflection. The readers of single messages allow less.
    pub(crate) body: Duration,
    /// The longest time in which a client accepts no byte of a response.
    pub(crate) write: Duration,
    /// The interval of pings over HTTP/2.
    pub(crate) ping_interval: Duration,
    /// The time limit for the answer to a ping. On its way to a slow client, a ping waits behind
    /// the megabytes of a picture that the system has buffered.
    pub(crate) ping: Duration,
}

impl Default for Timeouts {
    fn default() -> Self {
        Self {
            first_request: Duration::from_secs(10),
            idle: Duration::from_secs(75),
            body_pause: Duration::from_secs(30),
            body: Duration::from_secs(600),
            write: Duration::from_secs(60),
            ping_interval: Duration::from_secs(30),
            ping: Duration::from_secs(30),
        }
    }
}

/// Whether the error of a request's body is that it exceeded [`Timeouts::body_pause`] or
/// [`Timeouts::body`].
pub(crate) fn is_late(error: &(dyn Error + 'static)) -> bool {
    let mut error = Some(error);
    while let Some(cause) = error {
        if cause.is::<TimeoutError>() {
            return true;
        }
        error = cause.source();
    }
    false
}

/// A bound port that isn't served yet.
pub(crate) struct Server {
    listener: TcpListener,
    address: SocketAddr,
    connections: Arc<Connections>,
    timeouts: Timeouts,
    proxies: Arc<TrustedProxies>,
}

/// The address of a request's caller, among its extensions.
#[derive(Clone, Copy, Debug)]
struct ClientAddress(IpAddr);

/// The address of a request's caller. `None` only in tests without a server.
pub(crate) fn client_address(extensions: &Extensions) -> Option<IpAddr> {
    extensions.get().map(|ClientAddress(address)| *address)
}

impl Server {
    /// Binds the address.
    ///
    /// # Errors
    ///
    /// The address is in use, or isn't this machine's.
    pub(crate) async fn bind(
        address: SocketAddr,
        connections: Arc<Connections>,
    ) -> std::io::Result<Self> {
        let listener = TcpListener::bind(address).await?;
        Ok(Self {
            address: listener.local_addr()?,
            listener,
            connections,
            timeouts: Timeouts::default(),
            proxies: Arc::default(),
        })
    }

    /// Believes these proxies, and this machine, who a request comes from: the facade is a client
    /// of the gRPC port.
    pub(crate) fn behind(self, proxies: &TrustedProxies) -> Self {
        let own = [
            self.address.ip(),
            Ipv4Addr::LOCALHOST.into(),
            Ipv6Addr::LOCALHOST.into(),
        ];
        Self {
            proxies: Arc::new(proxies.clone().and(own)),
            ..self
        }
    }

    /// The bound address; the system chose the port if port 0 was requested.
    pub(crate) fn address(&self) -> SocketAddr {
        self.address
    }

    /// Serves `router` until `stop`. Then it accepts no more connections, and lets the open ones
    /// finish their requests for up to `timeout`.
    pub(crate) async fn serve(self, router: Router, stop: CancellationToken, timeout: Duration) {
        let builder = builder(&self.timeouts);
        let watched = GracefulShutdown::new();
        let abort = CancellationToken::new();
        loop {
            let (stream, peer) = tokio::select! {
                () = stop.cancelled() => break,
                accepted = self.listener.accept() => match accepted {
                    Ok(accepted) => accepted,
                    Err(error) => {
                        // Probably out of file descriptors: wait for some to close.
                        tracing::warn!(%error, "a connection was not accepted");
                        tokio::time::sleep(Duration::from_millis(50)).await;
                        continue;
                    }
                },
            };
            // A connection without a permit is closed by dropping it.
            if let Some(permit) = self.connections.admit(peer.ip()) {
                let router = router.clone();
                let connection = Connection {
                    stream,
                    peer: peer.ip(),
                    proxies: Arc::clone(&self.proxies),
                    permit,
                    timeouts: self.timeouts,
                    abort: abort.clone(),
                };
                connection.serve(&builder, router, &watched);
            }
        }
        drop(self.listener);
        let deadline = Instant::now() + timeout;
        if tokio::time::timeout_at(deadline, watched.shutdown())
            .await
            .is_err()
        {
            tracing::warn!("connections were still open at the end of the drain");
        }
        abort.cancel();
    }
}

fn builder(timeouts: &Timeouts) -> Builder<TokioExecutor> {
    let mut builder = Builder::new(TokioExecutor::new());
    builder
        .http1()
        .timer(TokioTimer::new())
        .max_headers(MAX_HTTP1_HEADERS)
        .header_read_timeout(timeouts.idle);
    builder
        .http2()
        .timer(TokioTimer::new())
        .keep_alive_interval(timeouts.ping_interval)
        .keep_alive_timeout(timeouts.ping)
        .max_header_list_size(MAX_HEADER_LIST)
        .initial_stream_window_size(WINDOW)
        .initial_connection_window_size(2 * WINDOW);
    builder
}

/// An accepted connection.
struct Connection {
    stream: TcpStream,
    peer: IpAddr,
    proxies: Arc<TrustedProxies>,
    permit: Permit,
    timeouts: Timeouts,
    abort: CancellationToken,
}

impl Connection {
    fn serve(self, builder: &Builder<TokioExecutor>, router: Router, watched: &GracefulShutdown) {
        let Self {
            stream,
            peer,
            proxies,
            permit,
            timeouts,
            abort,
        } = self;
        // Responses are written whole, so waiting to fill packets would only delay them.
        if let Err(error) = stream.set_nodelay(true) {
            tracing::debug!(%error, "cannot set TCP_NODELAY");
        }
        let established = CancellationToken::new();
        let service = {
            let established = established.clone();
            let router = RequestBodyTimeout::new(router, timeouts.body_pause);
            RequestBodyDeadline::new(router, timeouts.body).map_request(
                move |mut request: Request<Incoming>| {
                    established.cancel();
                    let forwarded = request.headers().get_all(FORWARDED_FOR).iter();
                    let forwarded = forwarded.filter_map(|value| value.to_str().ok());
                    let caller = ClientAddress(proxies.caller(peer, forwarded));
                    request.extensions_mut().insert(caller);
                    request
                },
            )
        };
        let stream = Stream::new(stream, timeouts.write, established.clone());
        let connection = builder
            .serve_connection(TokioIo::new(stream), TowerToHyperService::new(service))
            .into_owned();
        let connection = watched.watch(connection);
        let silence = async move {
            let first = established.cancelled_owned();
            if tokio::time::timeout(timeouts.first_request, first)
                .await
                .is_ok()
            {
                std::future::pending::<()>().await;
            }
        };
        tokio::spawn(async move {
            let _permit = permit;
            tokio::select! {
                result = connection => if let Err(error) = result {
                    // Not a warning: clients may disconnect at any time.
                    tracing::debug!(%error, "a connection failed");
                },
                () = silence => tracing::debug!("a connection sent no request in time"),
                () = abort.cancelled() => {}
            }
        });
    }
}

#[cfg(test)]
pub(crate) mod tests;
