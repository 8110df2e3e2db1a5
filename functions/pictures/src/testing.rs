//! A store with replayed responses.

use aws_credential_types::{Credentials, provider::SharedCredentialsProvider};
use aws_sdk_dynamodb::config::{BehaviorVersion, Region};
use aws_smithy_http_client::test_util::{ReplayEvent, StaticReplayClient};
use aws_smithy_types::{body::SdkBody, retry::RetryConfig};
use aws_types::SdkConfig;
use serde_json::Value;

use crate::{PictureStore, Places};

pub(crate) const USER: &str = "0190b6a0-0000-7000-8000-00000000000a";

/// A key for links, from 7s: `openssl genpkey -algorithm EC -pkeyopt ec_paramgen_curve:P-256`.
pub(crate) const LINK_KEY: &str = "-----BEGIN PRIVATE KEY-----\n\
    MIGHAgEAMBMGByqGSM49AgEGCCqGSM49AwEHBG0wawIBAQQgBwcHBwcHBwcHBwcH\n\
    BwcHBwcHBwcHBwcHBwcHBwcHBwehRANCAAQeGFMv1HVMAvMEHZx1zrM7g//YGsfO\n\
    T+iCzLHJi8WJbqRsMRxOL/QN2Wo2U+bkVEXTLf5Ibs7XXHqQxqGIgcCj\n\
    -----END PRIVATE KEY-----\n";

/// The secret with [`LINK_KEY`].
pub(crate) fn link_secret(id: &str) -> String {
    serde_json::json!({"key_pair_id": id, "private_key_pem": LINK_KEY}).to_string()
}

/// The store, and the HTTP client that recorded its requests.
pub(crate) struct Replay {
    pub(crate) store: PictureStore,
    http: StaticReplayClient,
}

/// A recorded request.
#[derive(Debug)]
pub(crate) struct Seen {
    /// `PutObject` and so on.
    pub(crate) operation: String,
    /// Path and query.
    pub(crate) path: String,
    pub(crate) content_type: String,
    pub(crate) body: Vec<u8>,
}

impl Seen {
    pub(crate) fn json(&self) -> Value {
        serde_json::from_slice(&self.body).unwrap()
    }
}

/// A store that gets these responses, in this order.
pub(crate) fn replay(answers: Vec<Answer>) -> Replay {
    replay_as(Credentials::for_tests(), answers)
}

/// The same, with these credentials.
pub(crate) fn replay_as(credentials: Credentials, answers: Vec<Answer>) -> Replay {
    let events = answers.into_iter().map(|Answer(response)| {
        let request = http::Request::new(SdkBody::empty());
        ReplayEvent::new(request, response)
    });
    let http = StaticReplayClient::new(events.collect());
    let config = SdkConfig::builder()
        .behavior_version(BehaviorVersion::latest())
        .region(Region::new("eu-west-1"))
        .credentials_provider(SharedCredentialsProvider::new(credentials))
        .http_client(http.clone())
        // Without retries, so that a test sees each request once.
        .retry_config(RetryConfig::disabled())
        .endpoint_url("http://stores.test")
        .build();
    let places = Places {
        table: "pictures".to_owned(),
        bucket: "bytes".to_owned(),
        public_url: None,
    };
    Replay {
        store: PictureStore::new(&config, &config, places),
        http,
    }
}

impl Replay {
    /// The requests so far.
    pub(crate) fn seen(&self) -> Vec<Seen> {
        let requests = self.http.actual_requests();
        let seen = requests.map(|request| {
            let header = |name| request.headers().get(name).unwrap_or_default().to_owned();
            let target = header("x-amz-target");
            let url: http::Uri = request.uri().parse().unwrap();
            let query = url.query().unwrap_or_default();
            let of_uploads = query.starts_with("uploads");
            let of_upload = query.contains("uploadId=");
            let object_operation = || match request.method() {
                "POST" if of_uploads => "CreateMultipartUpload",
                "POST" if of_upload => "CompleteMultipartUpload",
                "POST" => "DeleteObjects",
                "PUT" => "PutObject",
                "DELETE" => "AbortMultipartUpload",
                "HEAD" => "HeadObject",
                _ if of_uploads => "ListMultipartUploads",
                _ if of_upload => "ListParts",
                _ if url.path() == "/bytes/" => "ListObjectsV2",
                _ => "GetObject",
            };
            Seen {
                operation: match target.rsplit_once('.') {
                    Some((_, operation)) => operation.to_owned(),
                    None => object_operation().to_owned(),
                },
                path: url.path_and_query().unwrap().to_string(),
                content_type: header("content-type"),
                body: request.body().bytes().unwrap_or_default().to_vec(),
            }
        });
        seen.collect()
    }

    /// The operations so far.
    pub(crate) fn operations(&self) -> Vec<String> {
        self.seen().into_iter().map(|seen| seen.operation).collect()
    }
}

/// The response of a store.
pub(crate) struct Answer(http::Response<SdkBody>);

fn answer(status: u16, body: impl Into<SdkBody>) -> Answer {
    let response = http::Response::builder().status(status);
    Answer(response.body(body.into()).unwrap())
}

/// DynamoDB: a successful response.
pub(crate) fn row(body: Value) -> Answer {
    answer(200, body.to_string())
}

/// DynamoDB: an error with this code.
pub(crate) fn row_error(status: u16, code: &str) -> Answer {
    let kind = format!("com.amazonaws.dynamodb.v20120810#{code}");
    answer(status, serde_json::json!({ "__type": kind }).to_string())
}

/// DynamoDB: a transaction that was canceled for reasons with these codes.
pub(crate) fn cancelled(codes: &[&str]) -> Answer {
    let reasons: Vec<_> = codes
        .iter()
        .map(|code| serde_json::json!({ "Code": code }))
        .collect();
    let body = serde_json::json!({
        "__type": "com.amazonaws.dynamodb.v20120810#TransactionCanceledException",
        "CancellationReasons": reasons,
    });
    answer(400, body.to_string())
}

/// S3: a successful response.
pub(crate) fn object(body: impl Into<SdkBody>) -> Answer {
    answer(200, body)
}

/// S3: an object of this many bytes, and its bytes.
pub(crate) fn sized_object(body: &[u8]) -> Answer {
    let response = http::Response::builder().header("content-length", body.len());
    Answer(response.body(SdkBody::from(body)).unwrap())
}

/// S3: an error with this code.
pub(crate) fn object_error(status: u16, code: &str) -> Answer {
    answer(status, format!("<Error><Code>{code}</Code></Error>"))
}

/// A picture's row as DynamoDB returns it.
pub(crate) fn item(id: &str, title: &str, size: usize) -> Value {
    serde_json::json!({
        "user_id": { "S": USER },
        "picture_id": { "S": id },
        "title": { "S": title },
        "content_type": { "S": "image/png" },
        "size_bytes": { "N": size.to_string() },
        "width": { "N": "1" },
        "height": { "N": "2" },
        "created_at": { "S": "2026-01-01T00:00:00Z" },
    })
}
