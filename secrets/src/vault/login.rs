//! Logging in.

use std::{path::Path, time::SystemTime};

use aws_credential_types::provider::ProvideCredentials as _;
use aws_types::SdkConfig;
use base64::{Engine as _, engine::general_purpose::STANDARD};
use serde_json::{Map, Value as Json, json};
use zeroize::Zeroizing;

use super::{http::Http, settings::Method, token::Token};
use crate::{error::Failed, file, signing::Scope};

/// What STS is asked (AWS STS API reference, `GetCallerIdentity`).
const GET_CALLER_IDENTITY: &str = "Action=GetCallerIdentity&Version=2011-06-15";

/// Logs in by a method at its mount.
pub(super) struct Login {
    method: Method,
    mount: String,
    /// For the method AWS.
    aws: Option<SdkConfig>,
}

impl Login {
    pub(super) fn new(method: Method, mount: String, aws: impl FnOnce() -> SdkConfig) -> Self {
        let aws = matches!(method, Method::AwsIam { .. }).then(aws);
        Self { method, mount, aws }
    }

    /// A new token.
    pub(super) async fn log_in(&self, http: &Http) -> Result<Token, Failed> {
        let body = match &self.method {
            Method::Token(token) => return look_up(http, token.clone()).await,
            Method::TokenFile(path) => return look_up(http, text(path)?).await,
            Method::AppRole { role_id, secret_id } => {
                json!({"role_id": role_id, "secret_id": text(secret_id)?.as_str()})
            }
            Method::Kubernetes { role, token } => {
                json!({"role": role, "jwt": text(token)?.as_str()})
            }
            Method::AwsIam {
                role,
                server_id,
                region,
            } => {
                self.aws_body(role, server_id.as_deref(), region.as_deref())
                    .await?
            }
        };
        let path = format!("/v1/auth/{}/login", self.mount);
        let answer = http.post(&path, None, &body).await;
        let mut answer = answer.map_err(|error| error.at(&path))?;
        Token::of_login(&mut answer)
            .ok_or_else(|| Failed::lasting(format!("{path}: the answer has no token")))
    }

    /// A signed request that Vault sends to STS to learn who signed it (Vault HTTP API, "AWS auth
    /// method", "Login").
    async fn aws_body(
        &self,
        role: &str,
        server_id: Option<&str>,
        region: Option<&str>,
    ) -> Result<Json, Failed> {
        let provider = self.aws.as_ref().and_then(SdkConfig::credentials_provider);
        let provider = provider.ok_or_else(|| Failed::lasting("there are no AWS credentials"))?;
        let credentials = provider.provide_credentials().await;
        let credentials = credentials.map_err(Failed::transient)?;
        let (host, region) = match region {
            Some(region) => (format!("sts.{region}.amazonaws.com"), region),
            None => ("sts.amazonaws.com".to_owned(), "us-east-1"),
        };
        let url = format!("https://{host}/");
        let mut headers = vec![
            ("host", host.as_str()),
            (
                "content-type",
                "application/x-www-form-urlencoded; charset=utf-8",
            ),
        ];
        headers.extend(server_id.map(|id| ("x-vault-aws-iam-server-id", id)));
        let scope = Scope {
            service: "sts",
            region,
            credentials: &credentials,
            now: SystemTime::now(),
        };
        let signed = scope.signed_post(&url, &headers, GET_CALLER_IDENTITY.as_bytes());
        let signed = signed.map_err(Failed::lasting)?;
        let header = |(name, value): (&::http::HeaderName, &::http::HeaderValue)| {
            let value = String::from_utf8_lossy(value.as_bytes());
            (name.to_string(), json!([value]))
        };
        let signed: Map<_, _> = signed.iter().map(header).collect();
        Ok(json!({
            "role": role,
            "iam_http_request_method": "POST",
            "iam_request_url": STANDARD.encode(url),
            "iam_request_body": STANDARD.encode(GET_CALLER_IDENTITY),
            "iam_request_headers": STANDARD.encode(Json::Object(signed).to_string()),
        }))
    }
}

/// A token that somebody else has created, with what is left of its lease.
async fn look_up(http: &Http, value: Zeroizing<String>) -> Result<Token, Failed> {
    let path = "/v1/auth/token/lookup-self";
    let unknown = Token::new(value.clone(), 0, false);
    let answer = http.get(path, Some(&unknown)).await;
    let answer = answer.map_err(|error| error.at(path))?;
    let data = &answer["data"];
    let seconds = data["ttl"].as_u64();
    let seconds = seconds.ok_or_else(|| Failed::lasting(format!("{path}: no field ttl")))?;
    let renewable = data["renewable"].as_bool().unwrap_or_default();
    Ok(Token::new(value, seconds, renewable))
}

fn text(path: &Path) -> Result<Zeroizing<String>, Failed> {
    let problem = |cause: &dyn std::fmt::Display| format!("{}: {cause}", path.display());
    match file::read(path) {
        Ok(text) if text.is_empty() => Err(Failed::transient(problem(&"empty"))),
        Ok(text) => Ok(text),
        // Whatever writes the file may be replacing it.
        Err(error) => Err(Failed::transient(problem(&error))),
    }
}
