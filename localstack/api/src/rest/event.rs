//! The event that API Gateway makes of a request.

use std::{borrow::Cow, collections::BTreeMap};

use base64::{Engine as _, prelude::BASE64_STANDARD};
use http::{
    header::{CONTENT_TYPE, HOST},
    request::Parts,
};
use serde::Serialize;
use time::OffsetDateTime;
use trichrome_proto::{
    contract::Operation,
    wire::{header::FORWARDED_FOR, media},
};
use url::form_urlencoded;

use super::text;

/// The stage's name in `template.yaml`.
const STAGE: &str = "v1";
const API_ID: &str = "local";
const ACCOUNT_ID: &str = "000000000000";
const SOURCE_IP: &str = "127.0.0.1";

/// A REST API's input format. (AWS, "Set up Lambda proxy integrations in API Gateway".)
#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct Event<'a> {
    resource: &'a str,
    path: &'a str,
    http_method: &'a str,
    headers: BTreeMap<&'a str, Cow<'a, str>>,
    multi_value_headers: BTreeMap<&'a str, Vec<Cow<'a, str>>>,
    query_string_parameters: Option<BTreeMap<String, String>>,
    multi_value_query_string_parameters: Option<BTreeMap<String, Vec<String>>>,
    path_parameters: Option<BTreeMap<&'a str, &'a str>>,
    stage_variables: Option<()>,
    request_context: RequestContext<'a>,
    body: Option<Cow<'a, str>>,
    is_base64_encoded: bool,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct RequestContext<'a> {
    account_id: &'static str,
    api_id: &'static str,
    domain_name: Cow<'a, str>,
    domain_prefix: &'static str,
    extended_request_id: &'a str,
    http_method: &'a str,
    identity: Identity<'a>,
    path: String,
    protocol: &'static str,
    request_id: &'a str,
    request_time: String,
    request_time_epoch: i64,
    resource_id: &'a str,
    resource_path: &'a str,
    stage: &'static str,
}

/// Who calls. The fields for IAM and Cognito are `null` without them, and left out here.
#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Identity<'a> {
    source_ip: &'static str,
    user_agent: Option<Cow<'a, str>>,
}

impl<'a> Event<'a> {
    /// The event for a request of an operation. `params` are the path's parameters, decoded; `id`
    /// is API Gateway's own id of the request.
    pub(super) fn new(
        operation: &'a Operation,
        params: &'a [(&'static str, String)],
        parts: &'a Parts,
        body: &'a [u8],
        id: &'a str,
    ) -> Self {
        let http = &operation.http;
        let host = parts.headers.get(HOST).map(text);
        // HTTP/2 has it in the request's target.
        let host = host.or_else(|| Some(parts.uri.authority()?.as_str().into()));
        let host = host.unwrap_or_default();
        let headers = headers(parts, &host);
        let query = query(parts.uri.query().unwrap_or_default());
        let content_type = parts.headers.get(CONTENT_TYPE).map(text);
        let is_binary = content_type.is_some_and(|content_type| media::is_raw(&content_type));
        let (body, is_base64_encoded) = match std::str::from_utf8(body) {
            Ok("") => (None, false),
            Ok(text) if !is_binary => (Some(text.into()), false),
            Ok(_) | Err(_) => (Some(BASE64_STANDARD.encode(body).into()), true),
        };
        let now = OffsetDateTime::now_utc();
        Self {
            resource: http.path,
            path: parts.uri.path(),
            http_method: http.method,
            headers: last_values(&headers),
            multi_value_headers: headers,
            query_string_parameters: (!query.is_empty()).then(|| last_values(&query)),
            multi_value_query_string_parameters: (!query.is_empty()).then_some(query),
            path_parameters: (!params.is_empty()).then(|| {
                let params = params.iter();
                params
                    .map(|(name, value)| (*name, value.as_str()))
                    .collect()
            }),
            stage_variables: None,
            request_context: RequestContext {
                account_id: ACCOUNT_ID,
                api_id: API_ID,
                domain_name: host,
                domain_prefix: API_ID,
                extended_request_id: id,
                http_method: http.method,
                identity: Identity {
                    source_ip: SOURCE_IP,
                    user_agent: parts.headers.get("user-agent").map(text),
                },
                path: format!("/{STAGE}{}", parts.uri.path()),
                protocol: "HTTP/1.1",
                request_id: id,
                request_time: request_time(now),
                request_time_epoch: now.unix_timestamp() * 1000 + i64::from(now.millisecond()),
                resource_id: operation.function,
                resource_path: http.path,
                stage: STAGE,
            },
            body,
            is_base64_encoded,
        }
    }
}

/// All values of each header, with those that API Gateway adds.
fn headers<'a>(parts: &'a Parts, host: &Cow<'a, str>) -> BTreeMap<&'a str, Vec<Cow<'a, str>>> {
    let mut headers: BTreeMap<_, Vec<_>> = BTreeMap::new();
    for (name, value) in &parts.headers {
        headers.entry(name.as_str()).or_default().push(text(value));
    }
    headers.insert(HOST.as_str(), vec![host.clone()]);
    // The proxies before the caller come first.
    let mut forwarded = headers.remove(FORWARDED_FOR).unwrap_or_default();
    forwarded.push(SOURCE_IP.into());
    for (name, value) in [
        (FORWARDED_FOR, forwarded.join(", ").into()),
        ("x-forwarded-port", "443".into()),
        ("x-forwarded-proto", "https".into()),
    ] {
        headers.insert(name, vec![value]);
    }
    headers
}

