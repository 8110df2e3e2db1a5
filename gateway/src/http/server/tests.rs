//! Tests of the server on real sockets, with short timeouts.

use axum::{body::Bytes, routing::get};
use http_body_util::{BodyExt as _, Empty};
use hyper::body::Frame;
use tokio::io::{AsyncReadExt, AsyncWriteExt};

use super::{connections::Caps, *};
use crate::ops::metrics::{Metrics, Port};

const PREFACE: &[u8] = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n";

/// An empty SETTINGS frame (RFC 9113, section 6.5).
const SETTINGS: &[u8] = &[0, 0, 0, 4, 0, 0, 0, 0, 0];

const GET: &[u8] = b"GET / HTTP/1.1\r\nhost: h\r\n\r\n";

/// Longer than any of the short timeouts.
const LONG: Duration = Duration::from_secs(10);

impl Server {
    /// A server on a free port.
    pub(crate) async fn local() -> Self {
        let caps = Caps {
            total: 100,
            per_address: 100,
        };
        let connections = Connections::new(Port::Http, caps, Arc::new(Metrics::new()));
        let address = "127.0.0.1:0".parse().unwrap();
        Self::bind(address, connections).await.unwrap()
    }
}

fn short() -> Timeouts {
    let short = Duration::from_millis(200);
    Timeouts {
        first_request: short,
        idle: short,
        body_pause: short,
        body: LONG,
        write: short,
        ping_interval: short,
        ping: short,
    }
}

/// Serves `router` with these timeouts.
async fn start(router: Router, timeouts: Timeouts) -> SocketAddr {
    let mut server = Server::local().await;
    server.timeouts = timeouts;
    let address = server.address();
    tokio::spawn(server.serve(router, CancellationToken::new(), LONG));
    address
}

fn hello() -> Router {
    Router::new().route("/", get(async || "hello"))
}

async fn connect(address: SocketAddr, bytes: &[u8]) -> TcpStream {
    let mut stream = TcpStream::connect(address).await.unwrap();
    stream.write_all(bytes).await.unwrap();
    stream
}

/// Reads until the server closes the connection.
async fn read_to_end(stream: &mut TcpStream) -> Vec<u8> {
    let mut bytes = Vec::new();
    let read = stream.read_to_end(&mut bytes);
    // A reset connection is closed, too.
    let _ = tokio::time::timeout(LONG, read)
        .await
        .expect("the connection is still open");
    bytes
}

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
async fn silent_connections_are_closed_while_others_are_served() {
    let address = start(hello(), short()).await;
    let head = [PREFACE, SETTINGS].concat();
    let beginnings: [&[u8]; 7] = [
        b"",
        b"P",
        &PREFACE[..20],
        PREFACE,
        // Alive until the first ping.
        &head,
        b"GET / HT",
        b"GET / HTTP/1.1\r\nhost: h\r\n",
    ];
    let mut silent = Vec::new();
    for beginning in beginnings.into_iter().cycle().take(70) {
        silent.push(connect(address, beginning).await);
    }
    assert!(ask(address).await.unwrap().ends_with("hello"));
    for stream in &mut silent {
        read_to_end(stream).await;
    }
}

#[tokio::test]
async fn a_head_that_arrives_byte_by_byte_is_late() {
    let address = start(hello(), short()).await;
    let (mut reader, mut writer) = connect(address, b"GET / HTTP/1.1\r\na: ")
        .await
        .into_split();
    let writing = tokio::spawn(async move {
        let mut pace = tokio::time::interval(Duration::from_millis(20));
        while writer.write_all(b"a").await.is_ok() {
            pace.tick().await;
        }
    });
    let mut bytes = Vec::new();
    let read = tokio::time::timeout(LONG, reader.read_to_end(&mut bytes));
    let _ = read.await.expect("the connection is still open");
    drop(reader);
    writing.await.unwrap();
}

#[tokio::test]
async fn an_idle_connection_is_closed_after_its_request() {
    let address = start(hello(), short()).await;
    let mut stream = connect(address, GET).await;
    let answer = read_to_end(&mut stream).await;
    assert!(String::from_utf8(answer).unwrap().ends_with("hello"));
}

#[tokio::test]
async fn a_live_http_2_connection_stays_open_without_requests() {
    let timeouts = Timeouts {
        ping: LONG,
        ..short()
    };
    let address = start(hello(), timeouts).await;
    let stream = TcpStream::connect(address).await.unwrap();
    let handshake = hyper::client::conn::http2::Builder::new(TokioExecutor::new())
        .handshake::<_, Empty<Bytes>>(TokioIo::new(stream));
    let (mut sender, mut connection) = handshake.await.unwrap();
    let ended = tokio::time::timeout(short().first_request * 4, &mut connection).await;
    assert!(ended.is_err(), "the connection ended: {ended:?}");
    tokio::spawn(connection);
    let request = Request::get(format!("http://{address}/"))
        .body(Empty::new())
        .unwrap();
    let response = sender.send_request(request).await.unwrap();
    assert_eq!(response.status(), 200);
}

/// Answers with how reading the request's body ended.
fn reads_body() -> Router {
    Router::new().fallback(async |body: axum::body::Body| match body.collect().await {
        Ok(_) => "whole",
        Err(error) if is_late(&error) => "late",
        Err(_) => "broken",
    })
}

