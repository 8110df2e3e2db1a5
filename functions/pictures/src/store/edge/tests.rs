use aws_credential_types::{Credentials, provider::SharedCredentialsProvider};
use aws_sdk_secretsmanager::config::{BehaviorVersion, Region, retry::RetryConfig};
use aws_smithy_http_client::test_util::{ReplayEvent, StaticReplayClient};
use aws_smithy_types::body::SdkBody;
use aws_types::SdkConfig;
use serde_json::{Value, json};
use trichrome_proto::error::{ErrorCode, Fault as _};
use trichrome_secrets::{Forms, Opener, SecretSource};
use trichrome_startup::Variables;

use super::*;
use crate::{store::Layout, testing::link_secret};

/// How long a key counts as current (`trichrome-secrets`).
const REFRESH: Duration = Duration::from_secs(300);
/// How long the old key is used after a failed refresh.
const RETRY: Duration = Duration::from_secs(30);

fn secret(id: &str) -> (u16, Value) {
    (200, json!({"SecretString": link_secret(id)}))
}

fn outage() -> (u16, Value) {
    (503, json!({"__type": "ServiceUnavailable"}))
}

/// An edge whose Secrets Manager sends these responses, and then refuses connections.
fn edge(answers: impl IntoIterator<Item = (u16, Value)>) -> (Edge, StaticReplayClient) {
    let events = answers.into_iter().map(|(status, body)| {
        let answer = http::Response::builder().status(status);
        let answer = answer.body(SdkBody::from(body.to_string())).unwrap();
        ReplayEvent::new(http::Request::new(SdkBody::empty()), answer)
    });
    let client = StaticReplayClient::new(events.collect());
    let config = SdkConfig::builder()
        .behavior_version(BehaviorVersion::latest())
        .region(Region::from_static("us-east-1"))
        .endpoint_url("http://aws.test")
        .credentials_provider(SharedCredentialsProvider::new(Credentials::for_tests()))
        .retry_config(RetryConfig::disabled())
        .http_client(client.clone())
        .build();
    let base = "https://pictures.example.org".to_owned();
    let mut variables =
        Variables::new(|name| (name == "PICTURES_KEY_SECRET_ID").then(|| "links".to_owned()));
    let forms = Forms::source("PICTURES_KEY").or_secret_id();
    let source = SecretSource::read(&mut variables, forms).unwrap();
    let secret = Opener::new().open(source, || config);
    (Edge::new(base, secret), client)
}

async fn link(edge: &Edge) -> Result<String, Error> {
    let id = "0190b6a0-1234-7000-8000-000000000001".parse().unwrap();
    let key = ObjectKey::original(Layout::Prefixed, "u", id);
    let response = ResponseHeaders::default();
    let link = edge.get(key, &response, Duration::from_secs(60)).await?;
    Ok(link.url)
}

#[tokio::test(start_paused = true)]
async fn the_key_is_read_once_and_again_when_it_may_have_changed() {
    let (edge, client) = edge([secret("K1"), secret("K2")]);
    for _ in 0..2 {
        let url = link(&edge).await.unwrap();
        assert!(url.starts_with("https://pictures.example.org/originals/u/"));
        assert!(url.contains("&Key-Pair-Id=K1&"), "{url}");
    }
    assert_eq!(client.actual_requests().count(), 1);
    tokio::time::advance(REFRESH).await;
    assert!(link(&edge).await.unwrap().contains("&Key-Pair-Id=K2&"));
}

#[tokio::test(start_paused = true)]
async fn an_outage_leaves_the_old_key_in_use() {
    let (edge, client) = edge([secret("K1"), outage(), secret("K2")]);
    link(&edge).await.unwrap();
    tokio::time::advance(REFRESH).await;
    for _ in 0..2 {
        assert!(link(&edge).await.unwrap().contains("&Key-Pair-Id=K1&"));
    }
    assert_eq!(client.actual_requests().count(), 2);
    tokio::time::advance(RETRY).await;
    assert!(link(&edge).await.unwrap().contains("&Key-Pair-Id=K2&"));
}

#[tokio::test]
async fn without_a_key_the_error_says_whether_to_try_again() {
    let empty = (200, json!({"SecretString": ""}));
    let (edge, _) = edge([outage(), empty, secret("K1")]);
    assert_eq!(
        link(&edge).await.unwrap_err().code(),
        ErrorCode::Unavailable
    );
    assert_eq!(link(&edge).await.unwrap_err().code(), ErrorCode::Internal);
    assert!(link(&edge).await.is_ok());
}
