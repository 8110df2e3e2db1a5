//! Reads a function's answer, which is an HTTP response.

use std::{borrow::Cow, collections::HashMap};

use base64::{Engine as _, prelude::BASE64_STANDARD};
use serde_json::Value;
use trichrome_proto::{
    binding,
    contract::Operation,
    error::{ApiError, ErrorBody, ErrorCode},
    wire::{
        Response,
        header::{RETRY_AFTER, USER_ID},
    },
};

use super::fault::{self, internal};

/// A successful answer.
#[derive(Debug)]
pub(crate) struct Reply {
    operation: &'static Operation,
    headers: HashMap<String, String>,
    body: String,
}

impl Reply {
    /// The HTTP response's body.
    pub(crate) fn body(&self) -> &str {
        &self.body
    }

    /// The response message as JSON text.
    ///
    /// # Errors
    ///
    /// `INTERNAL` if the body is not JSON.
    pub(crate) fn message(&self) -> Result<Cow<'_, str>, ApiError> {
        if self.operation.output.is_empty() {
            return Ok(Cow::Borrowed("{}"));
        }
        // Most bodies are the message itself. It may be megabytes, so it isn't parsed.
        if self.operation.http.response_body.is_none() {
            return Ok(Cow::Borrowed(&self.body));
        }
        Ok(Cow::Owned(self.message_value()?.to_string()))
    }

    /// The response message.
    ///
    /// # Errors
    ///
    /// `INTERNAL` if the body is not JSON.
    pub(crate) fn message_value(&self) -> Result<Value, ApiError> {
        let header = |name: &str| self.headers.get(name).cloned();
        binding::join_response(self.operation, self.body.as_bytes(), header).map_err(|error| {
            tracing::error!(function = self.operation.function, %error, "the answer is not JSON");
            internal()
        })
    }
}

/// Reads a function's answer, and the id of the caller that it verified.
pub(crate) fn read(
    operation: &'static Operation,
    payload: &[u8],
) -> (Result<Reply, ApiError>, Option<String>) {
    let response: Response = match serde_json::from_slice(payload) {
        Ok(response) => response,
        Err(error) => {
            tracing::error!(function = operation.function, %error, "the answer is not an HTTP response");
            return (Err(internal()), None);
        }
    };
    let mut headers: HashMap<_, _> = response
        .headers
        .unwrap_or_default()
        .into_iter()
        .map(|(name, value)| (name.to_ascii_lowercase(), value))
        .collect();
    let user_id = headers.remove(USER_ID).filter(|id| !id.is_empty());
    let body = response.body.unwrap_or_default();
    let body = if response.is_base64_encoded.unwrap_or_default() {
        match decode(&body) {
            Some(body) => body,
            None => {
                tracing::error!(
                    function = operation.function,
                    "the answer's body is not base64"
                );
                return (Err(internal()), user_id);
            }
        }
    } else {
        body
    };
    let result = match ErrorCode::from_http(response.status_code) {
        None => Ok(Reply {
            operation,
            headers,
            body,
        }),
        Some(code) => {
            let wait = headers.get(RETRY_AFTER).map(String::as_str);
            Err(read_error(code, body.as_bytes()).with_retry_after(wait))
        }
    };
    (result, user_id)
}

fn decode(body: &str) -> Option<String> {
    String::from_utf8(BASE64_STANDARD.decode(body).ok()?).ok()
}

/// The error in a body. Other bodies, such as those of API Gateway's own errors, get a general
/// message for the status.
pub(crate) fn read_error(status: ErrorCode, body: &[u8]) -> ApiError {
    if let Ok(ErrorBody { error }) = serde_json::from_slice(body) {
        let code = ErrorCode::from_text(&error.code).unwrap_or(status);
        return ApiError::new(code, error.message);
    }
    if status.is_fault() {
        return fault::fault(status);
    }
    let message = match status {
        ErrorCode::Unauthenticated => "send a valid token, as \"authorization: Bearer …\"",
        ErrorCode::PermissionDenied => "you are not allowed to do this",
        ErrorCode::NotFound => "not found",
        ErrorCode::PayloadTooLarge => return crate::call::limits::body_too_large(),
        ErrorCode::ResourceExhausted => "too many calls; try again shortly",
        _ => "the request was refused",
    };
    ApiError::new(status, message)
}

