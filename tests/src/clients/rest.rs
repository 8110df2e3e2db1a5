//! The contract's REST binding, spoken to the REST API and to the facade alike.

use anyhow::{Context as _, Result, ensure};
use trichrome_proto::binding;

use super::http::Http;
use crate::{reply::Reply, request::Outgoing};

pub(crate) async fn call(http: &Http, base: &str, call: Outgoing) -> Result<Reply> {
    let headers = call.headers();
    let operation = call.operation;
    let parts = binding::to_http(operation, call.args)
        .context("this call cannot be said over HTTP: the test's mistake")?;
    let mut url = format!("{base}{}", parts.path);
    if !parts.query.is_empty() {
        url = format!("{url}?{}", parts.query_string());
    }
    let mut headers: Vec<_> = headers.iter().map(|(n, v)| (*n, v.as_str())).collect();
    if parts.body.is_some() {
        headers.push(("content-type", "application/json"));
    }
    let method = operation.http.method;
    let answer = http
        .send(method, &url, &headers, parts.body.unwrap_or_default())
        .await?;
    let request_id = answer.header("x-request-id").to_owned();
    for private in ["trichrome-user-id", "x-amzn-trace-id"] {
        ensure!(
            answer.headers.get(private).is_none(),
            "the answer tells {private}: {}",
            answer.header(private)
        );
    }
    if answer.status >= 400 {
        return Reply::failure(answer.status, &answer.body, request_id);
    }
    if operation.output.is_empty() {
        ensure!(answer.body.is_empty(), "a body: {}", answer.start());
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
    .with_context(|| format!("the answer is not JSON: {}", answer.start()))?;
    Reply::success(operation, answer.status, message, request_id)
}
