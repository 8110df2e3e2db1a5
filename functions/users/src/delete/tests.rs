//! Deleting a user, with replayed responses.

use std::sync::Mutex;

use serde_json::json;
use trichrome_proto::error::{ApiError, ErrorCode};

use super::*;
use crate::testing::{Dynamo, ada, cancelled, done, failure, item};

/// The caller is the user `1`.
const CALLER: Caller<'_> = Caller {
    user_id: "1",
    token_generation: 0,
    idempotency_key: None,
    address: None,
};

/// Records purges, and fails them if there is a failure.
#[derive(Default)]
struct Pictures {
    purged: Mutex<Vec<String>>,
    failure: Option<ApiError>,
}

impl Purge for Pictures {
    type Error = ApiError;

    async fn purge(&self, user_id: &str) -> Result<(), ApiError> {
        self.purged.lock().unwrap().push(user_id.to_owned());
        self.failure.clone().map_or(Ok(()), Err)
    }
}

impl Pictures {
    fn purged(&self) -> Vec<String> {
        self.purged.lock().unwrap().clone()
    }
}

/// The item of a user who is being deleted.
fn deleting() -> serde_json::Value {
    let mut item = ada();
    item["deleting"] = json!({"BOOL": true});
    item
}

#[tokio::test]
async fn the_user_is_marked_then_purged_then_removed() {
    let dynamo = Dynamo::new([item(ada()), done(), done()]);
    let pictures = Pictures::default();
    dynamo.users().delete(CALLER, &pictures).await.unwrap();
    assert_eq!(
        dynamo.operations(),
        ["GetItem", "TransactWriteItems", "DeleteItem"]
    );
    assert_eq!(pictures.purged(), ["1"]);

    let bodies = dynamo.bodies();
    assert_eq!(
        bodies[1]["TransactItems"],
        json!([
            {"Update": {
                "TableName": "users",
                "Key": {"pk": {"S": "user#1"}},
                "UpdateExpression": "SET deleting = :true",
                "ConditionExpression": "attribute_exists(pk) AND attribute_not_exists(deleting)",
                "ExpressionAttributeValues": {":true": {"BOOL": true}},
            }},
            {"Delete": {
                "TableName": "users",
                "Key": {"pk": {"S": "name#ada"}},
                "ConditionExpression": "user_id = :id",
                "ExpressionAttributeValues": {":id": {"S": "1"}},
            }},
        ])
    );
    assert_eq!(
        bodies[2],
        json!({"TableName": "users", "Key": {"pk": {"S": "user#1"}}})
    );
}

#[tokio::test]
async fn a_failed_purge_keeps_the_user_for_a_retry() {
    let dynamo = Dynamo::new([item(ada()), done()]);
    let pictures = Pictures {
        failure: Some(ApiError::new(ErrorCode::Unavailable, "no S3")),
        ..Pictures::default()
    };
    let error = dynamo.users().delete(CALLER, &pictures).await.unwrap_err();
    assert_eq!(error.code(), ErrorCode::Unavailable);
    assert_eq!(dynamo.operations(), ["GetItem", "TransactWriteItems"]);
}

#[tokio::test]
async fn a_repeated_call_continues_where_the_first_stopped() {
    let dynamo = Dynamo::new([item(deleting()), done()]);
    let pictures = Pictures::default();
    dynamo.users().delete(CALLER, &pictures).await.unwrap();
    assert_eq!(dynamo.operations(), ["GetItem", "DeleteItem"]);
    assert_eq!(pictures.purged(), ["1"]);
}

#[tokio::test]
async fn two_calls_at_once_both_succeed() {
    let marked = cancelled(&["ConditionalCheckFailed", "ConditionalCheckFailed"]);
    let dynamo = Dynamo::new([item(ada()), marked, done()]);
    let pictures = Pictures::default();
    dynamo.users().delete(CALLER, &pictures).await.unwrap();
    assert_eq!(pictures.purged(), ["1"]);
}

#[tokio::test]
async fn a_failed_mark_purges_nothing() {
    for (answer, code) in [
        // The name belongs to another user: the table is inconsistent.
        (
            cancelled(&["None", "ConditionalCheckFailed"]),
            ErrorCode::Internal,
        ),
        (failure(500, "InternalServerError"), ErrorCode::Unavailable),
    ] {
        let dynamo = Dynamo::new([item(ada()), answer]);
        let pictures = Pictures::default();
        let error = dynamo.users().delete(CALLER, &pictures).await.unwrap_err();
        assert_eq!(error.code(), code);
        assert!(pictures.purged().is_empty());
    }
}

#[tokio::test]
async fn a_failed_removal_is_reported() {
    let dynamo = Dynamo::new([item(deleting()), failure(500, "InternalServerError")]);
    let error = dynamo
        .users()
        .delete(CALLER, &Pictures::default())
        .await
        .unwrap_err();
    assert_eq!(error.code(), ErrorCode::Unavailable);
}

fn with_key(key: &'static str) -> Caller<'static> {
    Caller {
        idempotency_key: Some(key),
        ..CALLER
    }
}

#[tokio::test]
async fn the_key_of_a_deletion_is_remembered_for_a_week() {
    let dynamo = Dynamo::new([item(ada()), done(), done(), done()]);
    let pictures = Pictures::default();
    let deleted = dynamo.users().delete(with_key("k1"), &pictures).await;
    deleted.unwrap();
    let operations = dynamo.operations();
    assert_eq!(operations[2..], ["PutItem", "DeleteItem"]);
    let remembered = &dynamo.bodies()[2]["Item"];
    assert_eq!(remembered["pk"]["S"], "gone#1");
    assert_eq!(remembered["deleted_by"]["S"], "k1");
    let expires_at: u64 = remembered["expires_at"]["N"]
        .as_str()
        .unwrap()
        .parse()
        .unwrap();
    let week = unix_seconds() + REMEMBERED;
    assert!((week - 60..=week).contains(&expires_at), "{expires_at}");
}

#[tokio::test]
async fn only_the_call_that_deleted_the_user_may_be_repeated() {
    let gone = || item(json!({"pk": {"S": "gone#1"}, "deleted_by": {"S": "k1"}}));
    for (caller, answers, repeated) in [
        (with_key("k1"), vec![done(), gone()], true),
        (with_key("k2"), vec![done(), gone()], false),
        (with_key("k1"), vec![done(), done()], false),
        (CALLER, vec![done()], false),
    ] {
        let pictures = Pictures::default();
        let users = Dynamo::new(answers).users();
        let deleted = users.delete(caller, &pictures).await;
        let code = deleted.map_err(|error| error.code());
        let expected = if repeated {
            Ok(())
        } else {
            Err(ErrorCode::Unauthenticated)
        };
        assert_eq!(code, expected, "{caller:?}");
        assert!(pictures.purged().is_empty());
    }
}

#[tokio::test]
async fn a_revoked_token_deletes_nothing() {
    let mut later = ada();
    later["token_generation"] = json!({"N": "1"});
    let dynamo = Dynamo::new([item(later)]);
    let pictures = Pictures::default();
    let deleted = dynamo.users().delete(with_key("k1"), &pictures).await;
    assert_eq!(deleted.unwrap_err().code(), ErrorCode::Unauthenticated);
    assert_eq!(dynamo.operations(), ["GetItem"]);
}