#[cfg(test)]
mod tests {
    use serde_json::json;
    use trichrome_proto::contract::by_function;

    use super::*;

    fn answer(function: &str, response: Value) -> (Result<Reply, ApiError>, Option<String>) {
        read(
            by_function(function).unwrap(),
            response.to_string().as_bytes(),
        )
    }

    #[test]
    fn the_callers_id_is_removed_from_the_answer() {
        let (reply, user) = answer(
            "users-get",
            json!({"statusCode": 200, "headers": {"Trichrome-User-Id": "u"}, "body": "{}"}),
        );
        assert_eq!(user.as_deref(), Some("u"));
        assert!(reply.unwrap().headers.is_empty());
    }

    #[test]
    fn a_list_becomes_the_message_again() {
        let (reply, _) = answer(
            "pictures-list",
            json!({"statusCode": 200, "headers": {"next-cursor": "c"}, "body": "[{\"id\":\"p\"}]"}),
        );
        let message: Value = serde_json::from_str(&reply.unwrap().message().unwrap()).unwrap();
        assert_eq!(
            message,
            json!({"pictures": [{"id": "p"}], "next_cursor": "c"})
        );
    }

    #[test]
    fn an_empty_answer_is_the_empty_message() {
        let (reply, user) = answer("users-delete", json!({"statusCode": 204, "body": null}));
        assert_eq!(reply.unwrap().message().unwrap(), "{}");
        assert_eq!(user, None);
    }

    #[test]
    fn a_binary_answer_is_decoded() {
        let (reply, _) = answer(
            "users-get",
            json!({"statusCode": 200, "body": BASE64_STANDARD.encode("{}"), "isBase64Encoded": true}),
        );
        assert_eq!(reply.unwrap().body(), "{}");
        let (reply, _) = answer(
            "users-get",
            json!({"statusCode": 200, "body": "***", "isBase64Encoded": true}),
        );
        assert_eq!(reply.unwrap_err().code, ErrorCode::Internal);
    }

    #[test]
    fn an_error_keeps_its_code_and_message() {
        let body = ErrorBody::new(ErrorCode::Aborted, "at odds", "r", "t");
        let (reply, _) = answer(
            "users-create",
            json!({"statusCode": 409, "body": serde_json::to_string(&body).unwrap()}),
        );
        assert_eq!(
            reply.unwrap_err(),
            ApiError::new(ErrorCode::Aborted, "at odds")
        );
    }

    #[test]
    fn an_error_keeps_the_time_to_wait() {
        let (reply, _) = answer(
            "auth-login",
            json!({"statusCode": 429, "headers": {"Retry-After": "7"}}),
        );
        let error = reply.unwrap_err();
        assert_eq!(error.code, ErrorCode::ResourceExhausted);
        assert_eq!(error.retry_after_header().as_deref(), Some("7"));
    }

    #[test]
    fn an_error_of_another_form_is_mapped_by_its_status() {
        let (reply, _) = answer("users-create", json!({"statusCode": 502, "body": "<html>"}));
        assert_eq!(reply.unwrap_err().code, ErrorCode::Unavailable);
        let (reply, _) = answer("users-create", json!({"statusCode": 403}));
        assert_eq!(reply.unwrap_err().code, ErrorCode::PermissionDenied);
    }

    #[test]
    fn an_invalid_response_is_an_internal_error() {
        let operation = by_function("users-get").unwrap();
        let (reply, _) = read(operation, b"null");
        assert_eq!(reply.unwrap_err(), internal());
    }
}
