//! Lambda's Invoke API, as AWS answers it. (AWS, "Invoke" in Lambda's API reference.)
//!
//! The client context is not passed on: cargo-lambda 1.9.2 encodes it a second time, and no
//! function could read it.

use axum::{
    body::Body,
    extract::{Path, State},
    response::{IntoResponse as _, Response},
};
use http::{HeaderMap, HeaderName, HeaderValue, StatusCode, header::CONTENT_TYPE};
use serde_json::json;
use uuid::Uuid;

use crate::{
    Api,
    body::{self, BodyError},
    functions::{Answer, InvokeError},
    limits::MAX_PAYLOAD,
};

/// The path of an invocation.
pub(crate) const PATH: &str = "/2015-03-31/functions/{name}/invocations";

const INVOCATION_TYPE: &str = "x-amz-invocation-type";
const FUNCTION_ERROR: HeaderName = HeaderName::from_static("x-amz-function-error");
const EXECUTED_VERSION: HeaderName = HeaderName::from_static("x-amz-executed-version");
const ERROR_TYPE: HeaderName = HeaderName::from_static("x-amzn-errortype");
const REQUEST_ID: HeaderName = HeaderName::from_static("x-amzn-requestid");

const JSON: HeaderValue = HeaderValue::from_static("application/json");

pub(crate) async fn serve(
    State(api): State<Api>,
    Path(name): Path<String>,
    headers: HeaderMap,
    body: Body,
) -> Response {
    let mut response = invoke(&api, &name, &headers, body)
        .await
        .unwrap_or_else(|refusal| refusal.into_response());
    let id = Uuid::new_v4().to_string();
    if let Ok(id) = HeaderValue::try_from(id) {
        response.headers_mut().insert(REQUEST_ID, id);
    }
    response
}

async fn invoke(
    api: &Api,
    name: &str,
    headers: &HeaderMap,
    body: Body,
) -> Result<Response, Refusal> {
    let kind = headers.get(INVOCATION_TYPE).map(HeaderValue::as_bytes);
    if !is_name(name) {
        return Err(InvokeError::Missing(name.to_owned()).into());
    }
    let event = body::read(headers, body, MAX_PAYLOAD).await?;
    match kind {
        None | Some(b"RequestResponse") => {
            let answer = api.functions.invoke(name, event).await?;
            Ok(answered(answer))
        }
        Some(b"Event") => {
            api.background.accept(name, event)?;
            Ok(StatusCode::ACCEPTED.into_response())
        }
        Some(b"DryRun") => Ok(StatusCode::NO_CONTENT.into_response()),
        Some(_) => Err(Refusal {
            status: StatusCode::BAD_REQUEST,
            kind: "InvalidParameterValueException",
            message: "the invocation type must be RequestResponse, Event or DryRun".to_owned(),
        }),
    }
}

/// Whether this can be a function's name. (AWS, "Invoke", `FunctionName`.)
fn is_name(name: &str) -> bool {
    (1..=64).contains(&name.len())
        && name
            .bytes()
            .all(|byte| byte.is_ascii_alphanumeric() || b"-_".contains(&byte))
}

/// A function's error has status 200 too, and a header.
fn answered(answer: Answer) -> Response {
    let (payload, failed) = match answer {
        Answer::Success(payload) => (payload, false),
        Answer::Failed(error) => (error, true),
    };
    let mut response = Response::new(Body::from(payload));
    let headers = response.headers_mut();
    headers.insert(CONTENT_TYPE, JSON);
    headers.insert(EXECUTED_VERSION, HeaderValue::from_static("$LATEST"));
    if failed {
        headers.insert(FUNCTION_ERROR, HeaderValue::from_static("Unhandled"));
    }
    response
}

/// An error of the Invoke API itself.
struct Refusal {
    status: StatusCode,
    kind: &'static str,
    message: String,
}

impl From<InvokeError> for Refusal {
    fn from(error: InvokeError) -> Self {
        let (status, kind) = match error {
            InvokeError::Missing(_) => (StatusCode::NOT_FOUND, "ResourceNotFoundException"),
            InvokeError::Throttled => (StatusCode::TOO_MANY_REQUESTS, "TooManyRequestsException"),
            InvokeError::TooLarge(..) => {
                (StatusCode::PAYLOAD_TOO_LARGE, "RequestTooLargeException")
            }
            InvokeError::NotJson => (StatusCode::BAD_REQUEST, "InvalidRequestContentException"),
            InvokeError::Unreachable => (
                StatusCode::SERVICE_UNAVAILABLE,
                "ServiceUnavailableException",
            ),
        };
        Self {
            status,
            kind,
            message: error.to_string(),
        }
    }
}

