//! The REST API, as API Gateway serves the routes of `template.yaml`.
//!
//! Differences from API Gateway, each for the sake of clients: a method that a path doesn't have
//! is refused with 405 instead of the template's 404, HEAD is served where GET is (the server leaves
//! out the response's body), an error has the request's own id and trace, and a body that isn't
//! UTF-8 reaches the function as base64 whatever its type, where API Gateway replaces what isn't
//! UTF-8 unless its type is one of the template's `BinaryMediaTypes`.

mod answer;
mod cors;
mod event;
mod refusal;

use std::{borrow::Cow, time::Instant};

use axum::{
    body::Body,
    extract::{Request, State},
    response::Response,
};
use bytes::Bytes;
use http::{HeaderMap, HeaderValue, Method, request::Parts};
use tokio::time::timeout;
use trichrome_proto::{
    contract::{Operation, Route, route},
    wire::limits::{MAX_HEAD, MAX_HEADERS, head_too_large},
};
use uuid::Uuid;

use self::{event::Event, refusal::Refusal};
use crate::{
    Api, body,
    functions::Answer,
    limits::{INTEGRATION_TIMEOUT, MAX_BODY, MAX_PAYLOAD},
};

/// API Gateway's own id of a request.
const GATEWAY_REQUEST_ID: &str = "x-amzn-requestid";

pub(crate) async fn serve(State(api): State<Api>, request: Request) -> Response {
    let started = Instant::now();
    let (parts, body) = request.into_parts();
    let id = Uuid::new_v4().to_string();
    let mut response = answer(&api, &parts, body, &id)
        .await
        .unwrap_or_else(|refusal| refusal.into_response(&parts.headers, &id));
    if let Ok(id) = HeaderValue::try_from(&id) {
        response.headers_mut().insert(GATEWAY_REQUEST_ID, id);
    }
    eprintln!(
        "{} {} {} {} ms {id}",
        parts.method,
        shown(parts.uri.path()),
        response.status().as_u16(),
        started.elapsed().as_millis(),
    );
    response
}

/// The beginning of a path, for the log.
fn shown(path: &str) -> &str {
    // A path of a request is ASCII (RFC 3986, section 2).
    path.get(..200).unwrap_or(path)
}

async fn answer(api: &Api, parts: &Parts, body: Body, id: &str) -> Result<Response, Refusal> {
    if head_size(parts) > MAX_HEAD || parts.headers.len() > MAX_HEADERS {
        return Err(head_too_large().into());
    }
    let path = parts.uri.path();
    let method = parts.method.as_str();
    let (operation, params) = match route(method, path) {
        Route::Found { operation, params } => (operation, params),
        Route::MethodNotAllowed { .. } if parts.method == Method::OPTIONS => {
            return Ok(cors::preflight());
        }
        Route::MethodNotAllowed { allow } => {
            return Err(Refusal::method_not_allowed(method, path, allow));
        }
        Route::NotFound => return Err(Refusal::not_found(path)),
    };
    let body = body::read(&parts.headers, body, MAX_BODY).await?;
    let event = encode(operation, &params, parts, &body, id)?;
    let invoked = timeout(
        INTEGRATION_TIMEOUT,
        api.functions.invoke(operation.function, event),
    );
    match invoked.await.map_err(|_| Refusal::timed_out())?? {
        Answer::Success(payload) => answer::read(&payload).map_err(|error| {
            eprintln!(
                "{}: the answer isn't an HTTP response: {error}",
                operation.function
            );
            Refusal::bad_gateway()
        }),
        Answer::Failed(error) => {
            let error = String::from_utf8_lossy(&error);
            eprintln!("{} failed: {error}", operation.function);
            Err(Refusal::bad_gateway())
        }
    }
}

/// The size of the request line and the header values, in bytes.
fn head_size(parts: &Parts) -> usize {
    let target = parts.uri.path_and_query().map_or(0, |it| it.as_str().len());
    let line = parts.method.as_str().len() + target + " HTTP/1.1 ".len();
    line + parts.headers.values().map(HeaderValue::len).sum::<usize>()
}

fn encode(
    operation: &Operation,
    params: &[(&'static str, String)],
    parts: &Parts,
    body: &[u8],
    id: &str,
) -> Result<Bytes, Refusal> {
    let event = Event::new(operation, params, parts, body, id);
    let event = serde_json::to_vec(&event).map_err(|_| Refusal::bad_gateway())?;
    if event.len() > MAX_PAYLOAD {
        return Err(Refusal::body_too_large());
    }
    Ok(event.into())
}

/// A header value as text. One that isn't UTF-8 is read as Latin-1, HTTP's historical encoding
/// (RFC 9110, section 5.5), so that the function gets something to refuse.
fn text(value: &HeaderValue) -> Cow<'_, str> {
    match std::str::from_utf8(value.as_bytes()) {
        Ok(text) => text.into(),
        Err(_) => value.as_bytes().iter().copied().map(char::from).collect(),
    }
}

/// A header's value if it is visible ASCII.
fn ascii<'a>(headers: &'a HeaderMap, name: &str) -> Option<&'a str> {
    headers.get(name)?.to_str().ok()
}

#[cfg(test)]
mod tests;
