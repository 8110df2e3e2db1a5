//! Serving calls, with functions made for the tests.

use lambda_http::{
    aws_lambda_events::apigw::ApiGatewayV2httpRequestContext, http, request::RequestContext,
};
use serde_json::json;
use trichrome_proto::{
    analytics::LogDataRequest,
    contract::{Http, by_function},
    pictures::{
        CreateUserPictureRequest, GetUserPictureRequest, GetUserPicturesRequest, PictureMessage,
        PicturesMessage,
    },
    wire::{ClientContext, header, limits},
};

mod cache;

use super::*;
use crate::{Env, TokenCheck, token::tests::Key};

const GRPC: &str = Transport::Grpc.api_id().unwrap();
const EVENTS: &str = Transport::Events.api_id().unwrap();

/// Returns its input, so that a test sees what reached the domain.
struct List;

impl Function for List {
    const NAME: &'static str = "pictures-list";
    type Input = GetUserPicturesRequest;
    type Output = PicturesMessage;
    type Error = ApiError;
    type Tokens = Tokens;

    fn build(_: &mut Env) -> Self {
        Self
    }

    async fn call(&self, call: &Call, input: Self::Input) -> Result<Self::Output, ApiError> {
        assert_eq!(call.caller(), input.user_id);
        match input.limit {
            13 => Err(ApiError::new(
                ErrorCode::Unavailable,
                "table trichrome-users at 10.0.0.1",
            )),
            14 => std::future::pending().await,
            limit => Ok(PicturesMessage {
                pictures: vec![PictureMessage {
                    user_id: input.user_id,
                    size_bytes: limit,
                    ..Default::default()
                }],
                next_cursor: "next".to_owned(),
            }),
        }
    }
}

struct Create;

impl Function for Create {
    const NAME: &'static str = "pictures-create";
    type Input = CreateUserPictureRequest;
    type Output = PictureMessage;
    type Error = ApiError;
    type Tokens = Tokens;

    fn build(_: &mut Env) -> Self {
        Self
    }

    async fn call(&self, call: &Call, input: Self::Input) -> Result<Self::Output, ApiError> {
        Ok(PictureMessage {
            id: call.idempotency_key.clone().unwrap_or_default(),
            title: input.title,
            ..Default::default()
        })
    }
}

struct Log;

impl Function for Log {
    const NAME: &'static str = "analytics-log";
    type Input = LogDataRequest;
    type Output = ();
    type Error = ApiError;
    type Tokens = Tokens;

    fn build(_: &mut Env) -> Self {
        Self
    }

    async fn call(&self, _: &Call, _: Self::Input) -> Result<(), ApiError> {
        Ok(())
    }
}

/// A check that accepts, refuses or fails.
#[derive(Clone, Copy)]
enum Tokens {
    Accepted,
    Revoked,
    Unknown,
}

impl TokenCheck for Tokens {
    type Error = ApiError;

    fn build(_: &mut Env) -> Self {
        Self::Accepted
    }

    async fn counts(&self, claims: &Claims, _: Option<&str>) -> Result<bool, ApiError> {
        assert_eq!((claims.sub.as_str(), claims.generation), ("u1", 0));
        match self {
            Self::Accepted => Ok(true),
            Self::Revoked => Ok(false),
            Self::Unknown => Err(ApiError::new(
                ErrorCode::Unavailable,
                "table trichrome-users at 10.0.0.1",
            )),
        }
    }
}

fn shell<F: Function<Tokens = Tokens>>(function: F) -> Shell<F> {
    Shell {
        function,
        operation: by_function(F::NAME).unwrap(),
        verifier: Some(crate::token::tests::verifier(&[&key()])),
        tokens: Some(Tokens::Accepted),
        cache: None,
        timeout: Duration::from_secs(9),
        cors_origin: None,
        proxies: TrustedProxies::default(),
        cold: AtomicBool::new(true),
    }
}

fn key() -> Key {
    Key::new("k1", 1)
}

fn request(api_id: &str, query: &str, body: &str) -> Request {
    request_of("u1", api_id, query, body)
}