#[tokio::test]
async fn a_body_that_stops_arriving_ends_over_http_1() {
    let timeouts = Timeouts {
        idle: LONG,
        ..short()
    };
    let address = start(reads_body(), timeouts).await;
    let head = b"POST / HTTP/1.1\r\nhost: h\r\ncontent-length: 9\r\n\r\nabc";
    let mut stream = connect(address, head).await;
    let answer = read_to_end(&mut stream).await;
    assert!(String::from_utf8(answer).unwrap().ends_with("late"));
}

#[tokio::test]
async fn a_body_that_arrives_byte_by_byte_ends() {
    let timeouts = Timeouts {
        body: short().body_pause,
        body_pause: LONG,
        idle: LONG,
        ..short()
    };
    let address = start(reads_body(), timeouts).await;
    let head = b"POST / HTTP/1.1\r\nhost: h\r\ncontent-length: 9999\r\n\r\n";
    let (mut reader, mut writer) = connect(address, head).await.into_split();
    tokio::spawn(async move {
        let mut pace = tokio::time::interval(Duration::from_millis(20));
        while writer.write_all(b"a").await.is_ok() {
            pace.tick().await;
        }
    });
    let mut bytes = [0; 1024];
    let count = tokio::time::timeout(LONG, reader.read(&mut bytes)).await;
    let count = count.expect("the body is still being read").unwrap();
    let answer = String::from_utf8_lossy(&bytes[..count]);
    assert!(answer.ends_with("late"), "{answer}");
}

#[tokio::test]
async fn a_body_that_stops_arriving_ends_over_http_2() {
    let timeouts = Timeouts {
        ping: LONG,
        ..short()
    };
    let address = start(reads_body(), timeouts).await;
    let stream = TcpStream::connect(address).await.unwrap();
    let (mut sender, connection) = hyper::client::conn::http2::Builder::new(TokioExecutor::new())
        .handshake(TokioIo::new(stream))
        .await
        .unwrap();
    tokio::spawn(connection);
    let start = Ok::<_, std::io::Error>(Frame::data(Bytes::from_static(b"abc")));
    let frames = futures::stream::once(std::future::ready(start));
    let frames = futures::StreamExt::chain(frames, futures::stream::pending());
    let body = http_body_util::StreamBody::new(frames);
    let request = Request::post(format!("http://{address}/"))
        .body(body)
        .unwrap();
    let response = sender.send_request(request).await.unwrap();
    let body = response.into_body().collect().await.unwrap().to_bytes();
    assert_eq!(&*body, b"late");
}

#[tokio::test]
async fn a_client_that_does_not_read_is_disconnected() {
    let (sender, receiver) = tokio::sync::oneshot::channel::<()>();
    // Dropped with the body, and so with the connection.
    let sender = Arc::new(std::sync::Mutex::new(Some(sender)));
    let router = Router::new().fallback(async move || {
        let sender = sender.lock().unwrap().take();
        let chunk = Bytes::from(vec![0; 1024 * 1024]);
        let chunks = futures::stream::repeat_with(move || {
            let _ = &sender;
            Ok::<_, std::io::Error>(chunk.clone())
        });
        axum::body::Body::from_stream(chunks)
    });
    let address = start(router, short()).await;
    let _stream = connect(address, GET).await;
    let closed = tokio::time::timeout(LONG, receiver).await;
    closed
        .expect("the response is still being sent")
        .unwrap_err();
}

#[tokio::test]
async fn connections_over_a_cap_are_closed_at_once() {
    let caps = Caps {
        total: 9,
        per_address: 2,
    };
    let metrics = Arc::new(Metrics::new());
    let connections = Connections::new(Port::Grpc, caps, Arc::clone(&metrics));
    let address = "127.0.0.1:0".parse().unwrap();
    let server = Server::bind(address, connections).await.unwrap();
    let address = server.address();
    tokio::spawn(server.serve(hello(), CancellationToken::new(), LONG));
    let first = connect(address, b"").await;
    let _second = connect(address, b"").await;
    let mut third = TcpStream::connect(address).await.unwrap();
    assert_eq!(read_to_end(&mut third).await, b"");
    let refused = "connections_refused_total{port=\"grpc\",reason=\"address\"} 1\n";
    let text = metrics.to_openmetrics();
    assert!(text.contains(refused), "{text}");
    drop(first);
    let served = async {
        while !ask(address).await.is_ok_and(|text| text.ends_with("hello")) {
            tokio::task::yield_now().await;
        }
    };
    tokio::time::timeout(LONG, served)
        .await
        .expect("a closed connection still counts");
}

#[tokio::test]
async fn a_request_in_progress_is_finished_and_no_new_one_accepted() {
    let server = Server::local().await;
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
    let server = Server::local().await;
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

#[tokio::test]
async fn a_request_has_its_callers_address() {
    let shown = async |request: axum::extract::Request| {
        let address = client_address(request.extensions());
        address
            .map(|address| address.to_string())
            .unwrap_or_default()
    };
    let router = Router::new().route("/", get(shown));
    for (trusted, expected) in [("", "192.0.2.1"), ("192.0.2.0/24", "203.0.113.7")] {
        let server = Server::local().await.behind(&trusted.parse().unwrap());
        let address = server.address();
        tokio::spawn(server.serve(router.clone(), CancellationToken::new(), LONG));
        let request = b"GET / HTTP/1.1\r\nhost: h\r\nconnection: close\r\n\
            x-forwarded-for: 203.0.113.7, 192.0.2.1\r\n\r\n";
        let mut stream = connect(address, request).await;
        let answer = String::from_utf8(read_to_end(&mut stream).await).unwrap();
        assert!(answer.ends_with(&format!("\r\n\r\n{expected}")), "{answer}");
    }
}
