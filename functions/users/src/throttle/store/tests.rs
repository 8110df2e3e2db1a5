//! Counters in DynamoDB, with replayed responses.

use serde_json::{Value, json};
use trichrome_proto::error::{ErrorCode, Fault as _};

use super::*;
use crate::testing::{Dynamo, done, failure, item};

const SEEN: Counter = Counter {
    failures: 11,
    blocked_until: 1_000_500,
    forgotten_at: 1_900_500,
    known_until: 0,
};

fn stored() -> Value {
    json!({
        "pk": {"S": "guess#1"},
        "failures": {"N": "11"},
        "blocked_until": {"N": "1000500"},
        "forgotten_at": {"N": "1900500"},
        "known_until": {"N": "0"},
        "expires_at": {"N": "1901"},
    })
}

fn condition_failed() -> (u16, Value) {
    failure(400, "ConditionalCheckFailedException")
}

#[tokio::test]
async fn a_counter_is_read_consistently() {
    let dynamo = Dynamo::new([item(stored()), done()]);
    let counters = dynamo.counters();
    assert_eq!(counters.get("guess#1").await.unwrap(), Some(SEEN));
    assert_eq!(counters.get("guess#1").await.unwrap(), None);
    let request = &dynamo.bodies()[0];
    assert_eq!(request["ConsistentRead"], true);
    assert_eq!(request["Key"]["pk"]["S"], "guess#1");

    let mut broken = stored();
    broken["failures"] = json!({"S": "many"});
    let counters = Dynamo::new([item(broken)]).counters();
    let error = counters.get("guess#1").await.unwrap_err();
    assert_eq!(error.code(), ErrorCode::Internal);
}

#[tokio::test]
async fn a_counter_is_replaced_only_if_it_is_the_one_seen() {
    let next = Counter {
        failures: 12,
        ..SEEN
    };
    for (seen, condition) in [(None, "attribute_not_exists(pk)"), (Some(SEEN), UNCHANGED)] {
        let dynamo = Dynamo::new([done(), condition_failed()]);
        let counters = dynamo.counters();
        assert!(counters.replace("guess#1", seen, next).await.unwrap());
        assert!(!counters.replace("guess#1", seen, next).await.unwrap());
        let request = &dynamo.bodies()[0];
        assert_eq!(request["ConditionExpression"], condition);
        let values = &request["ExpressionAttributeValues"];
        assert_eq!(values[":failures"]["N"], "12");
        assert_eq!(values[":expires_at"]["N"], "1901");
        let seen = values[":seen_failures"]["N"].as_str();
        assert_eq!(seen, (condition == UNCHANGED).then_some("11"));
    }
}

#[tokio::test]
async fn signups_are_added_below_the_limit() {
    let dynamo = Dynamo::new([done(), condition_failed()]);
    let counters = dynamo.counters();
    assert!(counters.add("signup#1#all", 7, 3600).await.unwrap());
    assert!(!counters.add("signup#1#all", 7, 3600).await.unwrap());
    let request = &dynamo.bodies()[0];
    assert_eq!(
        request["UpdateExpression"],
        "SET expires_at = :expires_at ADD signups :one"
    );
    let values = &request["ExpressionAttributeValues"];
    assert_eq!(values[":limit"]["N"], "7");
    assert_eq!(values[":expires_at"]["N"], "3600");
}

#[tokio::test]
async fn a_store_that_is_down_is_unavailable() {
    let counters = Dynamo::new([]).counters();
    for error in [
        counters.get("guess#1").await.map(|_| ()).unwrap_err(),
        counters.set("guess#1", SEEN).await.unwrap_err(),
        counters
            .add("signup#1#all", 7, 0)
            .await
            .map(|_| ())
            .unwrap_err(),
    ] {
        assert_eq!(error.code(), ErrorCode::Unavailable);
    }
}