fn request_of(user_id: &str, api_id: &str, query: &str, body: &str) -> Request {
    use lambda_http::RequestExt as _;
    let mut context = ApiGatewayV2httpRequestContext::default();
    context.apiid = Some(api_id.to_owned());
    let parameters = query
        .split('&')
        .filter_map(|pair| pair.split_once('='))
        .map(|(name, value)| (name.to_owned(), vec![value.to_owned()]))
        .collect::<std::collections::HashMap<_, _>>();
    http::Request::builder()
        .header("authorization", format!("Bearer {}", key().token(user_id)))
        .header("x-request-id", "r-1")
        .body(Body::from(body))
        .unwrap()
        .with_query_string_parameters(parameters)
        .with_request_context(RequestContext::ApiGatewayV2(context))
}

async fn respond<F: Function<Tokens = Tokens>>(
    function: F,
    request: Request,
) -> (u16, Value, Handled) {
    let handled = shell(function).handle(request).await;
    let body = match handled.response.body() {
        Body::Text(text) => serde_json::from_str(text).unwrap(),
        _ => Value::Null,
    };
    (handled.response.status().as_u16(), body, handled)
}

#[tokio::test]
async fn a_list_is_an_array_with_its_cursor_in_a_header() {
    let (status, body, handled) = respond(List, request("api", "limit=7", "")).await;
    assert_eq!(status, 200);
    assert_eq!(body[0]["user_id"], "u1");
    assert_eq!(body[0]["size_bytes"], 7);
    let headers = handled.response.headers();
    assert_eq!(headers["next-cursor"], "next");
    assert_eq!(headers["x-request-id"], "r-1");
    let trace = headers["traceparent"].to_str().unwrap();
    assert_eq!(trace, handled.finished.trace.parent());
    assert_eq!(headers["cache-control"], "no-store");
    assert_eq!(headers["x-content-type-options"], "nosniff");
}

#[tokio::test]
async fn only_rest_calls_are_logged_by_the_function() {
    let (_, _, rest) = respond(List, request("api", "", "")).await;
    let entry = rest.finished.entry.unwrap();
    assert_eq!(
        (
            entry.transport.as_str(),
            entry.service.as_str(),
            entry.method.as_str()
        ),
        ("rest", "pictures", "GetUserPictures")
    );
    assert_eq!((entry.status, entry.user_id.as_str()), (200, "u1"));
    assert!(!rest.response.headers().contains_key(header::USER_ID));

    let (_, _, grpc) = respond(List, request(GRPC, "", "")).await;
    assert!(grpc.finished.entry.is_none());
    assert_eq!(grpc.response.headers()[header::USER_ID], "u1");
}

#[tokio::test]
async fn a_missing_token_is_401() {
    let mut bare = request("api", "", "");
    bare.headers_mut().remove("authorization");
    let (status, body, handled) = respond(List, bare).await;
    assert_eq!(status, 401);
    assert_eq!(body["error"]["code"], "UNAUTHENTICATED");
    assert_eq!(body["error"]["request_id"], "r-1");
    // API Gateway would rename it.
    assert!(!handled.response.headers().contains_key("www-authenticate"));
    assert_eq!(handled.finished.entry.unwrap().status, 401);
}

#[tokio::test]
async fn a_token_that_no_longer_counts_is_401_before_the_request_is_read() {
    for (tokens, status, code) in [
        (Tokens::Revoked, 401, "UNAUTHENTICATED"),
        (Tokens::Unknown, 503, "UNAVAILABLE"),
    ] {
        let mut shell = shell(List);
        shell.tokens = Some(tokens);
        let handled = shell.handle(request("api", "limit=many", "")).await;
        assert_eq!(handled.response.status(), status);
        let Body::Text(text) = handled.response.body() else {
            panic!("no body");
        };
        let body: Value = serde_json::from_str(text).unwrap();
        assert_eq!(body["error"]["code"], code);
        assert!(!text.contains("10.0.0.1"));
        // Only a caller who was let in is named.
        assert_eq!(handled.finished.entry.unwrap().user_id, "");
    }
}

#[tokio::test]
async fn another_users_id_is_403() {
    let id = "0190a1b2-0000-7000-8000-000000000abc";
    let (status, body, _) = respond(List, request("api", &format!("user_id={id}"), "")).await;
    assert_eq!(
        (status, &body["error"]["code"]),
        (403, &json!("PERMISSION_DENIED"))
    );
}

