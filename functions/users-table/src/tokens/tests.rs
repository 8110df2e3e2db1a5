//! Checking tokens, with a DynamoDB that replays responses.

use std::sync::atomic::{AtomicU64, Ordering};

use aws_credential_types::{Credentials, provider::SharedCredentialsProvider};
use aws_sdk_dynamodb::config::{BehaviorVersion, Region, retry::RetryConfig};
use aws_smithy_http_client::test_util::{ReplayEvent, StaticReplayClient};
use aws_smithy_types::body::SdkBody;
use serde_json::{Value, json};

use super::*;

struct Table {
    http: StaticReplayClient,
    tokens: UserTokens,
}

/// A table that sends these responses, in this order, and then refuses connections.
fn table(answers: impl IntoIterator<Item = (u16, Value)>, clock: fn() -> SystemTime) -> Table {
    let events = answers.into_iter().map(|(status, body)| {
        let response = http::Response::builder().status(status);
        ReplayEvent::new(
            http::Request::new(SdkBody::empty()),
            response.body(SdkBody::from(body.to_string())).unwrap(),
        )
    });
    let http = StaticReplayClient::new(events.collect());
    let credentials = Credentials::new("test", "test", None, None, "test");
    let config = SdkConfig::builder()
        .behavior_version(BehaviorVersion::v2026_01_12())
        .region(Region::from_static("us-east-1"))
        .endpoint_url("http://dynamodb.test")
        .credentials_provider(SharedCredentialsProvider::new(credentials))
        .retry_config(RetryConfig::disabled())
        .http_client(http.clone())
        .build();
    let tokens = UserTokens {
        clock,
        ..UserTokens::new(&config, "users".to_owned(), MAX_AGE)
    };
    Table { http, tokens }
}

impl Table {
    async fn counts(&self, generation: u64) -> Result<bool, ErrorCode> {
        let claims = Claims {
            sub: "1".to_owned(),
            iss: "trichrome".to_owned(),
            exp: 0,
            generation,
        };
        let counts = self.tokens.counts(&claims, None).await;
        counts.map_err(|error| error.code())
    }

    /// Whether each read so far was consistent.
    fn reads(&self) -> Vec<bool> {
        let requests = self.http.actual_requests();
        requests
            .map(|request| {
                let body: Value = serde_json::from_slice(request.body().bytes().unwrap()).unwrap();
                assert_eq!(body["Key"]["pk"]["S"], "user#1");
                body["ConsistentRead"].as_bool().unwrap()
            })
            .collect()
    }
}

fn user(generation: Option<u64>) -> (u16, Value) {
    let mut item = json!({"pk": {"S": "user#1"}});
    if let Some(generation) = generation {
        item["token_generation"] = json!({"N": generation.to_string()});
    }
    (200, json!({ "Item": item }))
}

fn gone() -> (u16, Value) {
    (200, json!({}))
}

#[tokio::test]
async fn a_token_counts_up_to_the_generation_it_was_issued_in() {
    for (stored, token, counts) in [
        (None, 0, true),
        (None, 1, true),
        (Some(1), 0, false),
        (Some(1), 1, true),
        (Some(7), 6, false),
        (Some(7), 8, true),
    ] {
        let table = table([user(stored)], SystemTime::now);
        assert_eq!(table.counts(token).await, Ok(counts), "{stored:?} {token}");
        assert_eq!(table.reads(), [false]);
    }
}

#[tokio::test]
async fn the_tokens_of_a_user_who_is_gone_are_refused() {
    let mut deleting = user(Some(1));
    deleting.1["Item"]["deleting"] = json!({"BOOL": true});
    for answer in [gone(), deleting] {
        let table = table([answer.clone(), answer], SystemTime::now);
        assert_eq!(table.counts(9).await, Ok(false));
        // No read is needed to refuse them again.
        assert_eq!(table.counts(9).await, Ok(false));
        assert_eq!(table.reads(), [false, true]);
    }
}

#[tokio::test]
async fn a_new_user_whose_item_is_not_everywhere_yet_is_accepted() {
    let table = table([gone(), user(None)], SystemTime::now);
    assert_eq!(table.counts(0).await, Ok(true));
    assert_eq!(table.reads(), [false, true]);
}

/// Seconds since 1970 by the clock of the next test.
static SECONDS: AtomicU64 = AtomicU64::new(1000);

#[tokio::test]
async fn an_acceptance_is_remembered_for_30_seconds_and_a_refusal_for_good() {
    let clock = || SystemTime::UNIX_EPOCH + Duration::from_secs(SECONDS.load(Ordering::SeqCst));
    let at = |seconds| SECONDS.store(seconds, Ordering::SeqCst);
    let table = table([user(None), user(Some(1)), user(Some(1))], clock);
    assert_eq!(table.counts(0).await, Ok(true));
    at(1029);
    assert_eq!(table.counts(0).await, Ok(true));
    assert_eq!(table.reads().len(), 1);
    at(1030);
    assert_eq!(table.counts(0).await, Ok(false));
    assert_eq!(table.counts(1).await, Ok(true));
    assert_eq!(table.reads().len(), 2);
    at(5000);
    assert_eq!(table.counts(0).await, Ok(false));
    assert_eq!(table.reads().len(), 2);
    // A clock that was set back.
    at(1000);
    assert_eq!(table.counts(1).await, Ok(true));
    assert_eq!(table.reads().len(), 3);
    // Nothing is known any more, and the table is down.
    at(2000);
    assert_eq!(table.counts(1).await, Err(ErrorCode::Unavailable));
    assert_eq!(table.counts(0).await, Ok(false));
}

#[tokio::test]
async fn concurrent_calls_read_once() {
    let table = table([user(None)], SystemTime::now);
    let (one, other) = tokio::join!(table.counts(0), table.counts(0));
    assert_eq!((one, other), (Ok(true), Ok(true)));
    assert_eq!(table.reads().len(), 1);
}

#[tokio::test]
async fn failures_have_their_codes() {
    let failure = |status, code: &str| (status, json!({ "__type": code }));
    let mut invalid = user(None);
    invalid.1["Item"]["token_generation"] = json!({"S": "1"});
    for (answer, code) in [
        (failure(500, "InternalServerError"), ErrorCode::Unavailable),
        (failure(400, "ThrottlingException"), ErrorCode::Unavailable),
        (failure(400, "AccessDeniedException"), ErrorCode::Internal),
        (invalid, ErrorCode::Internal),
    ] {
        let table = table([answer], SystemTime::now);
        assert_eq!(table.counts(0).await, Err(code));
    }
}

#[test]
fn the_cache_is_bounded() {
    let cache = Cache::new(2);
    let known = Known {
        state: UserState::Gone,
        read_at: SystemTime::now(),
    };
    *cache.slot("a").try_lock().unwrap() = Some(known);
    assert!(cache.slot("a").try_lock().unwrap().is_some());
    for user in ["b", "c", "d"] {
        cache.slot(user);
    }
    assert!(cache.slot("a").try_lock().unwrap().is_none());
}
