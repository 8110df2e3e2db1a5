//! The REST API as HTTP: request sizes, encodings, and methods that no operation has.

use anyhow::{Context as _, Result, bail, ensure};
use serde_json::json;
use tokio::{
    io::{AsyncBufReadExt as _, AsyncReadExt as _, AsyncWriteExt as _, BufReader},
    net::TcpStream,
    time::{Duration, timeout},
};
use trichrome_proto::{
    contract::OPERATIONS,
    wire::header::{AUTHORIZATION, IDEMPOTENCY_KEY},
};
use trichrome_tests::{harness::Suite, images::Format, scenario::Scenario, transport::Transport};

use crate::pictures::upload;

/// How long one response may take.
const PATIENCE: Duration = Duration::from_secs(20);

pub(crate) fn add(suite: &mut Suite) {
    let http = Transport::ALL.map(|transport| transport.has_paths().then_some(transport));
    let http: Vec<_> = http.into_iter().flatten().collect();
    suite.over(&http, "rest_api::other_encodings_are_refused", encodings);
    suite.over(&http, "rest_api::head_is_get_without_a_body", head);
    suite.over(
        &[Transport::Rest],
        "rest_api::a_large_head_leaves_the_connection_open",
        large_heads,
    );
    suite.over(&[Transport::Rest], "rest_api::pages_may_call", cors);
}

/// JSON is UTF-8 (RFC 8259, section 8.1), and no transport decompresses a body.
async fn encodings(run: Scenario) -> Result<()> {
    let stack = run.stack();
    if run.transport() == Transport::Rest && stack.description.is_deployed() {
        // API Gateway without binary media types replaces what isn't UTF-8.
        return Ok(());
    }
    let account = run.account().await?;
    let base = run.transport().base_url(stack).unwrap_or_default();
    let authorization = format!("Bearer {}", account.token);
    let text = r#"{"username":"é","password":"é","title":"é"}"#;
    let utf16: Vec<u8> = "\u{feff}"
        .encode_utf16()
        .chain(text.encode_utf16())
        .flat_map(u16::to_le_bytes)
        .collect();
    let latin1: Vec<u8> = text.chars().map(|c| c as u32 as u8).collect();
    // A gzip member with a stored block (RFC 1952, RFC 1951), its checksum left out.
    let gzip = b"\x1f\x8b\x08\0\0\0\0\0\0\x03\x01\x02\0\xfd\xff{}".to_vec();
    for operation in OPERATIONS.iter().filter(|operation| operation.http.body) {
        let path = operation.http.path.to_owned();
        let path = operation.http.path_parameters().fold(path, |path, name| {
            path.replace(&format!("{{{name}}}"), &account.id)
        });
        let url = format!("{base}{path}");
        for (what, body, coding) in [
            ("UTF-16", &utf16, "identity"),
            ("Latin-1", &latin1, "identity"),
            ("gzip", &gzip, "gzip"),
            ("unannounced gzip", &gzip, "identity"),
        ] {
            let headers = [
                (AUTHORIZATION, authorization.as_str()),
                ("content-type", "application/json"),
                ("content-encoding", coding),
            ];
            let method = operation.http.method;
            let answer = stack.http.send(method, &url, &headers, body.clone());
            let answer = answer.await?;
            ensure!(
                (400..500).contains(&answer.status) && answer.json()?["error"]["code"].is_string(),
                "{what} to {}: {} {}",
                operation.http.path,
                answer.status,
                answer.start()
            );
        }
    }
    Ok(())
}

/// RFC 9110, section 9.3.2.
async fn head(run: Scenario) -> Result<()> {
    let stack = run.stack();
    if run.transport() == Transport::Rest && stack.description.is_deployed() {
        // The template has no routes for HEAD.
        return Ok(());
    }
    let account = run.account().await?;
    let picture = upload(&run, &account, &Format::Png.tiny(), "a head").await?;
    let base = run.transport().base_url(stack).unwrap_or_default();
    let authorization = format!("Bearer {}", account.token);
    let headers = [(AUTHORIZATION, authorization.as_str())];
    let id = picture["id"].as_str().context("an id")?;
    for (path, status) in [
        ("/pictures".to_owned(), 200),
        (format!("/pictures/{id}"), 200),
        (format!("/users/{}", account.id), 200),
        ("/login".to_owned(), 405),
        ("/nowhere".to_owned(), 404),
    ] {
        let url = format!("{base}{path}");
        let answer = stack.http.send("HEAD", &url, &headers, "").await?;
        ensure!(
            answer.status == status && answer.body.is_empty(),
            "HEAD {path}: {} and {} bytes",
            answer.status,
            answer.body.len()
        );
        ensure!(
            answer
                .header("content-type")
                .starts_with("application/json"),
            "HEAD {path}: {:?}",
            answer.headers
        );
    }
    Ok(())
}

