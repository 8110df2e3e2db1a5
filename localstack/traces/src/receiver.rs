//! An HTTP server for OTLP trace exports.

use std::{convert::Infallible, net::SocketAddr, sync::Arc, thread::JoinHandle};

use bytes::Bytes;
use http_body_util::{BodyExt as _, Full, Limited};
use hyper::{
    Method, Request, Response, StatusCode,
    body::Incoming,
    header::{CONTENT_ENCODING, CONTENT_TYPE},
    server::conn::http1,
    service::service_fn,
};
use hyper_util::rt::TokioIo;
use prost::Message as _;
use tokio::net::TcpListener;
use tokio_util::sync::CancellationToken;

use crate::ExportTraceServiceRequest;

/// The path that traces are posted to (OTLP/HTTP).
pub const TRACES_PATH: &str = "/v1/traces";

const PROTOBUF: &str = "application/x-protobuf";

/// Maximum request size in bytes. A batch of 512 spans is about 300 KB.
const MAX_BYTES: usize = 16 * 1024 * 1024;

type Handler = dyn Fn(ExportTraceServiceRequest) + Send + Sync;

/// A server on a thread of its own; dropping it stops the server.
pub struct Receiver {
    address: SocketAddr,
    stop: CancellationToken,
    thread: Option<JoinHandle<()>>,
}

impl Receiver {
    /// Listens on `address` (port 0 picks a free port) and passes each request to `handler`.
    ///
    /// # Errors
    ///
    /// The port is in use, or the thread can't be started.
    pub fn start(
        address: SocketAddr,
        handler: impl Fn(ExportTraceServiceRequest) + Send + Sync + 'static,
    ) -> std::io::Result<Self> {
        // Bound outside tokio because the caller may be inside another runtime.
        let listener = std::net::TcpListener::bind(address)?;
        listener.set_nonblocking(true)?;
        let address = listener.local_addr()?;
        let runtime = tokio::runtime::Builder::new_current_thread()
            .enable_all()
            .build()?;
        let stop = CancellationToken::new();
        let stopped = stop.clone();
        let handler: Arc<Handler> = Arc::new(handler);
        let thread = std::thread::Builder::new()
            .name("otlp".to_owned())
            .spawn(move || runtime.block_on(serve(listener, handler, stopped)))?;
        Ok(Self {
            address,
            stop,
            thread: Some(thread),
        })
    }

    /// The address it listens on.
    pub fn address(&self) -> SocketAddr {
        self.address
    }
}

impl Drop for Receiver {
    fn drop(&mut self) {
        self.stop.cancel();
        if let Some(thread) = self.thread.take() {
            // Returns at once: open connections are dropped.
            let _ended = thread.join();
        }
    }
}

async fn serve(listener: std::net::TcpListener, handler: Arc<Handler>, stop: CancellationToken) {
    // Fails only outside a runtime or on a blocking listener.
    let Ok(listener) = TcpListener::from_std(listener) else {
        return;
    };
    loop {
        let stream = tokio::select! {
            () = stop.cancelled() => return,
            accepted = listener.accept() => match accepted {
                Ok((stream, _)) => stream,
                Err(_) => continue,
            },
        };
        let handler = Arc::clone(&handler);
        let service = service_fn(move |request| {
            let handler = Arc::clone(&handler);
            async move { Ok::<_, Infallible>(answer(request, &*handler).await) }
        });
        let connection = http1::Builder::new().serve_connection(TokioIo::new(stream), service);
        tokio::spawn(connection);
    }
}

async fn answer(request: Request<Incoming>, handler: &Handler) -> Response<Full<Bytes>> {
    let (status, why) = match receive(request, handler).await {
        // An empty message means that every span was accepted.
        Ok(()) => (StatusCode::OK, ""),
        Err(refusal) => refusal,
    };
    let mut response = Response::new(Full::from(why));
    *response.status_mut() = status;
    let kind = if status == StatusCode::OK {
        PROTOBUF
    } else {
        "text/plain"
    };
    response
        .headers_mut()
        .insert(CONTENT_TYPE, hyper::header::HeaderValue::from_static(kind));
    response
}

async fn receive(
    request: Request<Incoming>,
    handler: &Handler,
) -> Result<(), (StatusCode, &'static str)> {
    if request.uri().path() != TRACES_PATH {
        return Err((StatusCode::NOT_FOUND, "only /v1/traces exists"));
    }
    if request.method() != Method::POST {
        return Err((StatusCode::METHOD_NOT_ALLOWED, "use POST"));
    }
    let header = |name| request.headers().get(name)?.to_str().ok();
    if header(CONTENT_TYPE) != Some(PROTOBUF) || header(CONTENT_ENCODING).is_some() {
        return Err((
            StatusCode::UNSUPPORTED_MEDIA_TYPE,
            "send uncompressed application/x-protobuf",
        ));
    }
    let body = Limited::new(request.into_body(), MAX_BYTES)
        .collect()
        .await
        .map_err(|_| {
            (
                StatusCode::BAD_REQUEST,
                "the body is incomplete or too large",
            )
        })?
        .to_bytes();
    let request = ExportTraceServiceRequest::decode(body).map_err(|_| {
        (
            StatusCode::BAD_REQUEST,
            "the body isn't an OTLP trace request",
        )
    })?;
    handler(request);
    Ok(())
}

#[cfg(test)]
mod tests {
    use std::{
        io::{Read as _, Write as _},
        net::TcpStream,
        sync::mpsc,
    };

    use super::*;

    fn post(address: SocketAddr, path: &str, kind: &str, body: &[u8]) -> String {
        let mut stream = TcpStream::connect(address).unwrap();
        let head = format!(
            "POST {path} HTTP/1.1\r\nhost: h\r\nconnection: close\r\ncontent-type: {kind}\r\n\
             content-length: {}\r\n\r\n",
            body.len()
        );
        stream.write_all(head.as_bytes()).unwrap();
        stream.write_all(body).unwrap();
        let mut answer = String::new();
        stream.read_to_string(&mut answer).unwrap();
        answer.lines().next().unwrap_or_default().to_owned()
    }

    #[test]
    fn spans_are_received_and_anything_else_is_refused() {
        let (sender, receiver) = mpsc::channel();
        let server = Receiver::start(([127, 0, 0, 1], 0).into(), move |request| {
            sender.send(request).unwrap();
        })
        .unwrap();
        let address = server.address();
        let request = crate::span::tests::request();
        let body = request.encode_to_vec();
        let status = |path, kind, body| post(address, path, kind, body);
        assert!(status(TRACES_PATH, PROTOBUF, &body).contains(" 200 "));
        assert_eq!(receiver.recv().unwrap(), request);
        assert!(status("/v1/logs", PROTOBUF, &body).contains(" 404 "));
        assert!(status(TRACES_PATH, "application/json", b"{}").contains(" 415 "));
        assert!(status(TRACES_PATH, PROTOBUF, b"\xff\xff").contains(" 400 "));
        assert!(receiver.try_recv().is_err());
        drop(server);
        assert!(TcpStream::connect(address).is_err());
    }
}
