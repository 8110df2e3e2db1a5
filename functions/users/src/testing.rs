//! A DynamoDB that replays responses and records requests.

use aws_credential_types::{Credentials, provider::SharedCredentialsProvider};
use aws_sdk_dynamodb::config::{BehaviorVersion, Region, retry::RetryConfig};
use aws_smithy_http_client::test_util::{ReplayEvent, StaticReplayClient, infallible_client_fn};
use aws_smithy_types::body::SdkBody;
use aws_types::SdkConfig;
use serde_json::{Value, json};

use crate::{
    UserStore, Users,
    throttle::{CounterStore, Throttle},
};

/// A DynamoDB that sends these responses, in this order, and then refuses connections.
pub(crate) struct Dynamo(StaticReplayClient);

impl Dynamo {
    pub(crate) fn new(answers: impl IntoIterator<Item = (u16, Value)>) -> Self {
        let events = answers.into_iter().map(|(status, body)| {
            ReplayEvent::new(
                http::Request::new(SdkBody::empty()),
                http::Response::builder()
                    .status(status)
                    .body(SdkBody::from(body.to_string()))
                    .unwrap(),
            )
        });
        Self(StaticReplayClient::new(events.collect()))
    }

    /// Users in this DynamoDB. It sees no counters of attempts; theirs admits everything.
    pub(crate) fn users(&self) -> Users {
        let store = |config| UserStore::new(&config, "users".to_owned());
        let admit = infallible_client_fn(|_| http::Response::new(SdkBody::from("{}")));
        let admitting = store(config().http_client(admit).build());
        let replaying = store(config().http_client(self.0.clone()).build());
        let mut users = Users::new(replaying);
        users.throttle = Throttle::new(admitting.counters());
        users
    }

    pub(crate) fn counters(&self) -> CounterStore {
        let config = config().http_client(self.0.clone()).build();
        UserStore::new(&config, "users".to_owned()).counters()
    }

    /// The operations requested so far.
    pub(crate) fn operations(&self) -> Vec<String> {
        self.0
            .actual_requests()
            .map(|request| {
                let target = request.headers().get("x-amz-target").unwrap();
                target.split_once('.').unwrap().1.to_owned()
            })
            .collect()
    }

    /// The request bodies so far.
    pub(crate) fn bodies(&self) -> Vec<Value> {
        self.0
            .actual_requests()
            .map(|request| serde_json::from_slice(request.body().bytes().unwrap()).unwrap())
            .collect()
    }
}

/// Everything but the HTTP client; no retries, so that a test sees each request once.
pub(crate) fn config() -> aws_types::sdk_config::Builder {
    let credentials = Credentials::new("test", "test", None, None, "test");
    SdkConfig::builder()
        .behavior_version(BehaviorVersion::v2026_01_12())
        .region(Region::from_static("us-east-1"))
        .endpoint_url("http://dynamodb.test")
        .credentials_provider(SharedCredentialsProvider::new(credentials))
        .retry_config(RetryConfig::disabled())
}

/// An empty response.
pub(crate) fn done() -> (u16, Value) {
    (200, json!({}))
}

/// The response to `GetItem`.
pub(crate) fn item(item: Value) -> (u16, Value) {
    (200, json!({ "Item": item }))
}

/// The item of the user `1`, called Ada.
pub(crate) fn ada() -> Value {
    json!({
        "pk": {"S": "user#1"},
        "id": {"S": "1"},
        "username": {"S": "ada"},
        "created_at": {"S": "2026-01-01T00:00:00Z"},
    })
}

/// An error response.
pub(crate) fn failure(status: u16, code: &str) -> (u16, Value) {
    let kind = format!("com.amazonaws.dynamodb.v20120810#{code}");
    (status, json!({"__type": kind, "message": "no"}))
}

/// The response to a transaction that was canceled for these reasons.
pub(crate) fn cancelled(codes: &[&str]) -> (u16, Value) {
    let (status, mut body) = failure(400, "TransactionCanceledException");
    body["CancellationReasons"] = codes.iter().map(|code| json!({"Code": code})).collect();
    (status, body)
}
