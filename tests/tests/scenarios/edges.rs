//! What the gateway's ports do with heads, paths and connections that no usual client sends.

use std::time::Duration;

use anyhow::{Context as _, Result, ensure};
use serde_json::Value;
use tokio::{
    io::{AsyncReadExt as _, AsyncWriteExt as _},
    net::TcpStream,
    task::JoinSet,
    time::timeout,
};
use tonic::{Code, metadata::MetadataKey};
use trichrome_proto::{
    error::ErrorCode,
    users::{GetUserDataRequest, users_client::UsersClient},
    wire::{
        header::{AUTHORIZATION, IDEMPOTENCY_KEY},
        metadata,
    },
};
use trichrome_tests::{account::Account, harness::Suite, scenario::Scenario, transport::Transport};

/// Headers over the limit, within what the protocols' own limits let through.
const LARGE: usize = 16_000;

/// Longer than the time that a connection has for its first request.
const CLOSED_BY: Duration = Duration::from_secs(40);

const FACADE: [Transport; 3] = [
    Transport::FacadeRest,
    Transport::FacadeGrpc,
    Transport::FacadeEvents,
];

pub(crate) fn add(suite: &mut Suite) {
    suite.each("edges::a_large_token_is_refused", token);
    suite.over(&FACADE, "edges::a_large_head_is_refused", facade_heads);
    suite.once("edges::large_metadata_is_refused", grpc_heads);
    suite.over(&FACADE, "edges::strange_paths_are_refused", paths);
    suite.over(&FACADE, "edges::head_is_served_where_get_is", head);
    suite.once("edges::silent_connections_are_closed", silence);
    suite.once("edges::long_names_are_not_found", long_names);
}

fn base(run: &Scenario) -> String {
    run.transport().base_url(run.stack()).unwrap_or_default()
}

fn bearer(account: &Account) -> String {
    format!("Bearer {}", account.token)
}

async fn token(run: Scenario) -> Result<()> {
    let account = run.account().await?;
    let large = "a".repeat(LARGE);
    let call = || run.call("users-get", serde_json::json!({"user_id": account.id}));
    let reply = call()?.token(&large).send().await?;
    reply.refused(ErrorCode::HeadersTooLarge)?;
    call()?.by(&account).send().await?.ok()?;
    // API Gateway refuses it itself, without a call log. MiniStack passes it on.
    if run.transport() == Transport::Rest && !run.stack().description.is_deployed() {
        return Ok(());
    }
    run.all_logged().await
}

async fn facade_heads(run: Scenario) -> Result<()> {
    let account = run.account().await?;
    let http = &run.stack().http;
    let large = "a".repeat(LARGE);
    let authorization = bearer(&account);
    let url = format!("{}/users/{}", base(&run), account.id);
    for name in [AUTHORIZATION, IDEMPOTENCY_KEY, "x-any"] {
        let answer = http.send("GET", &url, &[(name, &large)], "").await?;
        let error: Value = answer.json()?;
        let code = ErrorCode::HeadersTooLarge;
        ensure!(answer.status == code.http(), "{name}: {}", answer.status);
        ensure!(error["error"]["code"] == code.as_str(), "{name}: {error}");
        // On the same connection, as the client keeps it.
        let headers = [(AUTHORIZATION, authorization.as_str())];
        let answer = http.send("GET", &url, &headers, "").await?;
        ensure!(answer.status == 200, "{name}, then {}", answer.status);
    }
    let many: Vec<_> = (0..150).map(|i| format!("x-{i}")).collect();
    let mut headers: Vec<_> = many.iter().map(|name| (name.as_str(), "a")).collect();
    headers.push((AUTHORIZATION, &authorization));
    let answer = http.send("GET", &url, &headers, "").await?;
    ensure!(answer.status == 431, "many headers: {}", answer.status);
    let answer = http
        .send("GET", &format!("{url}?a={large}"), &headers[150..], "")
        .await?;
    ensure!(answer.status == 431, "a long query: {}", answer.status);
    Ok(())
}

async fn grpc_heads(run: Scenario) -> Result<()> {
    let account = run.account().await?;
    let large = "a".repeat(LARGE);
    let mut client = UsersClient::new(run.stack().grpc.channel());
    let request = || {
        tonic::Request::new(GetUserDataRequest {
            user_id: account.id.clone(),
        })
    };
    for name in [AUTHORIZATION, IDEMPOTENCY_KEY, "x-any"] {
        let mut refused = request();
        let key = MetadataKey::from_static(name);
        refused.metadata_mut().insert(key, large.parse()?);
        let Err(status) = client.get_user_data(refused).await else {
            anyhow::bail!("{name} is served");
        };
        ensure!(status.code() == Code::ResourceExhausted, "{name}: {status}");
        let code = status.metadata().get(metadata::ERROR_CODE);
        let expected = ErrorCode::HeadersTooLarge.as_str();
        ensure!(code.is_some_and(|code| code == expected), "{status:?}");
        let mut next = request();
        let key = MetadataKey::from_static(AUTHORIZATION);
        next.metadata_mut().insert(key, bearer(&account).parse()?);
        client.get_user_data(next).await?;
    }
    Ok(())
}

