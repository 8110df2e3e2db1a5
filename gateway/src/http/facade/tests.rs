//! Tests of the facade over each transport, with fake functions.

use axum::{body::Body, routing::any};
use http::{Request, StatusCode, header::ALLOW};
use http_body_util::BodyExt as _;
use serde_json::json;
use tokio_util::sync::CancellationToken;
use tower::ServiceExt as _;
use trichrome_proto::error::ErrorCode;
use url::Url;

use super::*;
use crate::{
    call::{
        call_log::{CallLog, tests::Logged},
        invoke::tests::FakeInvoke,
        limits::MAX_BODY,
    },
    config::Config,
    grpc::tests::serve,
    kafka::{awaiter::Awaiter, producer::Producer},
    ops::health::Readiness,
};

/// A facade without Kafka, whose REST API and functions all answer `answer`.
async fn app(answer: Value) -> Router {
    app_and_metrics(answer).await.0
}

async fn app_and_metrics(answer: Value) -> (Router, Arc<Metrics>) {
    app_with_log(answer, Arc::default()).await
}

async fn app_with_log(answer: Value, log: Arc<Logged>) -> (Router, Arc<Metrics>) {
    let upstream = rest_api(answer.clone()).await;
    let invoke = FakeInvoke::answering(move |_, _| Ok(answer.clone()));
    let port = serve(&invoke).await;
    let vars = [
        ("KAFKA_BROKERS", "127.0.0.1:1"),
        ("REST_URL", upstream.as_str()),
    ];
    let config = Config::of(&vars).unwrap();
    let metrics = Arc::new(Metrics::new());
    let limits = Arc::new(RateLimits::from_contract());
    let facade = Facade {
        calls: Calls::new(
            Arc::clone(&invoke) as _,
            Arc::clone(&limits),
            CallLog::new(log as _),
            Arc::clone(&metrics),
        ),
        rest: rest::Rest::new(&config.rest_url).unwrap(),
        grpc: grpc::client::Client::new(port.address).unwrap(),
        events: events::Events::new(
            Producer::new(&config, Arc::clone(&metrics)).unwrap(),
            Awaiter::new(Arc::clone(&metrics)),
        ),
        limits,
        metrics: Arc::clone(&metrics),
        call_timeout: Duration::from_secs(5),
    };
    let readiness = Readiness::new(Vec::new(), CancellationToken::new());
    let router = crate::http::router(facade, readiness, &[], None, None);
    (router, metrics)
}

/// A REST API that responds as API Gateway does to a function's `answer`.
async fn rest_api(answer: Value) -> Url {
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("http://{}/stage/", listener.local_addr().unwrap());
    let router = Router::new().route(
        "/stage/{*path}",
        any(async move |request: axum::extract::Request| {
            assert!(request.headers().contains_key("x-request-id"));
            let status = answer["statusCode"].as_u64().unwrap() as u16;
            let mut response = http::Response::builder().status(status);
            for (name, value) in answer["headers"].as_object().into_iter().flatten() {
                response = response.header(name, value.as_str().unwrap());
            }
            let body = answer["body"].as_str().unwrap_or_default().to_owned();
            response
                .header("access-control-allow-origin", "*")
                .header("content-type", "application/json")
                .body(Body::from(body))
                .unwrap()
        }),
    );
    tokio::spawn(async move { axum::serve(listener, router).await });
    url.parse().unwrap()
}

struct Answered {
    status: StatusCode,
    headers: http::HeaderMap,
    body: String,
}

async fn ask(app: &Router, method: &str, path: &str, body: impl Into<Body>) -> Answered {
    let request = Request::builder().method(method).uri(path);
    let response = app
        .clone()
        .oneshot(request.body(body.into()).unwrap())
        .await
        .unwrap();
    let (parts, body) = response.into_parts();
    let body = body.collect().await.unwrap().to_bytes();
    assert!(
        parts.headers.contains_key("x-request-id"),
        "{method} {path}"
    );
    assert!(parts.headers.contains_key("traceparent"), "{method} {path}");
    assert_eq!(parts.headers["x-content-type-options"], "nosniff");
    Answered {
        status: parts.status,
        headers: parts.headers,
        body: String::from_utf8(body.to_vec()).unwrap(),
    }
}