impl From<BodyError> for Refusal {
    fn from(error: BodyError) -> Self {
        match error {
            BodyError::TooLarge => InvokeError::TooLarge(MAX_PAYLOAD + 1, MAX_PAYLOAD).into(),
            BodyError::Incomplete | BodyError::TimedOut => InvokeError::NotJson.into(),
        }
    }
}

impl Refusal {
    fn into_response(self) -> Response {
        let fault = if self.status.is_server_error() {
            "Service"
        } else {
            "User"
        };
        let body = json!({"Type": fault, "Message": self.message}).to_string();
        let mut response = Response::new(Body::from(body));
        *response.status_mut() = self.status;
        response.headers_mut().insert(CONTENT_TYPE, JSON);
        let kind = HeaderValue::from_static(self.kind);
        response.headers_mut().insert(ERROR_TYPE, kind);
        response
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use http_body_util::BodyExt as _;
    use tokio_util::sync::CancellationToken;

    use super::*;
    use crate::{
        background::Background,
        functions::tests::{Script, functions},
    };

    const FAILED: &str = r#"{"errorType":"e","errorMessage":"m"}"#;

    /// The response to an event, and the number of calls that reached the function.
    async fn ask(
        name: &str,
        kind: Option<&'static str>,
        event: &'static str,
        answer: (u16, &'static str),
    ) -> (Response, usize) {
        let (status, text) = answer;
        let (functions, calls) = functions(Script::new(move |_| (status, text.into())));
        let functions = Arc::new(functions);
        let background = Background::new(Arc::clone(&functions), CancellationToken::new());
        let api = Api {
            functions: Arc::clone(&functions),
            background,
        };
        let kind = kind.map(|kind| (INVOCATION_TYPE.parse().unwrap(), kind.parse().unwrap()));
        let headers: HeaderMap = kind.into_iter().collect();
        let name = Path(name.to_owned());
        let response = serve(State(api), name, headers, Body::from(event)).await;
        functions.finish().await;
        let calls = *calls.borrow();
        (response, calls)
    }

    async fn text(response: Response) -> String {
        let bytes = response.into_body().collect().await.unwrap().to_bytes();
        String::from_utf8(bytes.to_vec()).unwrap()
    }

    #[tokio::test]
    async fn answers_and_function_errors_have_status_200() {
        let (response, _) = ask("f", None, "{}", (200, "{\"a\":1}")).await;
        assert_eq!(response.status(), 200);
        assert!(!response.headers().contains_key(FUNCTION_ERROR));
        assert_eq!(text(response).await, "{\"a\":1}");
        let (response, _) = ask("f", Some("RequestResponse"), "{}", (500, FAILED)).await;
        assert_eq!(response.status(), 200);
        assert_eq!(response.headers()[FUNCTION_ERROR], "Unhandled");
        assert_eq!(text(response).await, FAILED);
    }

    #[tokio::test]
    async fn an_event_is_accepted_and_a_dry_run_calls_nothing() {
        let (response, calls) = ask("f", Some("Event"), "{}", (200, "{}")).await;
        assert_eq!((response.status().as_u16(), calls), (202, 1));
        let (response, calls) = ask("f", Some("DryRun"), "{}", (200, "{}")).await;
        assert_eq!((response.status().as_u16(), calls), (204, 0));
    }

    #[tokio::test]
    async fn errors_have_awss_status_and_type() {
        for (name, kind, event, answer, status, error) in [
            ("a/b", None, "{}", 200, 404, "ResourceNotFoundException"),
            ("f", None, "{}", 404, 404, "ResourceNotFoundException"),
            ("f", None, "{", 200, 400, "InvalidRequestContentException"),
            (
                "f",
                Some("Event"),
                "{",
                200,
                400,
                "InvalidRequestContentException",
            ),
            (
                "f",
                Some("Other"),
                "{}",
                200,
                400,
                "InvalidParameterValueException",
            ),
            ("f", None, "{}", 502, 503, "ServiceUnavailableException"),
        ] {
            let (response, _) = ask(name, kind, event, (answer, "{}")).await;
            let got = (response.status().as_u16(), &response.headers()[ERROR_TYPE]);
            assert_eq!(got.0, status, "{error}");
            assert_eq!(got.1, error);
            assert!(text(response).await.contains("\"Message\":"));
        }
    }
}