/// All values of each parameter, decoded.
fn query(query: &str) -> BTreeMap<String, Vec<String>> {
    let mut parameters: BTreeMap<_, Vec<_>> = BTreeMap::new();
    for (name, value) in form_urlencoded::parse(query.as_bytes()) {
        let values = parameters.entry(name.into_owned()).or_default();
        values.push(value.into_owned());
    }
    parameters
}

/// Where a map has one value for each name, it is the last one.
fn last_values<N: Clone + Ord, V: Clone>(map: &BTreeMap<N, Vec<V>>) -> BTreeMap<N, V> {
    map.iter()
        .filter_map(|(name, values)| Some((name.clone(), values.last()?.clone())))
        .collect()
}

/// `09/Apr/2026:12:34:56 +0000`.
fn request_time(time: OffsetDateTime) -> String {
    let (year, month, day) = time.to_calendar_date();
    let (hour, minute, second) = time.to_hms();
    let month = month.to_string();
    let month = month.get(..3).unwrap_or_default();
    format!("{day:02}/{month}/{year}:{hour:02}:{minute:02}:{second:02} +0000")
}

#[cfg(test)]
mod tests {
    use lambda_http::{
        Request, RequestExt as _,
        request::{LambdaRequest, RequestContext as Context},
    };
    use trichrome_proto::contract::by_function;

    use super::*;

    /// The request that a function makes of the event for this one.
    fn received(
        function: &str,
        params: &[(&'static str, String)],
        request: http::request::Builder,
        body: &[u8],
    ) -> LambdaRequest {
        let (parts, ()) = request.body(()).unwrap().into_parts();
        let operation = by_function(function).unwrap();
        let event = Event::new(operation, params, &parts, body, "id-1");
        serde_json::from_slice(&serde_json::to_vec(&event).unwrap()).unwrap()
    }

    #[test]
    fn a_function_reads_the_request() {
        let request = http::Request::get("http://h/pictures/a%20b?x=1&x=%C3%A9+f&y")
            .header("host", "localhost:9000")
            .header("user-agent", "test");
        let params = [("picture_id", "a b".to_owned())];
        let received: Request = received("pictures-get", &params, request, b"").into();
        assert_eq!(received.method(), "GET");
        assert_eq!(received.raw_http_path(), "/pictures/a%20b");
        assert_eq!(received.path_parameters().first("picture_id"), Some("a b"));
        let query = received.query_string_parameters();
        assert_eq!(query.all("x").unwrap(), ["1", "é f"]);
        assert_eq!(query.first("y"), Some(""));
        assert!(received.body().is_empty());
        let Some(Context::ApiGatewayV1(context)) = received.request_context_ref() else {
            panic!("not a REST API's event");
        };
        assert_eq!(context.request_id.as_deref(), Some("id-1"));
        assert_eq!(context.apiid.as_deref(), Some("local"));
        assert_eq!(context.domain_name.as_deref(), Some("localhost:9000"));
        assert_eq!(context.stage.as_deref(), Some("v1"));
    }

    #[test]
    fn every_value_of_a_header_is_kept() {
        let request = http::Request::post("/login")
            .header("authorization", "Bearer a")
            .header("authorization", "Bearer b")
            .header("x-forwarded-for", "203.0.113.7")
            .header(
                "x-latin",
                http::HeaderValue::from_bytes(b"caf\xe9").unwrap(),
            );
        let LambdaRequest::ApiGatewayV1(event) = received("auth-login", &[], request, b"{}") else {
            panic!("not a REST API's event");
        };
        let all = event.multi_value_headers.get_all("authorization");
        assert_eq!(all.iter().collect::<Vec<_>>(), ["Bearer a", "Bearer b"]);
        assert_eq!(event.headers["authorization"], "Bearer b");
        assert_eq!(event.headers["x-latin"].as_bytes(), "café".as_bytes());
        assert_eq!(event.headers[FORWARDED_FOR], "203.0.113.7, 127.0.0.1");
    }

    #[test]
    fn a_body_that_is_not_utf8_comes_as_it_is() {
        for body in [
            &b"{\"a\":\"\xe9\"}"[..],
            b"\xff\xfe{\0}\0",
            b"\x1f\x8b\x08",
            b"{}",
        ] {
            let request = http::Request::post("/login");
            let request: Request = received("auth-login", &[], request, body).into();
            assert_eq!(&request.body()[..], body);
        }
    }

    #[test]
    fn times_are_written_as_in_access_logs() {
        let time = OffsetDateTime::from_unix_timestamp(1_775_738_096).unwrap();
        assert_eq!(request_time(time), "09/Apr/2026:12:34:56 +0000");
    }
}
