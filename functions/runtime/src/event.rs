//! The HTTP event as API Gateway delivers it.

use std::fmt;

use base64::{Engine as _, prelude::BASE64_STANDARD};
use lambda_http::{Body, request::LambdaRequest};
use serde::{
    Deserialize, Deserializer,
    de::{Error, MapAccess, Visitor},
};
use serde_json::{Map, Value, value::RawValue};
use trichrome_proto::json::unquote;

/// An event, and its body apart from it.
///
/// `lambda_http` copies an event twice, and decodes the body from a third copy. Here the body is
/// decoded from the event, so that both are in memory only until the event is freed: it may be a
/// picture.
pub(crate) struct HttpEvent {
    pub(crate) request: LambdaRequest,
    pub(crate) body: Body,
}

impl<'de> Deserialize<'de> for HttpEvent {
    fn deserialize<D: Deserializer<'de>>(from: D) -> Result<Self, D::Error> {
        struct Fields;
        impl<'de> Visitor<'de> for Fields {
            type Value = HttpEvent;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("an event of API Gateway")
            }

            fn visit_map<A: MapAccess<'de>>(self, mut from: A) -> Result<HttpEvent, A::Error> {
                let mut body: Option<&'de RawValue> = None;
                let mut fields = Map::new();
                while let Some(name) = from.next_key::<String>()? {
                    if name == "body" {
                        body = from.next_value()?;
                    } else {
                        fields.insert(name, from.next_value()?);
                    }
                }
                let is_base64 = fields.remove("isBase64Encoded") == Some(Value::Bool(true));
                let body = body.map_or(Ok(Body::Empty), |body| decode(body.get(), is_base64));
                let request = serde_json::from_value(Value::Object(fields));
                Ok(HttpEvent {
                    request: request.map_err(A::Error::custom)?,
                    body: body.map_err(A::Error::custom)?,
                })
            }
        }
        from.deserialize_map(Fields)
    }
}

/// Decodes a body from a JSON string.
fn decode(json: &str, is_base64: bool) -> Result<Body, &'static str> {
    // Base64 needs no escapes, but `/` may have one.
    let plain = json
        .strip_prefix('"')
        .and_then(|rest| rest.strip_suffix('"'));
    match plain {
        Some(text) if is_base64 && !text.contains('\\') => BASE64_STANDARD
            .decode(text)
            .map(Body::Binary)
            .map_err(|_| "the body isn't base64"),
        _ => {
            let text = unquote(json).map_err(|_| "the body isn't text")?;
            if !is_base64 {
                return Ok(Body::Text(text));
            }
            BASE64_STANDARD
                .decode(text)
                .map(Body::Binary)
                .map_err(|_| "the body isn't base64")
        }
    }
}

/// Keeps every value of a header that comes more than once.
///
/// A REST API's event has all values in `multiValueHeaders` and the last one in `headers`.
/// `lambda_http` 1.3.2 lets the latter replace the former, so a request with two tokens would look
/// like one with the second token.
pub(crate) fn keep_all_values(mut request: LambdaRequest) -> LambdaRequest {
    if let LambdaRequest::ApiGatewayV1(request) = &mut request {
        let all = &request.multi_value_headers;
        for name in all.keys() {
            if all.get_all(name).iter().nth(1).is_some() {
                request.headers.remove(name);
            }
        }
    }
    request
}

#[cfg(test)]
mod tests {
    use lambda_http::{Request, http::HeaderValue};
    use serde_json::json;

    use super::*;

    #[test]
    fn a_repeated_header_is_kept_and_others_too() {
        let event = json!({
            "httpMethod": "GET",
            "path": "/pictures",
            "headers": {"authorization": "Bearer b", "host": "h", "only": "here"},
            "multiValueHeaders": {"authorization": ["Bearer a", "Bearer b"], "host": ["h"]},
            "requestContext": {"httpMethod": "GET", "apiId": "api"},
        });
        let event = serde_json::from_value(event).unwrap();
        let request: Request = keep_all_values(event).into();
        let values = |name| request.headers().get_all(name).iter().collect::<Vec<_>>();
        let both = ["Bearer a", "Bearer b"].map(HeaderValue::from_static);
        assert_eq!(values("authorization"), both.iter().collect::<Vec<_>>());
        assert_eq!(values("host"), ["h"]);
        assert_eq!(values("only"), ["here"]);
    }
    #[test]
    fn a_body_is_decoded_from_the_event() {
        for (body, is_base64, expected) in [
            (
                r#""{\"a\": \"\u00e9\"}""#,
                false,
                Body::from(r#"{"a": "é"}"#),
            ),
            (r#""/wA=""#, true, Body::Binary(vec![0xff, 0])),
            (r#""\/wA=""#, true, Body::Binary(vec![0xff, 0])),
            ("null", false, Body::Empty),
            (r#""""#, true, Body::Binary(Vec::new())),
        ] {
            for version in [
                r#""httpMethod":"POST","path":"/p","requestContext":{"httpMethod":"POST"}"#,
                r#""version":"2.0","rawPath":"/p","requestContext":{"http":{"method":"POST"}}"#,
            ] {
                let json = format!(r#"{{"body":{body},{version},"isBase64Encoded":{is_base64}}}"#);
                let event: HttpEvent = serde_json::from_str(&json).unwrap();
                assert_eq!(event.body, expected, "{json}");
                let request: Request = event.request.into();
                assert_eq!(
                    (request.method().as_str(), request.uri().path()),
                    ("POST", "/p")
                );
            }
        }
        for json in [
            "[]",
            "{}",
            r#"{"httpMethod":"POST","requestContext":{},"body":7}"#,
            r#"{"httpMethod":"POST","requestContext":{},"body":"?","isBase64Encoded":true}"#,
        ] {
            assert!(serde_json::from_str::<HttpEvent>(json).is_err(), "{json}");
        }
    }
}
