//! AWS Secrets Manager.

use aws_sdk_secretsmanager::{Client, config::Builder};
use aws_types::SdkConfig;
use trichrome_aws::{AwsSpans, Failure};
use zeroize::Zeroizing;

use crate::{error::Failed, secret::Fetched, value};

/// A secret there, or a field of one that is a JSON object.
pub(crate) struct SecretsManager {
    client: Client,
    id: String,
    key: Option<String>,
}

impl SecretsManager {
    pub(crate) fn new(config: &SdkConfig, id: String, key: Option<String>) -> Self {
        let config = Builder::from(config).interceptor(AwsSpans::other()).build();
        Self {
            client: Client::from_conf(config),
            id,
            key,
        }
    }

    pub(crate) async fn read(&self) -> Result<Fetched, Failed> {
        let request = self.client.get_secret_value().secret_id(&self.id);
        let answer = request.send().await.map_err(|error| {
            // The SDK's error holds the response; this doesn't.
            let failure = Failure::from(error);
            Failed {
                transient: failure.is_transient(),
                cause: failure.into(),
            }
        })?;
        let text = answer
            .secret_string
            .map(Zeroizing::new)
            .ok_or_else(|| Failed::lasting("the secret is binary, not text"))?;
        let text = match &self.key {
            Some(key) => value::field(&text, key)?,
            None => text,
        };
        Ok(Fetched { text, lease: None })
    }
}

#[cfg(test)]
mod tests {
    use aws_credential_types::{Credentials, provider::SharedCredentialsProvider};
    use aws_sdk_secretsmanager::config::{BehaviorVersion, retry::RetryConfig};
    use aws_smithy_http_client::test_util::{ReplayEvent, StaticReplayClient};
    use aws_smithy_types::body::SdkBody;
    use aws_types::region::Region;
    use serde_json::{Value as Json, json};
    use trichrome_startup::Variables;

    use super::*;
    use crate::{Forms, Opener, Secret, SecretSource};

    fn config(http: StaticReplayClient) -> SdkConfig {
        let credentials = Credentials::new("id", "key", None, None, "test");
        SdkConfig::builder()
            .behavior_version(BehaviorVersion::latest())
            .region(Region::new("eu-west-1"))
            .credentials_provider(SharedCredentialsProvider::new(credentials))
            .retry_config(RetryConfig::disabled())
            .http_client(http)
            .build()
    }

    fn replay(answers: &[(u16, Json)]) -> StaticReplayClient {
        let events = answers.iter().map(|(status, body)| {
            let response = http::Response::builder().status(*status);
            ReplayEvent::new(
                http::Request::new(SdkBody::empty()),
                response.body(SdkBody::from(body.to_string())).unwrap(),
            )
        });
        StaticReplayClient::new(events.collect())
    }

    fn open(source: &str, http: &StaticReplayClient) -> Secret {
        let mut variables =
            Variables::new(|name| (name == "KEY_SOURCE").then(|| source.to_owned()));
        let source = SecretSource::read(&mut variables, Forms::source("KEY")).unwrap();
        Opener::new().open(source, || config(http.clone()))
    }

    #[tokio::test]
    async fn the_text_or_a_field_is_the_secret() {
        let body = json!({"SecretString": r#"{"username": "u", "password": "hunter2"}"#});
        for (source, expected) in [
            (
                "aws-secretsmanager:db",
                r#"{"username": "u", "password": "hunter2"}"#,
            ),
            ("aws-secretsmanager:db#password", "hunter2"),
        ] {
            let http = replay(&[(200, body.clone())]);
            let value = open(source, &http).get().await.unwrap();
            assert_eq!(value.expose(), expected);
            let request = http.actual_requests().next().unwrap();
            let asked: Json = serde_json::from_slice(request.body().bytes().unwrap()).unwrap();
            assert_eq!(asked, json!({"SecretId": "db"}));
            let target = request.headers().get("x-amz-target");
            assert_eq!(target, Some("secretsmanager.GetSecretValue"));
        }
    }

    #[tokio::test]
    async fn failures_are_told_apart_and_show_no_secret() {
        for (status, body, transient) in [
            (400, json!({"__type": "ThrottlingException"}), true),
            (500, json!({"__type": "InternalServiceError"}), true),
            (400, json!({"__type": "ResourceNotFoundException"}), false),
            (400, json!({"__type": "AccessDeniedException"}), false),
            (200, json!({"SecretBinary": "AAAA"}), false),
            (200, json!({"SecretString": "hunter2"}), false),
            (
                200,
                json!({"SecretString": r#"{"other": "hunter2"}"#}),
                false,
            ),
        ] {
            let secret = open("aws-secretsmanager:db#password", &replay(&[(status, body)]));
            let error = secret.get().await.unwrap_err();
            assert_eq!(error.is_transient(), transient, "{error:?}");
            assert!(!format!("{error:?}").contains("hunter2"), "{error:?}");
        }
    }
}
