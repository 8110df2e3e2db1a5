//! One answer, alike for every transport.

use std::{fmt::Write as _, panic::Location};

use anyhow::{Result, anyhow, bail, ensure};
use serde_json::Value;
use trichrome_proto::{
    contract::Operation,
    error::{ErrorBody, ErrorCode, ErrorDetail},
};

/// The answer to a call.
#[derive(Clone, Debug)]
pub struct Reply {
    /// Which call it answers, for messages.
    pub what: String,
    /// The HTTP status, or its equal.
    pub status: u16,
    /// The response message as JSON, or the error.
    pub outcome: Result<Value, ErrorDetail>,
    /// The request id that it came with.
    pub request_id: String,
}

impl Reply {
    /// A success, which has to come with the status that the contract says.
    pub(crate) fn success(
        operation: &Operation,
        status: u16,
        message: Value,
        request_id: String,
    ) -> Result<Self> {
        ensure!(
            status == operation.http.success,
            "the status of success is {status}, not the contract's {}",
            operation.http.success
        );
        Ok(Self {
            what: String::new(),
            status,
            outcome: Ok(message),
            request_id,
        })
    }

    /// A failure, which has to be of the one shape that errors have.
    pub(crate) fn failure(status: u16, body: &[u8], request_id: String) -> Result<Self> {
        let body: ErrorBody = serde_json::from_slice(body).map_err(|error| {
            let text: String = String::from_utf8_lossy(body).chars().take(300).collect();
            anyhow!(
                "status {status} with a body that is no error of the contract ({error}): {text}"
            )
        })?;
        Self::failed(status, body.error, request_id)
    }

    /// As [`Self::failure`], where the error was no JSON.
    pub(crate) fn failed(status: u16, error: ErrorDetail, request_id: String) -> Result<Self> {
        let code = ErrorCode::from_text(&error.code);
        ensure!(
            code.is_some_and(|code| code.http() == status),
            "status {status} with the error code {:?}",
            error.code
        );
        ensure!(
            !error.message.is_empty(),
            "{} without a message",
            error.code
        );
        ensure!(
            error.request_id == request_id,
            "the error names the request {:?}, and its header {request_id:?}",
            error.request_id
        );
        Ok(Self {
            what: String::new(),
            status,
            outcome: Err(error),
            request_id,
        })
    }

    /// The error's code, where it is one.
    pub fn code(&self) -> Option<ErrorCode> {
        let error = self.outcome.as_ref().err()?;
        ErrorCode::from_text(&error.code)
    }

    /// The error's message; empty for a success.
    pub fn message(&self) -> &str {
        self.outcome
            .as_ref()
            .err()
            .map_or("", |error| error.message.as_str())
    }

    /// The response message.
    ///
    /// # Errors
    ///
    /// The call failed.
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

    /// Holds the answer to be this refusal.
    ///
    /// # Errors
    ///
    /// The call went well, or failed otherwise.
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

    /// Holds the error's message to say this.
    ///
    /// # Errors
    ///
    /// It does not.
    #[track_caller]
    pub fn saying(self, part: &str) -> Result<Self> {
        ensure!(
            self.message().to_lowercase().contains(&part.to_lowercase()),
            "{}: the message {:?} does not say {part:?}, at {}",
            self.what,
            self.message(),
            Location::caller()
        );
        Ok(self)
    }
}

/// A text field of a message.
///
/// # Errors
///
/// It is not there, or no text.
#[track_caller]
pub fn text<'a>(message: &'a Value, field: &str) -> Result<&'a str> {
    message[field].as_str().ok_or_else(|| {
        let shown: String = message.to_string().chars().take(300).collect();
        anyhow!("no text {field:?} in {shown}, at {}", Location::caller())
    })
}

/// A list field of a message.
///
/// # Errors
///
/// It is not there, or no list.
#[track_caller]
pub fn list<'a>(message: &'a Value, field: &str) -> Result<&'a [Value]> {
    message[field].as_array().map(Vec::as_slice).ok_or_else(|| {
        let shown: String = message.to_string().chars().take(300).collect();
        anyhow!("no list {field:?} in {shown}, at {}", Location::caller())
    })
}
