//! Malformed requests: bodies that aren't JSON, and unknown routes.

use anyhow::{Context as _, Result, ensure};
use serde_json::Value;
use trichrome_proto::{
    contract::{OPERATIONS, Operation},
    error::ErrorCode,
    wire::header::{AUTHORIZATION, REQUEST_ID, TRACEPARENT},
};
use trichrome_tests::{
    call_logs, clients::http::Answer, harness::Suite, request::traceparent, scenario::Scenario,
    stored::Amount, transport::Transport,
};
use uuid::Uuid;

pub(crate) fn add(suite: &mut Suite) {
    let http = Transport::ALL.map(|transport| transport.has_paths().then_some(transport));
    let http: Vec<_> = http.into_iter().flatten().collect();
    suite.over(&http, "bad_bodies::only_json_objects_are_accepted", bodies);
    suite.over(&http, "bad_bodies::a_refused_body_is_logged", logged);
    suite.over(
        &http,
        "bad_bodies::a_parameter_given_twice_is_refused",
        twice,
    );
    suite.over(
        &http,
        "bad_routes::unknown_paths_and_methods_are_refused",
        routes,
    );
    suite.once("bad_routes::an_unknown_transport_is_refused", transports);
}

/// Checks that a response is an error of the contract.
fn is_error(answer: &Answer, code: ErrorCode, saying: &str) -> Result<()> {
    let text = answer.start();
    ensure!(answer.status == code.http(), "{} {text}", answer.status);
    let sniffing = answer.header("x-content-type-options");
    ensure!(
        sniffing == "nosniff",
        "x-content-type-options: {sniffing:?}"
    );
    let body: Value = answer.json()?;
    let error = &body["error"];
    ensure!(error["code"] == code.as_str(), "{text}");
    let message = error["message"].as_str().unwrap_or_default();
    ensure!(
        message.contains(saying),
        "the message {message:?} doesn't contain {saying:?}"
    );
    let id = answer.header(REQUEST_ID);
    ensure!(
        !id.is_empty() && error["request_id"] == id,
        "{text}, with x-request-id {id:?}"
    );
    Ok(())
}

/// A path of an operation, with ids that don't exist.
fn some_path(operation: &Operation) -> String {
    let path = operation.http.path.to_owned();
    operation.http.path_parameters().fold(path, |path, name| {
        path.replace(&format!("{{{name}}}"), &Uuid::new_v4().to_string())
    })
}

async fn bodies(run: Scenario) -> Result<()> {
    let account = run.account().await?;
    let stack = run.stack();
    let base = run.transport().base_url(stack).unwrap_or_default();
    let authorization = format!("Bearer {}", account.token);
    let headers = [
        (AUTHORIZATION, authorization.as_str()),
        ("content-type", "application/json"),
    ];
    let deep = "{\"a\":".repeat(100_000);
    let utf16: Vec<u8> = "{}".encode_utf16().flat_map(u16::to_le_bytes).collect();
    let bad: [(&[u8], &str); 13] = [
        (b"", "empty"),
        (b"  \n", "empty"),
        (b"not json", "not JSON"),
        (b"{\"username\":", "not JSON"),
        (b"[1,2]", "object"),
        (b"\"text\"", "object"),
        (b"null", "object"),
        (b"{\"username\":\"\xFF\xFE\"}", "not UTF-8"),
        (b"{\"username\":\"\xE9\"}", "not UTF-8"),
        (b"\xFF\xFE{\0}\0", "UTF-16"),
        (&utf16, "UTF-16"),
        (b"\x1F\x8B\x08\0", "gzip"),
        (deep.as_bytes(), "not JSON"),
    ];
    for operation in OPERATIONS.iter().filter(|operation| operation.http.body) {
        let url = format!("{base}{}", some_path(operation));
        for (body, saying) in bad {
            // API Gateway without binary media types replaces what isn't UTF-8.
            if is_replaced(&run, body) {
                continue;
            }
            let answer = stack
                .http
                .send(operation.http.method, &url, &headers, body.to_vec())
                .await?;
            is_error(&answer, ErrorCode::InvalidArgument, saying).with_context(|| {
                let start: String = String::from_utf8_lossy(body).chars().take(20).collect();
                format!("{} with the body {start:?}", operation.http.path)
            })?;
        }
    }
    stack.stored.holds(&account.id, Amount::NOTHING).await
}

