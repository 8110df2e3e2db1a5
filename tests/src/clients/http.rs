//! Plain HTTP, for what the contract's clients would not say.

use std::time::Duration;

use anyhow::{Context as _, Result};
use bytes::Bytes;
use reqwest::{
    Client, Method,
    header::{HeaderMap, HeaderName, HeaderValue},
};
use serde_json::Value;

/// The longest that any answer is waited for.
const TIMEOUT: Duration = Duration::from_secs(30);

/// An HTTP client.
pub struct Http(Client);

impl Http {
    /// A client that follows no redirects: none is expected.
    pub(crate) fn new() -> Result<Self> {
        let client = Client::builder()
            .timeout(TIMEOUT)
            .redirect(reqwest::redirect::Policy::none())
            .build()?;
        Ok(Self(client))
    }

    /// Sends a request, headers by their names.
    ///
    /// # Errors
    ///
    /// There is no answer.
    pub async fn send(
        &self,
        method: &str,
        url: &str,
        headers: &[(&str, &str)],
        body: impl Into<Bytes>,
    ) -> Result<Answer> {
        let mut map = HeaderMap::new();
        for (name, value) in headers {
            map.append(HeaderName::try_from(*name)?, HeaderValue::try_from(*value)?);
        }
        let request = self
            .0
            .request(Method::from_bytes(method.as_bytes())?, url)
            .headers(map)
            .body(body.into());
        let what = || format!("{method} {url}");
        let response = request.send().await.with_context(what)?;
        Ok(Answer {
            status: response.status().as_u16(),
            headers: response.headers().clone(),
            body: response.bytes().await.with_context(what)?,
        })
    }

    /// Gets a page.
    ///
    /// # Errors
    ///
    /// There is no answer.
    pub async fn get(&self, url: &str) -> Result<Answer> {
        self.send("GET", url, &[], Bytes::new()).await
    }
}

/// An HTTP answer, whole.
#[derive(Debug)]
pub struct Answer {
    /// The status.
    pub status: u16,
    /// The headers.
    pub headers: HeaderMap,
    /// The body.
    pub body: Bytes,
}

impl Answer {
    /// A header; empty where there is none.
    pub fn header(&self, name: &str) -> &str {
        let value = self.headers.get(name);
        value
            .and_then(|value| value.to_str().ok())
            .unwrap_or_default()
    }

    /// The body as JSON.
    ///
    /// # Errors
    ///
    /// It is none.
    pub fn json(&self) -> Result<Value> {
        serde_json::from_slice(&self.body)
            .with_context(|| format!("status {} with no JSON: {}", self.status, self.start()))
    }

    /// The body's start, for messages.
    pub fn start(&self) -> String {
        String::from_utf8_lossy(&self.body)
            .chars()
            .take(300)
            .collect()
    }
}
