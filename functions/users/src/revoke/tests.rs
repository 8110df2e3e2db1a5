//! Changing a password and revoking tokens, with replayed responses.

use serde_json::{Value, json};
use trichrome_proto::error::{ErrorCode, Fault as _};

use super::*;
use crate::{
    Passwords,
    testing::{Dynamo, ada, cancelled, done, failure, item},
};

const PASSWORD: &str = "correct horse";
const NEW: &str = "battery staple";

fn caller(token_generation: u64, idempotency_key: Option<&'static str>) -> Caller<'static> {
    Caller {
        user_id: "1",
        token_generation,
        idempotency_key,
        address: None,
    }
}

/// Ada's item after so many revocations, the last by this key.
fn user(generation: u64, revoked_by: Option<&str>) -> (u16, Value) {
    let mut user = ada();
    if generation > 0 {
        user["token_generation"] = json!({"N": generation.to_string()});
    }
    if let Some(key) = revoked_by {
        user["revoked_by"] = json!({"S": key});
    }
    item(user)
}

async fn name(password: &str) -> (u16, Value) {
    let hash = Passwords::new().hash(password.to_owned()).await.unwrap();
    item(json!({"user_id": {"S": "1"}, "password_hash": {"S": hash}}))
}

async fn change(dynamo: &Dynamo, caller: Caller<'_>) -> Result<Account, Error> {
    let users = dynamo.users();
    users
        .change_password(caller, PASSWORD.to_owned(), NEW.to_owned())
        .await
}

#[tokio::test]
async fn both_items_get_the_next_generation() {
    for (generation, key) in [(0, None), (4, Some("k1"))] {
        let dynamo = Dynamo::new([user(generation, None), done()]);
        let users = dynamo.users();
        users.revoke_tokens(caller(generation, key)).await.unwrap();
        assert_eq!(dynamo.operations(), ["GetItem", "TransactWriteItems"]);
        let bodies = dynamo.bodies();
        assert_eq!(bodies[0]["ConsistentRead"], true);
        let items = &bodies[1]["TransactItems"];
        for (at, pk) in ["user#1", "name#ada"].into_iter().enumerate() {
            let update = &items[at]["Update"];
            assert_eq!(update["Key"]["pk"]["S"], pk);
            let values = &update["ExpressionAttributeValues"];
            assert_eq!(values[":before"]["N"], generation.to_string());
            assert_eq!(values[":next"]["N"], (generation + 1).to_string());
            let condition = update["ConditionExpression"].as_str().unwrap();
            assert!(
                condition.contains("token_generation = :before"),
                "{condition}"
            );
            // Items of older versions have no generation.
            let missing = condition.contains("attribute_not_exists(token_generation)");
            assert_eq!(missing, generation == 0, "{condition}");
        }
        let expression = items[0]["Update"]["UpdateExpression"].as_str().unwrap();
        assert_eq!(
            expression,
            match key {
                Some(_) => "SET token_generation = :next, revoked_by = :key",
                None => "SET token_generation = :next REMOVE revoked_by",
            }
        );
        let expression = &items[1]["Update"]["UpdateExpression"];
        assert_eq!(expression, "SET token_generation = :next");
    }
}

#[tokio::test]
async fn a_new_password_replaces_the_checked_one() {
    let dynamo = Dynamo::new([user(2, None), name(PASSWORD).await, done()]);
    let account = change(&dynamo, caller(2, None)).await.unwrap();
    assert_eq!((account.user.id.as_str(), account.generation), ("1", 3));
    let update = &dynamo.bodies()[2]["TransactItems"][1]["Update"];
    assert_eq!(
        update["UpdateExpression"],
        "SET token_generation = :next, password_hash = :new"
    );
    let condition = update["ConditionExpression"].as_str().unwrap();
    assert!(
        condition.ends_with(" AND password_hash = :present"),
        "{condition}"
    );
    let hash = update["ExpressionAttributeValues"][":new"]["S"].as_str();
    let passwords = Passwords::new();
    let verified = passwords.verify(NEW.to_owned(), hash.map(str::to_owned));
    assert!(verified.await.unwrap());
}

#[tokio::test]
async fn a_wrong_password_changes_nothing() {
    let dynamo = Dynamo::new([user(0, None), name("another").await]);
    let error = change(&dynamo, caller(0, None)).await.unwrap_err();
    assert_eq!(error.code(), ErrorCode::PermissionDenied);
    assert_eq!(dynamo.operations(), ["GetItem", "GetItem"]);
}

#[tokio::test]
async fn a_token_that_no_longer_counts_is_refused() {
    let mut deleting = ada();
    deleting["deleting"] = json!({"BOOL": true});
    for answer in [done(), item(deleting), user(1, None), user(1, Some("k2"))] {
        let dynamo = Dynamo::new([answer.clone()]);
        let users = dynamo.users();
        let error = users
            .revoke_tokens(caller(0, Some("k1")))
            .await
            .unwrap_err();
        assert_eq!(error.code(), ErrorCode::Unauthenticated, "{answer:?}");
        let dynamo = Dynamo::new([answer]);
        let error = change(&dynamo, caller(0, Some("k1"))).await.unwrap_err();
        assert_eq!(error.code(), ErrorCode::Unauthenticated);
        assert_eq!(dynamo.operations(), ["GetItem"]);
    }
}

#[tokio::test]
async fn a_repeated_call_has_the_same_result() {
    let before = || user(3, Some("k1"));
    let dynamo = Dynamo::new([before()]);
    let repeated = dynamo.users().revoke_tokens(caller(2, Some("k1"))).await;
    repeated.unwrap();
    assert_eq!(dynamo.operations(), ["GetItem"]);

    let dynamo = Dynamo::new([before(), name(NEW).await]);
    let account = change(&dynamo, caller(2, Some("k1"))).await.unwrap();
    assert_eq!(account.generation, 3);
    // The same key with another password is another call.
    let dynamo = Dynamo::new([before(), name("another").await]);
    let error = change(&dynamo, caller(2, Some("k1"))).await.unwrap_err();
    assert_eq!(error.code(), ErrorCode::Unauthenticated);
}

#[tokio::test]
async fn a_change_in_between_is_a_conflict() {
    for reasons in [
        ["ConditionalCheckFailed", "None"],
        ["None", "ConditionalCheckFailed"],
    ] {
        let dynamo = Dynamo::new([user(0, None), cancelled(&reasons)]);
        let error = dynamo.users().revoke_tokens(caller(0, None)).await;
        assert_eq!(error.unwrap_err().code(), ErrorCode::Aborted);
    }
    let dynamo = Dynamo::new([user(0, None), failure(500, "InternalServerError")]);
    let error = dynamo.users().revoke_tokens(caller(0, None)).await;
    assert_eq!(error.unwrap_err().code(), ErrorCode::Unavailable);
}

#[tokio::test]
async fn a_token_may_revoke_if_it_counts_or_did_it_before() {
    let mut deleting = ada();
    deleting["deleting"] = json!({"BOOL": true});
    let gone = item(json!({"pk": {"S": "gone#1"}, "deleted_by": {"S": "k1"}}));
    for (key, answers, may) in [
        (None, vec![user(0, None)], true),
        (None, vec![item(deleting)], true),
        (None, vec![user(1, Some("k1"))], false),
        (Some("k1"), vec![user(1, Some("k1"))], true),
        (Some("k2"), vec![user(1, Some("k1"))], false),
        (Some("k1"), vec![user(1, None)], false),
        (None, vec![done()], false),
        (Some("k1"), vec![done(), gone.clone()], true),
        (Some("k2"), vec![done(), gone], false),
        (Some("k1"), vec![done(), done()], false),
    ] {
        let users = Dynamo::new(answers.clone()).users();
        let outcome = users.may_revoke(caller(0, key)).await;
        assert_eq!(outcome.unwrap(), may, "{key:?} {answers:?}");
    }
}