/// Whether API Gateway changes this body before a function gets it.
fn is_replaced(run: &Scenario, body: &[u8]) -> bool {
    let deployed = run.stack().description.is_deployed();
    deployed && run.transport() == Transport::Rest && std::str::from_utf8(body).is_err()
}

/// A call that is refused because of its body is logged too.
async fn logged(run: Scenario) -> Result<()> {
    let account = run.account().await?;
    let stack = run.stack();
    let base = run.transport().base_url(stack).unwrap_or_default();
    let authorization = format!("Bearer {}", account.token);
    let trace = Uuid::new_v4();
    let traceparent = traceparent(trace);
    let headers = [
        (AUTHORIZATION, authorization.as_str()),
        ("content-type", "application/json"),
        (TRACEPARENT, traceparent.as_str()),
    ];
    let url = format!("{base}/analytics");
    let answer = stack.http.send("POST", &url, &headers, "not json").await?;
    is_error(&answer, ErrorCode::InvalidArgument, "not JSON")?;
    let log = call_logs::one(&stack.postgres, trace).await?;
    let expected = (run.transport().logged_as(), "LogData", 400);
    let got = (log.transport.as_str(), log.method.as_str(), log.status);
    ensure!(got == expected, "logged as {got:?}, expected {expected:?}");
    Ok(())
}

async fn twice(run: Scenario) -> Result<()> {
    let account = run.account().await?;
    let stack = run.stack();
    let base = run.transport().base_url(stack).unwrap_or_default();
    let authorization = format!("Bearer {}", account.token);
    let headers = [(AUTHORIZATION, authorization.as_str())];
    let url = format!("{base}/pictures?limit=1&limit=2");
    let answer = stack.http.send("GET", &url, &headers, "").await?;
    is_error(&answer, ErrorCode::InvalidArgument, "limit")
}

async fn routes(run: Scenario) -> Result<()> {
    let account = run.account().await?;
    let stack = run.stack();
    let base = run.transport().base_url(stack).unwrap_or_default();
    let authorization = format!("Bearer {}", account.token);
    let headers = [(AUTHORIZATION, authorization.as_str())];
    for (method, path, code) in [
        ("GET", "/nowhere", ErrorCode::NotFound),
        ("GET", "/pictures/", ErrorCode::NotFound),
        ("GET", "/pictures/a/b", ErrorCode::NotFound),
        ("PUT", "/pictures", ErrorCode::MethodNotAllowed),
        ("DELETE", "/login", ErrorCode::MethodNotAllowed),
        // Not a user of that id.
        (
            "GET",
            "/users/validate-password",
            ErrorCode::MethodNotAllowed,
        ),
        (
            "PATCH",
            "/users/0190b6a0-1234-7000-8000-000000000001",
            ErrorCode::MethodNotAllowed,
        ),
    ] {
        let url = format!("{base}{path}");
        let answer = stack.http.send(method, &url, &headers, "").await?;
        let what = || format!("{method} {path}");
        if run.transport() == Transport::Rest && stack.description.is_deployed() {
            // API Gateway returns the same error for both: the template's or its own.
            let status = answer.status;
            ensure!(
                [403, 404].contains(&status),
                "{}: {status} {}",
                what(),
                answer.start()
            );
            continue;
        }
        is_error(&answer, code, "").with_context(what)?;
        if code == ErrorCode::MethodNotAllowed {
            let allow = answer.header("allow");
            ensure!(
                !allow.is_empty() && !allow.contains(method),
                "{}: allow {allow:?}",
                what()
            );
        }
    }
    Ok(())
}

async fn transports(run: Scenario) -> Result<()> {
    let stack = run.stack();
    for path in [
        "/pigeon/login",
        "/kafka/login",
        "/REST/login",
        "/rest",
        "/events/",
    ] {
        let url = format!("{}{path}", stack.description.gateway_url);
        let answer = stack.http.send("POST", &url, &[], "{}").await?;
        is_error(&answer, ErrorCode::NotFound, "").context(path)?;
    }
    Ok(())
}