async fn paths(run: Scenario) -> Result<()> {
    let account = run.account().await?;
    let authorization = bearer(&account);
    let headers = [(AUTHORIZATION, authorization.as_str())];
    for path in [
        "/pictures/%00",
        "/pictures/%ff%fe",
        "/pictures/%",
        "/pictures/%zz",
        "/pictures/a%2fb",
        "/pictures/%3f%23",
        "/pictures/%0d%0ax-a:%20b",
        "/users/%F0%9F%98%80",
        "/users?username=%ff%fe%00",
        "/users?&&==&",
        "/analytics?limit=%00",
        "//pictures",
    ] {
        for method in ["GET", "DELETE", "POST"] {
            let url = format!("{}{path}", base(&run));
            let answer = run.stack().http.send(method, &url, &headers, "").await?;
            let status = answer.status;
            ensure!(
                (400..500).contains(&status),
                "{method} {path}: {status} {}",
                answer.start()
            );
            let code = &answer.json()?["error"]["code"];
            ensure!(code.is_string(), "{method} {path}: {}", answer.start());
        }
    }
    Ok(())
}

async fn head(run: Scenario) -> Result<()> {
    let account = run.account().await?;
    let authorization = bearer(&account);
    let headers = [(AUTHORIZATION, authorization.as_str())];
    let url = format!("{}/users/{}", base(&run), account.id);
    let http = &run.stack().http;
    let get = http.send("GET", &url, &headers, "").await?;
    let head = http.send("HEAD", &url, &headers, "").await?;
    ensure!(head.status == get.status, "{} {}", head.status, get.status);
    ensure!(head.body.is_empty(), "{}", head.start());
    let length = head.header("content-length");
    ensure!(length == get.body.len().to_string(), "length {length:?}");
    let url = format!("{}/users/validate-password", base(&run));
    let get = http.send("GET", &url, &headers, "").await?;
    let allow = get.header("allow");
    ensure!(
        get.status == 405 && allow == "POST",
        "{} {allow}",
        get.status
    );
    Ok(())
}

/// Waits until the server closes the connection.
async fn closes(mut stream: TcpStream) -> Result<()> {
    let mut bytes = Vec::new();
    // A reset connection is closed, too.
    let _closed = timeout(CLOSED_BY, stream.read_to_end(&mut bytes))
        .await
        .context("a silent connection is still open")?;
    Ok(())
}

async fn silence(run: Scenario) -> Result<()> {
    let account = run.account().await?;
    let description = &run.stack().description;
    let mut open = JoinSet::new();
    for url in [&description.gateway_url, &description.grpc_url] {
        let address = url.trim_start_matches("http://").trim_end_matches('/');
        for beginning in [
            &b""[..],
            b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n",
            b"GET / HTTP/1.1\r\nhost",
        ] {
            for _ in 0..50 {
                let mut stream = TcpStream::connect(address).await?;
                stream.write_all(beginning).await?;
                open.spawn(closes(stream));
            }
        }
    }
    for transport in [Transport::FacadeRest, Transport::Grpc] {
        let args = serde_json::json!({"user_id": account.id});
        let call = run.call_over(transport, "users-get", args)?;
        call.by(&account).send().await?.ok()?;
    }
    while let Some(closed) = open.join_next().await {
        closed??;
    }
    Ok(())
}

async fn long_names(run: Scenario) -> Result<()> {
    let description = &run.stack().description;
    let http = &run.stack().http;
    for name in ["a".repeat(256), "a".repeat(5_000), "%e2%82%ac".repeat(100)] {
        for base in [&description.gateway_url, &description.admin_url] {
            let answer = http.get(&format!("{base}/{name}")).await?;
            ensure!(answer.status == 404, "{base}: {}", answer.status);
        }
    }
    // The operator's pages aren't where callers are.
    for path in ["/metrics", "/debug/pprof/heap"] {
        let answer = http
            .get(&format!("{}{path}", description.gateway_url))
            .await?;
        ensure!(answer.status == 404, "{path}: {}", answer.status);
    }
    Ok(())
}
