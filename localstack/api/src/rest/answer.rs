//! A function's answer as an HTTP response.

use std::{borrow::Cow, collections::HashMap};

use axum::{body::Body, response::Response};
use base64::{Engine as _, prelude::BASE64_STANDARD};
use bytes::Bytes;
use http::{
    HeaderName, HeaderValue, StatusCode,
    header::{CONNECTION, CONTENT_LENGTH, TRANSFER_ENCODING},
};
use serde::Deserialize;

/// What the connection decides.
const OWN: [HeaderName; 3] = [CONNECTION, CONTENT_LENGTH, TRANSFER_ENCODING];

/// Why an answer isn't an HTTP response. API Gateway answers 502 then.
#[derive(Debug, thiserror::Error)]
pub(super) enum AnswerError {
    #[error("it isn't JSON of that format")]
    Format(#[from] serde_json::Error),
    #[error("it has an invalid status")]
    Status(#[from] http::status::InvalidStatusCode),
    #[error("it has an invalid header name")]
    Name(#[from] http::header::InvalidHeaderName),
    #[error("it has an invalid header value")]
    Value(#[from] http::header::InvalidHeaderValue),
    #[error("its body isn't base64")]
    Base64(#[from] base64::DecodeError),
}

/// A REST API's output format. (AWS, "Set up Lambda proxy integrations in API Gateway".)
#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Answer<'a> {
    status_code: u16,
    #[serde(default)]
    headers: Option<HashMap<String, String>>,
    #[serde(default)]
    multi_value_headers: Option<HashMap<String, Vec<String>>>,
    #[serde(borrow, default)]
    body: Option<Cow<'a, str>>,
    #[serde(default)]
    is_base64_encoded: Option<bool>,
}

/// Reads an answer. Where a header is in both maps, both count, and a value once.
pub(super) fn read(payload: &[u8]) -> Result<Response, AnswerError> {
    let answer: Answer<'_> = serde_json::from_slice(payload)?;
    let body = answer.body.unwrap_or_default();
    let body = if answer.is_base64_encoded.unwrap_or_default() {
        Bytes::from(BASE64_STANDARD.decode(body.as_bytes())?)
    } else {
        Bytes::from(body.into_owned())
    };
    let mut response = Response::new(Body::from(body));
    *response.status_mut() = StatusCode::from_u16(answer.status_code)?;
    let many = answer.multi_value_headers.unwrap_or_default();
    let many = many
        .into_iter()
        .flat_map(|(name, values)| values.into_iter().map(move |value| (name.clone(), value)));
    for (name, value) in many.chain(answer.headers.unwrap_or_default()) {
        let name = HeaderName::try_from(name)?;
        let value = HeaderValue::try_from(value)?;
        let headers = response.headers_mut();
        if !OWN.contains(&name) && !headers.get_all(&name).iter().any(|it| *it == value) {
            headers.append(name, value);
        }
    }
    Ok(response)
}

#[cfg(test)]
mod tests {
    use http_body_util::BodyExt as _;
    use serde_json::{Value, json};

    use super::*;

    async fn body(response: Response) -> Bytes {
        response.into_body().collect().await.unwrap().to_bytes()
    }

    #[tokio::test]
    async fn headers_of_both_maps_are_kept() {
        let answer = json!({
            "statusCode": 201,
            "headers": {"X-One": "1", "x-both": "b", "content-length": "7"},
            "multiValueHeaders": {"x-both": ["a", "b"]},
            "body": "{\"é\":1}",
            "isBase64Encoded": false,
        });
        let response = read(answer.to_string().as_bytes()).unwrap();
        assert_eq!(response.status(), 201);
        let headers = response.headers();
        assert_eq!(headers["x-one"], "1");
        let both: Vec<_> = headers.get_all("x-both").iter().collect();
        assert_eq!(both, ["a", "b"]);
        assert!(!headers.contains_key(CONTENT_LENGTH));
        assert_eq!(body(response).await, "{\"é\":1}");
    }

    #[tokio::test]
    async fn a_binary_body_is_decoded() {
        let answer = json!({"statusCode": 200, "body": "/wAB", "isBase64Encoded": true});
        let response = read(answer.to_string().as_bytes()).unwrap();
        assert_eq!(body(response).await, [0xff, 0, 1].as_slice());
        let answer = json!({"statusCode": 204, "headers": Value::Null});
        assert!(
            body(read(answer.to_string().as_bytes()).unwrap())
                .await
                .is_empty()
        );
    }

    #[test]
    fn other_answers_are_errors() {
        for answer in [
            "",
            "{}",
            r#"{"statusCode":"200"}"#,
            r#"{"statusCode":99}"#,
            r#"{"statusCode":200,"headers":{"a b":"c"}}"#,
            r#"{"statusCode":200,"headers":{"a":"\n"}}"#,
            r#"{"statusCode":200,"body":"?","isBase64Encoded":true}"#,
        ] {
            assert!(read(answer.as_bytes()).is_err(), "{answer}");
        }
    }
}