fn assert_error(answered: &Answered, status: u16, code: &str) {
    assert_eq!(answered.status, status, "{}", answered.body);
    let body: Value = serde_json::from_str(&answered.body).unwrap();
    assert_eq!(body["error"]["code"], code);
    assert!(
        body["error"]["message"]
            .as_str()
            .is_some_and(|m| !m.is_empty())
    );
    assert_eq!(
        body["error"]["request_id"].as_str().unwrap(),
        answered.headers["x-request-id"]
    );
}

#[tokio::test]
async fn rest_and_grpc_respond_alike() {
    let id = "0190a1b2-0000-7000-8000-000000000abc";
    let picture = json!({
        "id": id, "title": "t", "base64": "AA==", "user_id": "u", "content_type": "image/png",
        "size_bytes": 1, "width": 2, "height": 3, "created_at": "2026-01-31T12:00:00Z",
        "links": {
            "original": "https://o", "preview": "", "thumbnail": "",
            "expires_at": "2026-01-31T13:00:00Z",
        },
        "displayed_width": 0, "displayed_height": 0, "taken_at": "", "placeholder": "",
        "state": "processing", "content": "AA==", "damage": "",
    });
    let app = app(json!({"statusCode": 200, "body": picture.to_string()})).await;
    for transport in ["rest", "grpc"] {
        let answered = ask(&app, "GET", &format!("/{transport}/pictures/{id}"), "").await;
        assert_eq!(answered.status, 200, "{}", answered.body);
        assert_eq!(answered.headers["content-type"], "application/json");
        let body: Value = serde_json::from_str(&answered.body).unwrap();
        assert_eq!(body, picture, "{transport}");
        assert!(!answered.headers.contains_key("access-control-allow-origin"));
    }
}

#[tokio::test]
async fn a_list_is_an_array_and_its_cursor_a_header() {
    let app = app(json!({
        "statusCode": 200, "headers": {"next-cursor": "c"}, "body": "[]",
    }))
    .await;
    for transport in ["rest", "grpc"] {
        let answered = ask(&app, "GET", &format!("/{transport}/pictures?limit=1"), "").await;
        assert_eq!(answered.body, "[]", "{transport}");
        assert_eq!(answered.headers["next-cursor"], "c", "{transport}");
    }
}

#[tokio::test]
async fn an_empty_answer_is_204() {
    let id = "0190a1b2-0000-7000-8000-000000000abc";
    let app = app(json!({"statusCode": 204})).await;
    for transport in ["rest", "grpc"] {
        let answered = ask(&app, "DELETE", &format!("/{transport}/pictures/{id}"), "").await;
        assert_eq!(
            (answered.status.as_u16(), answered.body.as_str()),
            (204, "")
        );
        assert!(
            !answered.headers.contains_key("content-type"),
            "{transport}"
        );
    }
}

#[tokio::test]
async fn a_create_is_201() {
    let app = app(json!({"statusCode": 201, "body": "{\"access_token\":\"t\"}"})).await;
    let body = json!({"username": "u", "password": "long enough"}).to_string();
    for transport in ["rest", "grpc"] {
        let answered = ask(&app, "POST", &format!("/{transport}/signup"), body.clone()).await;
        assert_eq!(answered.status, 201);
        assert_eq!(answered.body, "{\"access_token\":\"t\"}");
    }
}

#[tokio::test]
async fn errors_have_the_same_form() {
    let error = json!({"error": {"code": "ALREADY_EXISTS", "message": "taken", "request_id": "x"}});
    let app = app(json!({"statusCode": 409, "body": error.to_string()})).await;
    let body = json!({"username": "u", "password": "long enough"}).to_string();
    for transport in ["rest", "grpc"] {
        let answered = ask(&app, "POST", &format!("/{transport}/signup"), body.clone()).await;
        assert_error(&answered, 409, "ALREADY_EXISTS");
        assert!(answered.body.contains("taken"));
    }
}