/// One connection of HTTP/1.1 that stays open.
struct Connection(BufReader<TcpStream>);

impl Connection {
    async fn open(url: &str) -> Result<Self> {
        let address = url.strip_prefix("http://").context("an http URL")?;
        Ok(Self(BufReader::new(TcpStream::connect(address).await?)))
    }

    /// Sends a GET request and reads the response; its status.
    async fn get(&mut self, path: &str, headers: &[(&str, &str)]) -> Result<u16> {
        let exchange = timeout(PATIENCE, self.exchange(path, headers));
        exchange.await.context("no response in time")?
    }

    async fn exchange(&mut self, path: &str, headers: &[(&str, &str)]) -> Result<u16> {
        let mut request = format!("GET {path} HTTP/1.1\r\nhost: localhost\r\n");
        for (name, value) in headers {
            request.push_str(&format!("{name}: {value}\r\n"));
        }
        request.push_str("\r\n");
        self.0.get_mut().write_all(request.as_bytes()).await?;
        let (mut status, mut length) = (None, 0);
        loop {
            let mut line = String::new();
            if self.0.read_line(&mut line).await? == 0 {
                bail!("the connection was closed");
            }
            let line = line.trim_end().to_ascii_lowercase();
            if line.is_empty() {
                break;
            }
            if let Some(text) = line.strip_prefix("http/1.1 ") {
                status = text.get(..3).and_then(|text| text.parse().ok());
            } else if let Some(text) = line.strip_prefix("content-length: ") {
                length = text.parse()?;
            }
        }
        self.0.read_exact(&mut vec![0; length]).await?;
        status.context("no status")
    }
}

async fn large_heads(run: Scenario) -> Result<()> {
    let stack = run.stack();
    if stack.description.is_deployed() {
        // MiniStack has other limits than API Gateway.
        return Ok(());
    }
    let account = run.account().await?;
    let token = format!("Bearer {}", account.token);
    let by_account = [(AUTHORIZATION, token.as_str())];
    let mut connection = Connection::open(&stack.description.rest_url).await?;
    let large = "k".repeat(16_000);
    let bearer = format!("Bearer {large}");
    let long = format!("/{}", "a".repeat(256));
    let longest = format!("/{large}");
    for (path, headers) in [
        ("/pictures", vec![(AUTHORIZATION, bearer.as_str())]),
        ("/pictures", vec![by_account[0], (IDEMPOTENCY_KEY, &*large)]),
        (&*long, vec![]),
        (&*longest, vec![]),
    ] {
        let what = format!("{} bytes of path, {} headers", path.len(), headers.len());
        let status = connection.get(path, &headers).await.context(what.clone())?;
        ensure!((400..500).contains(&status), "{what}: {status}");
        let status = connection.get("/pictures", &by_account).await;
        let status = status.with_context(|| format!("after {what}"))?;
        ensure!(status == 200, "after {what}: {status}");
    }
    Ok(())
}

/// Pages of any origin may call the REST API: there are no cookies, and another page has no token.
async fn cors(run: Scenario) -> Result<()> {
    let stack = run.stack();
    if stack.description.is_deployed() {
        return Ok(());
    }
    let base = &stack.description.rest_url;
    let preflight = [
        ("origin", "https://example.com"),
        ("access-control-request-method", "POST"),
        ("access-control-request-headers", "content-type"),
    ];
    let url = format!("{base}/login");
    let answer = stack.http.send("OPTIONS", &url, &preflight, "").await?;
    ensure!(answer.status == 200, "{}", answer.status);
    let methods = answer.header("access-control-allow-methods");
    ensure!(methods.contains("POST"), "{methods:?}");
    let body = json!({"username": "nobody", "password": "wrong"}).to_string();
    let answers = [
        stack.http.send("POST", &url, &[], body).await?,
        stack.http.get(&format!("{base}/nowhere")).await?,
    ];
    let allowed = if stack.description.is_deployed() {
        // The template's WebOrigin.
        stack
            .description
            .gateway_url
            .replace("127.0.0.1", "localhost")
    } else {
        "*".to_owned()
    };
    for answer in answers {
        let origin = answer.header("access-control-allow-origin");
        ensure!(origin == allowed, "{}: {origin:?}", answer.status);
    }
    Ok(())
}
