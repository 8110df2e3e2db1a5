//! A client of the contract's REST binding, for the REST API and the facade.

use anyhow::{Context as _, Result, ensure};
use serde_json::Value;
use trichrome_proto::{
    binding,
    wire::{
        header::{REQUEST_ID, RETRY_AFTER, USER_ID, XRAY_TRACE},
        media::Form,
    },
};

use super::http::Http;
use crate::{reply::Reply, request::Outgoing};

/// Sends a call. With `two_versions`, the answer may be one of version 0.1.
pub(crate) async fn call(
    http: &Http,
    base: &str,
    call: Outgoing,
    two_versions: bool,
) -> Result<Reply> {
    let headers = call.headers();
    let operation = call.operation;
    let mut args = call.args;
    let target = binding::take_target(operation, Form::Json, &mut args)
        .context("the test's arguments don't fit an HTTP request")?;
    let mut url = format!("{base}{}", target.path);
    if !target.query.is_empty() {
        url = format!("{url}?{}", target.query_string());
    }
    let mut headers: Vec<_> = headers.iter().map(|(n, v)| (*n, v.as_str())).collect();
    let mut body = String::new();
    if operation.http.body {
        headers.push(("content-type", "application/json"));
        body = Value::Object(args).to_string();
    }
    let method = operation.http.method;
    let answer = http.send(method, &url, &headers, body).await?;
    let request_id = answer.header(REQUEST_ID).to_owned();
    for private in [USER_ID, XRAY_TRACE] {
        ensure!(
            answer.headers.get(private).is_none(),
            "the response reveals {private}: {}",
            answer.header(private)
        );
    }
    let sniffing = answer.header("x-content-type-options");
    ensure!(
        two_versions || sniffing == "nosniff",
        "{method} {url}: {sniffing:?}"
    );
    if answer.status >= 400 {
        let wait = answer.header(RETRY_AFTER);
        let reply = Reply::failure(answer.status, &answer.body, request_id)?;
        return Ok(reply.retry_after(Some(wait)));
    }
    if operation.output.is_empty() {
        ensure!(
            answer.body.is_empty(),
            "unexpected body: {}",
            answer.start()
        );
    } else {
        let kind = answer.header("content-type");
        ensure!(
            kind.starts_with("application/json"),
            "the content type is {kind:?}"
        );
    }
    let message = binding::join_response(operation, &answer.body, |name| {
        Some(answer.header(name).to_owned())
    })
    .with_context(|| format!("the response isn't JSON: {}", answer.start()))?;
    Reply::success(operation, answer.status, message, request_id)
}
