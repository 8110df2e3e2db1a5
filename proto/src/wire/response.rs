//! A function's answer.

use std::collections::HashMap;

use serde::Deserialize;

/// API Gateway's response format, version 2.0. A function may leave out all but the status.
#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Response {
    /// The HTTP status.
    pub status_code: u16,
    /// The HTTP headers, in any case.
    #[serde(default)]
    pub headers: Option<HashMap<String, String>>,
    /// The body.
    #[serde(default)]
    pub body: Option<String>,
    /// Whether the body is base64.
    #[serde(default)]
    pub is_base64_encoded: Option<bool>,
}