#[tokio::test]
async fn api_gateways_own_errors_get_the_same_form() {
    let app = app(json!({"statusCode": 403, "body": "{\"message\":\"Forbidden\"}"})).await;
    assert_error(
        &ask(&app, "GET", "/rest/analytics", "").await,
        403,
        "PERMISSION_DENIED",
    );
}

#[tokio::test]
async fn without_kafka_events_are_unavailable() {
    let app = app(json!({"statusCode": 200, "body": "{}"})).await;
    let answered = ask(&app, "GET", "/events/analytics", "").await;
    assert_error(&answered, 503, "UNAVAILABLE");
    assert!(answered.body.contains("Kafka"));
}

#[tokio::test]
async fn unknown_paths_and_methods_are_refused() {
    let app = app(json!({"statusCode": 200, "body": "{}"})).await;
    for path in [
        "/rest",
        "/rest/",
        "/grpc/nothing",
        "/events/pictures/a/b",
        "/soap/pictures",
        "/pictures",
        "/",
    ] {
        assert_error(&ask(&app, "GET", path, "").await, 404, "NOT_FOUND");
    }
    for transport in ["rest", "grpc", "events"] {
        let answered = ask(&app, "PUT", &format!("/{transport}/pictures"), "").await;
        assert_error(&answered, 405, "METHOD_NOT_ALLOWED");
        assert_eq!(answered.headers[ALLOW], "GET, HEAD, POST");
        // The path of an operation, not a user's.
        let path = format!("/{transport}/users/validate-password");
        let answered = ask(&app, "GET", &path, "").await;
        assert_error(&answered, 405, "METHOD_NOT_ALLOWED");
        assert_eq!(answered.headers[ALLOW], "POST");
    }
    assert_error(
        &ask(&app, "POST", "/healthz", "").await,
        405,
        "METHOD_NOT_ALLOWED",
    );
}

#[tokio::test]
async fn an_invalid_body_is_refused() {
    let app = app(json!({"statusCode": 400, "body": ""})).await;
    for transport in ["rest", "grpc", "events"] {
        let path = format!("/{transport}/signup");
        let answered = ask(&app, "POST", &path, "{").await;
        assert_error(&answered, 400, "INVALID_ARGUMENT");
        let answered = ask(&app, "POST", &path, b"{\"username\":\"\xff\"}".to_vec()).await;
        assert_error(&answered, 400, "INVALID_ARGUMENT");
        assert!(answered.body.contains("not UTF-8"), "{}", answered.body);
        let answered = ask(&app, "POST", &path, vec![b' '; MAX_BODY + 1]).await;
        assert_error(&answered, 413, "PAYLOAD_TOO_LARGE");
    }
}

/// Sends a sign-up with one more header.
async fn sign_up(app: &Router, transport: &str, header: (&str, &[u8])) -> http::response::Parts {
    let body = json!({"username": "u", "password": "long enough"}).to_string();
    let request = Request::post(format!("/{transport}/signup"))
        .header(header.0, http::HeaderValue::from_bytes(header.1).unwrap());
    let request = request.body(Body::from(body)).unwrap();
    app.clone().oneshot(request).await.unwrap().into_parts().0
}

#[tokio::test]
async fn a_compressed_body_is_refused_before_it_is_forwarded() {
    let app = app(json!({"statusCode": 201, "body": "{\"access_token\":\"t\"}"})).await;
    for transport in ["rest", "grpc", "events"] {
        for coding in ["gzip", "br", "identity, zstd"] {
            let header = ("content-encoding", coding.as_bytes());
            let answered = sign_up(&app, transport, header).await;
            assert_eq!(answered.status, 415, "{transport} {coding}");
            assert_eq!(answered.headers["accept-encoding"], "identity");
        }
    }
    for transport in ["rest", "grpc"] {
        let answered = sign_up(&app, transport, ("content-encoding", b"identity")).await;
        assert_eq!(answered.status, 201, "{transport}");
    }
}

