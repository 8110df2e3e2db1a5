//! Tokens for `OAUTHBEARER` by OAuth's client credentials grant (RFC 6749, section 4.4).

use std::{
    error::Error,
    sync::Arc,
    time::{Duration, SystemTime},
};

use base64::{Engine as _, engine::general_purpose::STANDARD};
use bytes::Bytes;
use http::{Request, header};
use http_body_util::{BodyExt as _, Full, Limited};
use hyper_rustls::{ConfigBuilderExt as _, HttpsConnectorBuilder};
use hyper_util::{client::legacy::Client, rt::TokioExecutor};
use rustls::{ClientConfig, RootCertStore};
use serde::Deserialize;
use trichrome_secrets::{Secret, SecretSource};
use url::{Url, form_urlencoded};

use crate::login::{LoginError, Token};

/// The timeout of one request.
const TIMEOUT: Duration = Duration::from_secs(10);

/// The largest answer read, in bytes: tokens have a few kilobytes.
const MAX_ANSWER: usize = 256 * 1024;

/// The lifetime of a token whose answer doesn't state one. RFC 6749 only recommends stating it.
const DEFAULT_LIFETIME: u64 = 300;

/// Where tokens come from, and what it takes to get one.
#[derive(Clone)]
pub(crate) struct TokenEndpoint<S = SecretSource> {
    pub(crate) url: Url,
    pub(crate) scope: Option<String>,
    pub(crate) client_id: S,
    pub(crate) client_secret: S,
}

#[derive(Deserialize)]
struct Answer {
    access_token: String,
    expires_in: Option<u64>,
}

/// Gets a token.
pub(crate) async fn token(endpoint: &TokenEndpoint<Secret>) -> Result<Token, LoginError> {
    let client_id = endpoint.client_id.get().await?;
    let secret = endpoint.client_secret.get().await?;
    let (client_id, secret) = (client_id.expose(), secret.expose());
    let now = SystemTime::now();
    let answer = tokio::time::timeout(TIMEOUT, ask(endpoint, client_id, secret))
        .await
        .unwrap_or_else(|_| Err(format!("no answer within {} s", TIMEOUT.as_secs()).into()))
        .map_err(|source| LoginError::Endpoint {
            url: endpoint.url.to_string(),
            source,
        })?;
    let lifetime = Duration::from_secs(answer.expires_in.unwrap_or(DEFAULT_LIFETIME));
    Ok(Token {
        value: answer.access_token,
        principal: client_id.to_owned(),
        expires: now + lifetime,
    })
}

async fn ask(
    endpoint: &TokenEndpoint<Secret>,
    client_id: &str,
    secret: &str,
) -> Result<Answer, Box<dyn Error + Send + Sync>> {
    let connector = HttpsConnectorBuilder::new()
        .with_tls_config(tls(&endpoint.url)?)
        .https_or_http()
        .enable_http1()
        .build();
    let client = Client::builder(TokioExecutor::new()).build(connector);
    let request: Request<Full<Bytes>> = Request::post(endpoint.url.as_str())
        .header(header::AUTHORIZATION, basic(client_id, secret))
        .header(header::CONTENT_TYPE, "application/x-www-form-urlencoded")
        .header(header::ACCEPT, "application/json")
        .body(Full::from(form(endpoint)))?;
    let answer = client.request(request).await?;
    let status = answer.status();
    let body = Limited::new(answer.into_body(), MAX_ANSWER);
    let body = body.collect().await?.to_bytes();
    if !status.is_success() {
        return Err(format!("it answered {status}").into());
    }
    Ok(serde_json::from_slice(&body)?)
}

fn form(TokenEndpoint { scope, .. }: &TokenEndpoint<Secret>) -> String {
    let mut form = form_urlencoded::Serializer::new(String::new());
    form.append_pair("grant_type", "client_credentials");
    if let Some(scope) = scope {
        form.append_pair("scope", scope);
    }
    form.finish()
}

/// The client's id and secret as RFC 6749 (2.3.1) encodes them.
fn basic(client_id: &str, secret: &str) -> String {
    let encoded = |text: &str| form_urlencoded::byte_serialize(text.as_bytes()).collect::<String>();
    let pair = format!("{}:{}", encoded(client_id), encoded(secret));
    format!("Basic {}", STANDARD.encode(pair))
}

/// TLS with the system's root certificates, which plain HTTP doesn't need.
fn tls(url: &Url) -> std::io::Result<ClientConfig> {
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let builder = ClientConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .map_err(std::io::Error::other)?;
    let builder = if url.scheme() == "https" {
        builder.with_native_roots()?
    } else {
        builder.with_root_certificates(RootCertStore::empty())
    };
    Ok(builder.with_no_client_auth())
}

#[cfg(test)]
mod tests {
    use tokio::{
        io::{AsyncReadExt as _, AsyncWriteExt as _},
        net::TcpListener,
    };

    use super::*;

    /// An endpoint that answers one request, and what it was asked.
    async fn answering(
        answer: &'static str,
    ) -> (TokenEndpoint<Secret>, tokio::task::JoinHandle<String>) {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let url = format!("http://{}/token", listener.local_addr().unwrap());
        let asked = tokio::spawn(async move {
            let (mut stream, _) = listener.accept().await.unwrap();
            let mut asked = Vec::new();
            while !asked.ends_with(b"kafka+all") {
                let mut buffer = [0; 4096];
                let read = stream.read(&mut buffer).await.unwrap();
                assert!(read > 0, "the request ended early");
                asked.extend_from_slice(&buffer[..read]);
            }
            stream.write_all(answer.as_bytes()).await.unwrap();
            String::from_utf8(asked).unwrap()
        });
        let endpoint = TokenEndpoint {
            url: url.parse().unwrap(),
            scope: Some("kafka all".to_owned()),
            client_id: Secret::fixed("KAFKA_USERNAME", "gate way"),
            client_secret: Secret::fixed("KAFKA_PASSWORD", "s:cret"),
        };
        (endpoint, asked)
    }

    #[tokio::test]
    async fn the_client_authenticates_and_gets_a_token() {
        let (endpoint, asked) = answering(
            "HTTP/1.1 200 OK\r\ncontent-length: 42\r\n\r\n\
             {\"access_token\":\"abc.def\",\"expires_in\":60}",
        )
        .await;
        let before = SystemTime::now();
        let token = token(&endpoint).await.unwrap();
        assert_eq!(token.value, "abc.def");
        assert_eq!(token.principal, "gate way");
        let lifetime = token.expires.duration_since(before).unwrap();
        assert!(lifetime >= Duration::from_secs(60), "{lifetime:?}");
        let asked = asked.await.unwrap();
        assert!(asked.starts_with("POST /token HTTP/1.1"), "{asked}");
        assert!(
            asked.contains(&format!(
                "authorization: Basic {}",
                STANDARD.encode("gate+way:s%3Acret")
            )),
            "{asked}"
        );
        assert!(
            asked.ends_with("grant_type=client_credentials&scope=kafka+all"),
            "{asked}"
        );
    }

    #[tokio::test]
    async fn a_refusal_names_the_endpoint_and_not_the_secret() {
        let (endpoint, _) =
            answering("HTTP/1.1 401 Unauthorized\r\ncontent-length: 0\r\n\r\n").await;
        let error = token(&endpoint).await.err().unwrap();
        let text = trichrome_startup::error_chain(&error);
        assert!(text.contains("/token: it answered 401"), "{text}");
        assert!(!text.contains("cret"), "{text}");
    }
}
