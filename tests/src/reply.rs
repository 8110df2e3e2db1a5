//! Replies, in the same form for every transport.

use std::{fmt::Write as _, panic::Location};

use anyhow::{Result, anyhow, bail, ensure};
use serde_json::Value;
use trichrome_proto::{
    contract::Operation,
    error::{ErrorBody, ErrorCode, ErrorDetail},
};

/// The reply to a call.
#[derive(Clone, Debug)]
pub struct Reply {
    /// A description of the call, for error messages.
    pub what: String,
    /// The HTTP status or its equivalent.
    pub status: u16,
    /// The response message as JSON, or the error.
    pub outcome: Result<Value, ErrorDetail>,
    pub request_id: String,
    /// The header `retry-after`, in seconds.
    pub retry_after: Option<u64>,
}

impl Reply {
    /// Builds a success, after checking its status against the contract.
    pub(crate) fn success(
        operation: &Operation,
        status: u16,
        message: Value,
        request_id: String,
    ) -> Result<Self> {
        ensure!(
            status == operation.http.success,
            "the success status is {status}, but the contract has {}",
            operation.http.success
        );
        Ok(Self {
            what: String::new(),
            status,
            outcome: Ok(message),
            request_id,
            retry_after: None,
        })
    }

    /// Builds a failure from an error body, which must have the contract's form.
    pub(crate) fn failure(status: u16, body: &[u8], request_id: String) -> Result<Self> {
        let body: ErrorBody = serde_json::from_slice(body).map_err(|error| {
            let text: String = String::from_utf8_lossy(body).chars().take(300).collect();
            anyhow!("status {status}, body isn't an error of the contract ({error}): {text}")
        })?;
        Self::failed(status, body.error, request_id)
    }

    /// Builds a failure from an error that wasn't sent as JSON.
    pub(crate) fn failed(status: u16, error: ErrorDetail, request_id: String) -> Result<Self> {
        let code = ErrorCode::from_text(&error.code);
        ensure!(
            code.is_some_and(|code| code.http() == status),
            "status {status} doesn't match the error code {:?}",
            error.code
        );
        ensure!(
            !error.message.is_empty(),
            "{} without a message",
            error.code
        );
        ensure!(
            error.request_id == request_id,
            "the error has the request id {:?}, but the header has {request_id:?}",
            error.request_id
        );
        Ok(Self {
            what: String::new(),
            status,
            outcome: Err(error),
            request_id,
            retry_after: None,
        })
    }

    /// Adds the header `retry-after`.
    pub(crate) fn retry_after(self, header: Option<&str>) -> Self {
        Self {
            retry_after: header.and_then(|seconds| seconds.parse().ok()),
            ..self
        }
    }

    /// The error code, if the call failed.
    pub fn code(&self) -> Option<ErrorCode> {
        let error = self.outcome.as_ref().err()?;
        ErrorCode::from_text(&error.code)
    }

    /// The error message; empty for a success.
    pub fn message(&self) -> &str {
        self.outcome
            .as_ref()
            .err()
            .map_or("", |error| error.message.as_str())
    }

    /// Returns the response message, or an error if the call failed.
    #[track_caller]
    pub fn ok(self) -> Result<Value> {
        match self.outcome {
            Ok(message) => Ok(message),
            Err(error) => bail!(
                "{}: expected success, got {} {}: {} (request {}), at {}",
                self.what,
                self.status,
                error.code,
                error.message,
                self.request_id,
                Location::caller()
            ),
        }
    }

    /// Checks that the call failed with this code.
    #[track_caller]
    pub fn refused(self, code: ErrorCode) -> Result<Self> {
        if self.code() == Some(code) {
            return Ok(self);
        }
        let mut got = self.status.to_string();
        match &self.outcome {
            Ok(message) => {
                let text: String = message.to_string().chars().take(200).collect();
                write!(got, ", success: {text}")?;
            }
            Err(error) => write!(got, " {}: {}", error.code, error.message)?,
        }
        bail!(
            "{}: expected {} {}, got {got} (request {}), at {}",
            self.what,
            code.http(),
            code.as_str(),
            self.request_id,
            Location::caller()
        )
    }

    /// Checks that the error message contains a text, ignoring case.
    #[track_caller]
    pub fn saying(self, part: &str) -> Result<Self> {
        ensure!(
            self.message().to_lowercase().contains(&part.to_lowercase()),
            "{}: the message {:?} doesn't contain {part:?}, at {}",
            self.what,
            self.message(),
            Location::caller()
        );
        Ok(self)
    }
}

/// Returns a text field of a message.
#[track_caller]
pub fn text<'a>(message: &'a Value, field: &str) -> Result<&'a str> {
    message[field].as_str().ok_or_else(|| {
        let shown: String = message.to_string().chars().take(300).collect();
        anyhow!("no text {field:?} in {shown}, at {}", Location::caller())
    })
}

/// Returns a list field of a message.
#[track_caller]
pub fn list<'a>(message: &'a Value, field: &str) -> Result<&'a [Value]> {
    message[field].as_array().map(Vec::as_slice).ok_or_else(|| {
        let shown: String = message.to_string().chars().take(300).collect();
        anyhow!("no list {field:?} in {shown}, at {}", Location::caller())
    })
}