#[tokio::test]
async fn an_invalid_idempotency_key_is_refused_before_it_is_forwarded() {
    let app = app(json!({"statusCode": 201, "body": "{\"access_token\":\"t\"}"})).await;
    for transport in ["rest", "grpc", "events"] {
        for key in [
            "clé-1".as_bytes(),
            b"cl\xe9-1",
            b"",
            b"a\tb",
            b"a b",
            &[b'k'; 256],
        ] {
            let answered = sign_up(&app, transport, ("idempotency-key", key)).await;
            assert_eq!(answered.status, 400, "{transport} {key:?}");
        }
    }
    for transport in ["rest", "grpc"] {
        let answered = sign_up(&app, transport, ("idempotency-key", b"k-1")).await;
        assert_eq!(answered.status, 201, "{transport}");
    }
}

#[tokio::test]
async fn arguments_that_fit_no_message_are_refused_by_the_function() {
    let refusal = json!({"error": {"code": "UNAUTHENTICATED", "message": "log in"}});
    let app_of = |status, body: Value| app(json!({"statusCode": status, "body": body.to_string()}));
    let body = "{\"user\":\"u\"}";
    let answered = ask(&app_of(401, refusal).await, "POST", "/grpc/signup", body).await;
    assert_error(&answered, 401, "UNAUTHENTICATED");
    // They are refused even if the function accepts them.
    let answered = ask(&app_of(201, json!({})).await, "POST", "/grpc/signup", body).await;
    assert_error(&answered, 400, "INVALID_ARGUMENT");
    assert!(answered.body.contains("unknown field"), "{}", answered.body);
}

#[tokio::test]
async fn requests_that_can_not_be_read_are_refused_by_the_function() {
    let refusal = json!({"error": {"code": "UNAUTHENTICATED", "message": "log in"}});
    let app = app(json!({"statusCode": 401, "body": refusal.to_string()})).await;
    for transport in ["rest", "grpc", "events"] {
        for (method, path, body) in [
            ("POST", "signup", "{"),
            ("POST", "signup", "{\"username\":\"u\",\"username\":\"u\"}"),
            ("GET", "pictures?limit=1&limit=2", ""),
            ("GET", "pictures?metadata_only=1", ""),
        ] {
            let answered = ask(&app, method, &format!("/{transport}/{path}"), body).await;
            assert_error(&answered, 401, "UNAUTHENTICATED");
        }
    }
}

#[tokio::test]
async fn the_callers_request_id_is_kept() {
    let app = app(json!({"statusCode": 200, "body": "{}"})).await;
    let request = Request::get("/nowhere").header("x-request-id", "mine");
    let response = app
        .oneshot(request.body(Body::empty()).unwrap())
        .await
        .unwrap();
    assert_eq!(response.headers()["x-request-id"], "mine");
}

#[tokio::test]
async fn a_rest_api_that_is_down_is_unavailable() {
    let rest = rest::Rest::new(&"http://127.0.0.1:1".parse().unwrap()).unwrap();
    let operation = trichrome_proto::contract::by_function("analytics-get").unwrap();
    let error = rest
        .call(
            operation,
            "/analytics",
            None,
            Default::default(),
            &Context::read(|_| None),
            Instant::now() + Duration::from_secs(5),
        )
        .await
        .unwrap_err();
    assert_eq!(error.code, ErrorCode::Unavailable);
}

#[tokio::test]
async fn requests_are_counted_by_operation() {
    let (app, metrics) = app_and_metrics(json!({"statusCode": 200, "body": "{}"})).await;
    for path in ["analytics", "nowhere"] {
        ask(&app, "GET", &format!("/rest/{path}"), "").await;
    }
    let metrics = metrics.to_openmetrics();
    for (operation, status) in [("analytics-get", "2xx"), ("other", "4xx")] {
        let labels = format!("transport=\"rest\",operation=\"{operation}\",status=\"{status}\"");
        let line = format!("trichrome_gateway_facade_requests_total{{{labels}}} 1\n");
        assert!(metrics.contains(&line), "{line}{metrics}");
    }
}