#[tokio::test]
async fn an_invalid_request_names_the_field() {
    let (status, body, _) = respond(List, request("api", "limit=many", "")).await;
    assert_eq!(status, 400);
    assert!(
        body["error"]["message"]
            .as_str()
            .unwrap()
            .contains("\"limit\"")
    );
    let (status, _, _) = respond(Create, request("api", "", "not json")).await;
    assert_eq!(status, 400);
    let (status, _, _) = respond(
        Create,
        request("api", "", &" ".repeat(limits::MAX_BODY + 1)),
    )
    .await;
    assert_eq!(status, 413);
}

#[tokio::test]
async fn details_of_a_fault_are_only_logged() {
    let (status, body, _) = respond(List, request("api", "limit=13", "")).await;
    assert_eq!(
        (status, &body["error"]["code"]),
        (503, &json!("UNAVAILABLE"))
    );
    assert!(!body.to_string().contains("10.0.0.1"));
}

#[tokio::test(start_paused = true)]
async fn a_call_ends_at_its_deadline() {
    let (status, _, _) = respond(List, request("api", "limit=14", "")).await;
    assert_eq!(status, 504);
}

#[tokio::test]
async fn the_idempotency_key_reaches_the_domain() {
    let mut request = request(EVENTS, "", r#"{"title":"t","base64":"AA=="}"#);
    request
        .headers_mut()
        .insert("idempotency-key", "k-1".parse().unwrap());
    let (status, body, _) = respond(Create, request).await;
    assert_eq!((status, &body["id"]), (201, &json!("k-1")));
}

#[tokio::test]
async fn a_compressed_body_is_415_whatever_it_holds() {
    let body = r#"{"title":"t","base64":"AA=="}"#;
    for (coding, expected) in [("identity", 201), ("gzip", 415), ("gzip, identity", 415)] {
        let mut request = request("api", "", body);
        request
            .headers_mut()
            .insert("content-encoding", coding.parse().unwrap());
        let (status, body, handled) = respond(Create, request).await;
        assert_eq!(status, expected, "{coding}");
        if expected == 415 {
            assert_eq!(body["error"]["code"], "UNSUPPORTED_MEDIA_TYPE");
            let accepted = &handled.response.headers()["accept-encoding"];
            assert_eq!(accepted, "identity");
        }
    }
}

#[tokio::test]
async fn a_body_is_read_as_proto_json() {
    for (body, expected) in [
        (r#"{"title":"t","base64":"AA==","userId":null}"#, 201),
        ("\u{feff}{\"title\":\"t\",\"base64\":\"AA==\"}", 201),
        (r#"{"title":"t","title":"u","base64":"AA=="}"#, 400),
        (r#"{"title":7,"base64":"AA=="}"#, 400),
    ] {
        let (status, body, _) = respond(Create, request("api", "", body)).await;
        assert_eq!(status, expected, "{body}");
    }
    let query = "limit=7.0&metadataOnly=true";
    let (status, body, _) = respond(List, request("api", query, "")).await;
    assert_eq!((status, &body[0]["size_bytes"]), (200, &json!(7)));
}

#[tokio::test]
async fn only_the_first_call_is_cold() {
    let shell = shell(List);
    for cold in [true, false, false] {
        let handled = shell.handle(request("api", "limit=7", "")).await;
        assert_eq!(handled.finished.sample.cold, cold);
    }
}

#[tokio::test]
async fn pages_of_the_allowed_origin_may_read_rest_responses() {
    let mut shell = shell(List);
    shell.cors_origin = Some("https://app.example".to_owned());
    let handled = shell.handle(request("api", "limit=7", "")).await;
    let headers = handled.response.headers();
    assert_eq!(
        headers["access-control-allow-origin"],
        "https://app.example"
    );
    assert_eq!(headers["vary"], "origin");
    let readable = headers["access-control-expose-headers"].to_str().unwrap();
    assert_eq!(
        readable,
        "x-request-id, traceparent, retry-after, next-cursor"
    );
    let gateways = shell.handle(request(GRPC, "limit=7", "")).await;
    let headers = gateways.response.headers();
    assert!(!headers.contains_key("access-control-allow-origin"));
}

/// Served with a body and a path parameter.
struct Patch;

impl Function for Patch {
    const NAME: &'static str = "pictures-get";
    type Input = GetUserPictureRequest;
    type Output = PictureMessage;
    type Error = ApiError;
    type Tokens = Tokens;

    fn build(_: &mut Env) -> Self {
        Self
    }

    async fn call(&self, _: &Call, input: Self::Input) -> Result<Self::Output, ApiError> {
        Ok(PictureMessage {
            id: input.picture_id,
            user_id: input.user_id,
            ..Default::default()
        })
    }
}

#[tokio::test]
async fn a_body_goes_with_a_path_parameter() {
    use lambda_http::RequestExt as _;
    const ID: &str = "0190a1b2-0000-7000-8000-000000000abc";
    const OTHER: &str = "0190a1b2-0000-7000-8000-000000000def";
    let mut shell = shell(Patch);
    let get = shell.operation;
    let http = Http {
        method: "PATCH",
        body: true,
        ..get.http.clone()
    };
    shell.operation = Box::leak(Box::new(Operation {
        http,
        ..get.clone()
    }));
    for (body, expected) in [
        (json!({}), 200),
        (json!({"picture_id": ID}), 200),
        (json!({"user_id": OTHER}), 403),
        (json!({"picture_id": OTHER}), 400),
    ] {
        let parameters =
            std::collections::HashMap::from([("picture_id".to_owned(), vec![ID.to_owned()])]);
        let request = request("api", "", &body.to_string()).with_path_parameters(parameters);
        let handled = shell.handle(request).await;
        assert_eq!(handled.response.status(), expected, "{body}");
        if expected == 200 {
            let Body::Text(text) = handled.response.body() else {
                panic!("no body");
            };
            let picture: Value = serde_json::from_str(text).unwrap();
            assert_eq!(
                (&picture["id"], &picture["user_id"]),
                (&json!(ID), &json!("u1"))
            );
        }
    }
}

#[tokio::test]
async fn the_gateways_trace_goes_on() {
    use lambda_http::{Context, RequestExt as _};
    const PARENT: &str = "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-00";
    let client = ClientContext::new(PARENT, None).to_json();
    let mut context = Context::default();
    context.client_context = Some(serde_json::from_str(&client).unwrap());
    let request = request(GRPC, "limit=7", "").with_lambda_context(context);
    let handled = shell(List).handle(request).await;
    assert_eq!(handled.finished.trace.parent(), PARENT);
}

#[tokio::test]
async fn a_call_log_of_a_function_of_version_0_1_is_forwarded() {
    // As that version wrote it.
    let entry = json!({
        "transport": "rest",
        "service": "users",
        "method": "GetUserData",
        "status": 200,
        "duration_ms": 1.5,
        "user_id": "0198c0de-0000-7000-8000-000000000001",
        "trace_id": "4bf92f3577b34da6a3ce929d0e0e4736",
        "at": "2026-11-26T10:00:00.5Z",
        "id": "0198c0de-0000-7000-8000-000000000002",
    });
    const INTERNAL_API: &str = "trichrome-internal";
    let handled = shell(Log)
        .handle(request(INTERNAL_API, "", &entry.to_string()))
        .await;
    assert_eq!(handled.response.status(), 204);
    let forwarded = handled.finished.entry.unwrap();
    assert_eq!(forwarded.id, "0198c0de-0000-7000-8000-000000000002");
    assert_eq!(forwarded.method, "GetUserData");
    assert!(!forwarded.client);

    // Otherwise the body is a call, which is logged itself.
    let called = shell(Log)
        .handle(request("api", "", &entry.to_string()))
        .await;
    assert_eq!(called.response.status(), 400);
    assert_eq!(called.finished.entry.unwrap().method, "LogData");
    let listed = shell(List)
        .handle(request(INTERNAL_API, "", ""))
        .await
        .finished;
    assert_eq!(listed.entry.unwrap().method, "GetUserPictures");
    // A body that is no entry is dropped.
    let refused = shell(Log).handle(request(INTERNAL_API, "", "{")).await;
    assert_eq!(refused.response.status(), 400);
    assert!(refused.finished.entry.is_none());
}
