use std::sync::Arc;

use http_body_util::BodyExt as _;
use serde_json::Value;
use tokio_util::sync::CancellationToken;

use super::*;
use crate::{
    background::Background,
    functions::tests::{Script, functions, occupy},
};

const OK: &str = r#"{"statusCode":200,"multiValueHeaders":{"a":["b"]},"body":"{}"}"#;

struct Answered {
    status: u16,
    headers: HeaderMap,
    body: Value,
    /// The calls that reached the function.
    calls: usize,
}

async fn ask(request: http::request::Builder, body: Vec<u8>, answer: (u16, &str)) -> Answered {
    let (status, text) = (answer.0, answer.1.to_owned());
    let (functions, calls) = functions(Script::new(move |_| (status, text.clone())));
    let functions = Arc::new(functions);
    let background = Background::new(Arc::clone(&functions), CancellationToken::new());
    let api = Api {
        functions,
        background,
    };
    let request = request.body(Body::from(body)).unwrap();
    let (parts, body) = serve(State(api), request).await.into_parts();
    let body = body.collect().await.unwrap().to_bytes();
    Answered {
        status: parts.status.as_u16(),
        headers: parts.headers,
        body: serde_json::from_slice(&body).unwrap_or_default(),
        calls: *calls.borrow(),
    }
}

async fn ask_for(method: &str, path: &str) -> Answered {
    let request = Request::builder().method(method).uri(path);
    ask(request, Vec::new(), (200, OK)).await
}

#[tokio::test]
async fn a_functions_answer_is_the_response() {
    let answered = ask_for("GET", "/pictures").await;
    assert_eq!((answered.status, answered.calls), (200, 1));
    assert_eq!(answered.headers["a"], "b");
    assert!(answered.headers.contains_key(GATEWAY_REQUEST_ID));
    assert_eq!(ask_for("HEAD", "/pictures").await.status, 200);
}

#[tokio::test]
async fn unknown_paths_and_methods_are_refused() {
    for (method, path, status, code) in [
        ("GET", "/nowhere", 404, "NOT_FOUND"),
        ("GET", "/2015-03-31/functions", 404, "NOT_FOUND"),
        ("GET", "/pictures/%ff", 404, "NOT_FOUND"),
        ("OPTIONS", "/nowhere", 404, "NOT_FOUND"),
        ("PUT", "/pictures", 405, "METHOD_NOT_ALLOWED"),
        ("HEAD", "/login", 405, "METHOD_NOT_ALLOWED"),
        ("GET", "/users/validate-password", 405, "METHOD_NOT_ALLOWED"),
    ] {
        let answered = ask_for(method, path).await;
        assert_eq!(
            (answered.status, answered.calls),
            (status, 0),
            "{method} {path}"
        );
        assert_eq!(answered.body["error"]["code"], code);
        assert_eq!(answered.headers["access-control-allow-origin"], "*");
    }
    let answered = ask_for("PUT", "/pictures").await;
    assert_eq!(answered.headers["allow"], "GET, HEAD, POST");
    let long = format!("/{}", "a".repeat(300));
    assert_eq!(ask_for("GET", &long).await.status, 404);
}

#[tokio::test]
async fn a_preflight_request_is_answered() {
    let answered = ask_for("OPTIONS", "/pictures/p").await;
    assert_eq!((answered.status, answered.calls), (200, 0));
    let methods = &answered.headers["access-control-allow-methods"];
    assert!(methods.to_str().unwrap().contains("PATCH"));
}

#[tokio::test]
async fn errors_have_the_callers_ids() {
    let request = Request::get("/nowhere")
        .header("x-request-id", "r-1")
        .header(
            "traceparent",
            "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01",
        );
    let answered = ask(request, Vec::new(), (200, OK)).await;
    let error = &answered.body["error"];
    assert_eq!(error["request_id"], "r-1");
    assert_eq!(error["trace_id"], "4bf92f3577b34da6a3ce929d0e0e4736");
    assert_eq!(answered.headers["x-request-id"], "r-1");
}

#[tokio::test]
async fn sizes_are_api_gateways_and_lambdas() {
    let request = Request::get("/pictures").header("idempotency-key", "k".repeat(16_000));
    let answered = ask(request, Vec::new(), (200, OK)).await;
    assert_eq!((answered.status, answered.calls), (431, 0));
    let mut request = Request::get("/pictures");
    for number in 0..=MAX_HEADERS {
        request = request.header(format!("h{number}"), "");
    }
    assert_eq!(ask(request, Vec::new(), (200, OK)).await.status, 431);
    for length in [MAX_BODY + 1, MAX_PAYLOAD] {
        let request = Request::post("/pictures");
        let answered = ask(request, vec![b' '; length], (200, OK)).await;
        assert_eq!((answered.status, answered.calls), (413, 0), "{length}");
        assert_eq!(answered.body["error"]["code"], "PAYLOAD_TOO_LARGE");
    }
    // base64 adds a third.
    let answered = ask(Request::post("/pictures"), vec![0xff; 5_000_000], (200, OK)).await;
    assert_eq!((answered.status, answered.calls), (413, 0));
}

#[tokio::test]
async fn failures_are_api_gateways() {
    let failed = r#"{"errorType":"Runtime.ExitError","errorMessage":"secret"}"#;
    for (answer, status, code) in [
        ((500, failed), 502, "INTERNAL"),
        ((200, "[]"), 502, "INTERNAL"),
        ((404, "{}"), 501, "UNIMPLEMENTED"),
        ((502, "{}"), 503, "UNAVAILABLE"),
    ] {
        let answered = ask(Request::get("/pictures"), Vec::new(), answer).await;
        assert_eq!(answered.status, status, "{answer:?}");
        assert_eq!(answered.body["error"]["code"], code);
        assert!(!answered.body.to_string().contains("secret"));
    }
}

#[tokio::test(start_paused = true)]
async fn a_call_has_29_seconds() {
    let (functions, _calls) = functions(Script::new(|_| (200, OK.into())));
    let functions = Arc::new(functions);
    let _taken = occupy(&functions, "pictures-list").await;
    let background = Background::new(Arc::clone(&functions), CancellationToken::new());
    let api = Api {
        functions,
        background,
    };
    let started = tokio::time::Instant::now();
    let request = Request::get("/pictures").body(Body::empty()).unwrap();
    let response = serve(State(api), request).await;
    assert_eq!(response.status(), 504);
    assert_eq!(started.elapsed().as_secs(), 29);
}
