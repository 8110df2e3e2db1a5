//! A plain HTTP client, for requests that the contract's clients can't make.

use std::time::Duration;

use anyhow::{Context as _, Result};
use bytes::Bytes;
use reqwest::{
    Client, Method,
    header::{HeaderMap, HeaderName, HeaderValue},
};
use serde_json::Value;

const TIMEOUT: Duration = Duration::from_secs(30);

pub struct Http(Client);

impl Http {
    /// Creates a client that doesn't follow redirects.
    pub(crate) fn new() -> Result<Self> {
        let client = Client::builder()
            .timeout(TIMEOUT)
            .redirect(reqwest::redirect::Policy::none())
            .build()?;
        Ok(Self(client))
    }

    pub async fn send(
        &self,
        method: &str,
        url: &str,
        headers: &[(&str, &str)],
        body: impl Into<Bytes>,
    ) -> Result<Answer> {
        let headers: Vec<_> = headers
            .iter()
            .map(|(name, value)| (*name, value.as_bytes()))
            .collect();
        self.send_bytes(method, url, &headers, body).await
    }

    /// Sends a request whose headers' values may be any bytes.
    pub async fn send_bytes(
        &self,
        method: &str,
        url: &str,
        headers: &[(&str, &[u8])],
        body: impl Into<Bytes>,
    ) -> Result<Answer> {
        let mut map = HeaderMap::new();
        for (name, value) in headers {
            map.append(
                HeaderName::try_from(*name)?,
                HeaderValue::from_bytes(value)?,
            );
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

    pub async fn get(&self, url: &str) -> Result<Answer> {
        self.send("GET", url, &[], Bytes::new()).await
    }
}

/// A complete HTTP response.
#[derive(Debug)]
pub struct Answer {
    pub status: u16,
    pub headers: HeaderMap,
    pub body: Bytes,
}

impl Answer {
    /// Returns a header's value, or an empty string.
    pub fn header(&self, name: &str) -> &str {
        let value = self.headers.get(name);
        value
            .and_then(|value| value.to_str().ok())
            .unwrap_or_default()
    }

    pub fn json(&self) -> Result<Value> {
        serde_json::from_slice(&self.body)
            .with_context(|| format!("status {}, body isn't JSON: {}", self.status, self.start()))
    }

    /// The start of the body, for error messages.
    pub fn start(&self) -> String {
        String::from_utf8_lossy(&self.body)
            .chars()
            .take(300)
            .collect()
    }
}