#[tokio::test]
async fn health_and_docs_are_served_but_no_operators_pages() {
    let app = app(json!({"statusCode": 200, "body": "{}"})).await;
    assert_eq!(ask(&app, "GET", "/healthz", "").await.status, 200);
    assert_eq!(ask(&app, "GET", "/readyz", "").await.status, 200);
    for path in ["/metrics", "/debug/pprof/profile", "/debug/pprof/heap"] {
        assert_error(&ask(&app, "GET", path, "").await, 404, "NOT_FOUND");
    }
    for name in ["openapi", "asyncapi"] {
        let path = format!("/{name}.json");
        let document: Value =
            serde_json::from_str(&ask(&app, "GET", &path, "").await.body).unwrap();
        assert!(document[name].is_string(), "{name}");
    }
    let docs = ask(&app, "GET", "/docs", "").await;
    assert!(
        docs.headers["content-type"]
            .to_str()
            .unwrap()
            .starts_with("text/html")
    );
}

#[tokio::test]
async fn head_is_get_without_its_body() {
    let app = app(json!({"statusCode": 200, "body": "{\"logs\":[]}"})).await;
    for transport in ["rest", "grpc"] {
        let path = format!("/{transport}/analytics");
        let get = ask(&app, "GET", &path, "").await;
        let head = ask(&app, "HEAD", &path, "").await;
        assert_eq!(head.status, get.status, "{transport}");
        assert_eq!(head.body, "", "{transport}");
        let length = get.body.len().to_string();
        assert_eq!(head.headers["content-length"], length, "{transport}");
        let answered = ask(&app, "HEAD", &format!("/{transport}/login"), "").await;
        assert_eq!(answered.status, 405, "{transport}");
    }
}

#[tokio::test]
async fn a_head_over_the_limit_is_refused_alike() {
    let app = app(json!({"statusCode": 200, "body": "{}"})).await;
    let long = "a".repeat(16_000);
    for transport in ["rest", "grpc", "events"] {
        for name in ["authorization", "idempotency-key", "tracestate", "x-any"] {
            let request = Request::get(format!("/{transport}/analytics"));
            let request = request.header(name, &long).body(Body::empty()).unwrap();
            let response = app.clone().oneshot(request).await.unwrap();
            assert_eq!(response.status(), 431, "{transport} {name}");
        }
        let path = format!("/{transport}/analytics?since={long}");
        let answered = ask(&app, "GET", &path, "").await;
        assert_error(&answered, 431, "HEADERS_TOO_LARGE");
    }
}

#[tokio::test]
async fn strange_paths_are_the_callers_mistakes() {
    let (app, _) = app_and_metrics(json!({"statusCode": 404, "body": ""})).await;
    for transport in ["rest", "grpc"] {
        for path in [
            "/pictures/%00",
            "/pictures/%ff%fe",
            "/pictures/%",
            "/pictures/%zz",
            "/pictures/..",
            "/pictures/%2e%2e",
            "/pictures/../../etc/passwd",
            "/pictures/a%2fb",
            "/pictures/a%3fb%23c",
            "/pictures/%0d%0ax-a:%20b",
            "/pictures/\u{e9}",
            "/users/%F0%9F%98%80",
            "/users?username=%ff",
            "/users?username=%00",
            "/users?username",
            "/users?&&==&",
            "/analytics?since=%",
            "//pictures",
        ] {
            let path = format!("/{transport}{path}");
            let answered = ask(&app, "GET", &path, "").await;
            let status = answered.status.as_u16();
            assert!((400..500).contains(&status), "{path}: {}", answered.body);
        }
    }
}

#[tokio::test]
async fn calls_over_the_rate_limit_are_logged() {
    let log = Arc::new(Logged::default());
    // Other answers are logged by the function.
    let (app, _) = app_with_log(json!({"statusCode": 204}), Arc::clone(&log)).await;
    let mut limited = 0;
    for _ in 0..40 {
        let answered = ask(&app, "POST", "/rest/users/validate-password", "{}").await;
        if answered.status == 429 {
            assert_error(&answered, 429, "RESOURCE_EXHAUSTED");
            limited += 1;
        }
    }
    assert!(limited > 0);
    assert_eq!(log.count(), limited);
}
