//! Operations on users, with replayed responses.

use serde_json::{Value, json};
use trichrome_proto::error::{ErrorCode, Fault};

use super::*;
use crate::testing::{Dynamo, ada, cancelled, done, failure, item};

const PASSWORD: &str = "correct horse";

async fn create(dynamo: &Dynamo, key: Option<&str>) -> Result<User, Error> {
    let users = dynamo.users();
    let created = users.create("ada".to_owned(), PASSWORD.to_owned(), key, None);
    Ok(created.await?.user)
}

/// The name item of the user `1`, with this password and key.
async fn owner(password: &str, key: Option<&str>) -> Value {
    let hash = Passwords::new().hash(password.to_owned()).await.unwrap();
    let mut item = json!({
        "pk": {"S": "name#ada"},
        "user_id": {"S": "1"},
        "password_hash": {"S": hash},
    });
    if let Some(key) = key {
        item["idempotency_key"] = json!({"S": key});
    }
    item
}

#[tokio::test]
async fn create_stores_name_and_user_in_one_transaction() {
    let dynamo = Dynamo::new([done()]);
    let user = create(&dynamo, Some("k1")).await.unwrap();
    assert_eq!(user.username, "ada");
    assert_eq!(Uuid::parse_str(&user.id).unwrap().get_version_num(), 4);

    assert_eq!(dynamo.operations(), ["TransactWriteItems"]);
    let body = &dynamo.bodies()[0];
    // Makes the SDK's own retries idempotent.
    assert!(body["ClientRequestToken"].is_string());
    let [name, stored] = body["TransactItems"].as_array().unwrap().as_slice() else {
        panic!("{body}");
    };
    let hash = name["Put"]["Item"]["password_hash"]["S"].as_str().unwrap();
    assert!(hash.starts_with("$argon2id$v=19$m=19456,t=2,p=1$"));
    assert_eq!(
        *name,
        json!({"Put": {
            "TableName": "users",
            "ConditionExpression": "attribute_not_exists(pk)",
            "Item": {
                "pk": {"S": "name#ada"},
                "user_id": {"S": user.id},
                "password_hash": {"S": hash},
                "idempotency_key": {"S": "k1"},
            },
        }})
    );
    let created = stored["Put"]["Item"]["created_at"]["S"].as_str().unwrap();
    assert!(OffsetDateTime::parse(created, &Rfc3339).is_ok());
    assert_eq!(
        *stored,
        json!({"Put": {
            "TableName": "users",
            "ConditionExpression": "attribute_not_exists(pk)",
            "Item": {
                "pk": {"S": format!("user#{}", user.id)},
                "id": {"S": user.id},
                "username": {"S": "ada"},
                "created_at": {"S": created},
            },
        }})
    );
}

#[tokio::test]
async fn create_without_a_key_stores_none() {
    let dynamo = Dynamo::new([done()]);
    create(&dynamo, None).await.unwrap();
    let name = &dynamo.bodies()[0]["TransactItems"][0]["Put"]["Item"];
    assert!(name.get("idempotency_key").is_none());
}

#[tokio::test]
async fn an_invalid_name_is_refused_without_a_request() {
    let dynamo = Dynamo::new([]);
    let users = dynamo.users();
    let created = users.create(" ada".to_owned(), PASSWORD.to_owned(), None, None);
    assert_eq!(
        created.await.unwrap_err().code(),
        ErrorCode::InvalidArgument
    );
    assert!(dynamo.operations().is_empty());
}

#[tokio::test]
async fn a_taken_name_is_refused() {
    let dynamo = Dynamo::new([cancelled(&["ConditionalCheckFailed", "None"])]);
    let error = create(&dynamo, None).await.unwrap_err();
    assert_eq!(error.code(), ErrorCode::AlreadyExists);
    assert_eq!(dynamo.operations(), ["TransactWriteItems"]);
}

#[tokio::test]
async fn a_repeated_create_returns_the_same_user() {
    let dynamo = Dynamo::new([
        cancelled(&["ConditionalCheckFailed", "None"]),
        item(owner(PASSWORD, Some("k1")).await),
    ]);
    let user = create(&dynamo, Some("k1")).await.unwrap();
    assert_eq!((user.id.as_str(), user.username.as_str()), ("1", "ada"));
    assert_eq!(dynamo.operations(), ["TransactWriteItems", "GetItem"]);
}

#[tokio::test]
async fn a_key_is_valid_only_with_its_password() {
    for (password, key) in [
        (PASSWORD, Some("k2")),
        (PASSWORD, None),
        ("battery staple", Some("k1")),
    ] {
        let dynamo = Dynamo::new([
            cancelled(&["ConditionalCheckFailed", "None"]),
            item(owner(password, key).await),
        ]);
        let error = create(&dynamo, Some("k1")).await.unwrap_err();
        assert_eq!(error.code(), ErrorCode::AlreadyExists, "{password} {key:?}");
    }
}

#[tokio::test]
async fn a_name_freed_in_between_is_a_conflict() {
    let dynamo = Dynamo::new([cancelled(&["ConditionalCheckFailed", "None"]), done()]);
    let error = create(&dynamo, Some("k1")).await.unwrap_err();
    assert_eq!(error.code(), ErrorCode::Aborted);
}

#[tokio::test(start_paused = true)]
async fn a_conflicting_transaction_is_retried() {
    let conflict = || cancelled(&["TransactionConflict", "None"]);
    let dynamo = Dynamo::new([
        conflict(),
        failure(400, "TransactionInProgressException"),
        conflict(),
        done(),
    ]);
    create(&dynamo, None).await.unwrap();

    let dynamo = Dynamo::new((0..7).map(|_| conflict()).chain([done()]));
    let error = create(&dynamo, None).await.unwrap_err();
    assert_eq!(error.code(), ErrorCode::Aborted);
    assert_eq!(dynamo.operations().len(), 7);
}

#[tokio::test]
async fn failures_of_a_transaction_have_their_codes() {
    for (answer, code) in [
        (
            cancelled(&["None", "ConditionalCheckFailed"]),
            ErrorCode::Internal,
        ),
        (cancelled(&["ValidationError", "None"]), ErrorCode::Internal),
        (cancelled(&[]), ErrorCode::Internal),
        (
            cancelled(&["ThrottlingError", "None"]),
            ErrorCode::Unavailable,
        ),
        (
            cancelled(&["None", "ProvisionedThroughputExceeded"]),
            ErrorCode::Unavailable,
        ),
        (failure(400, "ThrottlingException"), ErrorCode::Unavailable),
        (failure(400, "ValidationException"), ErrorCode::Internal),
        (failure(400, "AccessDeniedException"), ErrorCode::Internal),
        (failure(500, "InternalServerError"), ErrorCode::Unavailable),
    ] {
        let dynamo = Dynamo::new([answer.clone()]);
        let error = create(&dynamo, Some("k1")).await.unwrap_err();
        assert_eq!(error.code(), code, "{answer:?}");
    }
}

#[tokio::test]
async fn get_reads_consistently() {
    let dynamo = Dynamo::new([item(ada())]);
    let user = dynamo.users().get("1").await.unwrap();
    assert_eq!((user.id.as_str(), user.username.as_str()), ("1", "ada"));
    assert_eq!(dynamo.operations(), ["GetItem"]);
    assert_eq!(
        dynamo.bodies()[0],
        json!({"TableName": "users", "Key": {"pk": {"S": "user#1"}}, "ConsistentRead": true})
    );
}

#[tokio::test]
async fn a_user_being_deleted_is_not_found() {
    let mut deleting = ada();
    deleting["deleting"] = json!({"BOOL": true});
    for answer in [item(deleting), done()] {
        let error = Dynamo::new([answer]).users().get("1").await.unwrap_err();
        assert_eq!(error.code(), ErrorCode::NotFound);
    }
}

#[tokio::test]
async fn get_by_username_reads_no_hash() {
    let dynamo = Dynamo::new([item(json!({"user_id": {"S": "1"}})), done()]);
    let users = dynamo.users();
    let user = users.get_by_username("ada".to_owned()).await.unwrap();
    assert_eq!((user.id.as_str(), user.username.as_str()), ("1", "ada"));
    let error = users.get_by_username("bob".to_owned()).await.unwrap_err();
    assert_eq!(error.code(), ErrorCode::NotFound);
    assert_eq!(
        dynamo.bodies()[0],
        json!({
            "TableName": "users",
            "Key": {"pk": {"S": "name#ada"}},
            "ProjectionExpression": "user_id",
            "ConsistentRead": true,
        })
    );
}

/// `Zoë` as NFD, and its form.
const TYPED: &str = "Zoe\u{308}";
const FORM: &str = "Zoë";

fn requested_names(dynamo: &Dynamo) -> Vec<String> {
    let names = |body: &Value| body["Key"]["pk"]["S"].as_str().unwrap().to_owned();
    dynamo.bodies().iter().map(names).collect()
}

#[tokio::test]
async fn create_stores_the_form_of_a_name() {
    let dynamo = Dynamo::new([done(), done()]);
    let users = dynamo.users();
    let user = users.create(TYPED.to_owned(), PASSWORD.to_owned(), None, None);
    assert_eq!(user.await.unwrap().user.username, FORM);
    // An older user could have the name as typed.
    assert_eq!(dynamo.operations(), ["GetItem", "TransactWriteItems"]);
    let name = &dynamo.bodies()[1]["TransactItems"][0]["Put"]["Item"];
    assert_eq!(name["pk"]["S"], format!("name#{FORM}"));
}

#[tokio::test]
async fn an_older_users_name_is_taken_as_it_is() {
    let dynamo = Dynamo::new([item(json!({"user_id": {"S": "1"}}))]);
    let users = dynamo.users();
    let created = users.create(TYPED.to_owned(), PASSWORD.to_owned(), None, None);
    assert_eq!(created.await.unwrap_err().code(), ErrorCode::AlreadyExists);
}

#[tokio::test]
async fn a_user_is_found_by_the_name_as_typed_and_by_its_form() {
    for (answers, username) in [
        (vec![item(json!({"user_id": {"S": "1"}}))], TYPED),
        (vec![done(), item(json!({"user_id": {"S": "1"}}))], FORM),
    ] {
        let dynamo = Dynamo::new(answers);
        let user = dynamo.users().get_by_username(TYPED.to_owned()).await;
        assert_eq!(user.unwrap().username, username);
    }
    // Not every older name has a form.
    let dynamo = Dynamo::new([item(json!({"user_id": {"S": "1"}}))]);
    let user = dynamo.users().get_by_username("🦀".to_owned()).await;
    assert_eq!(user.unwrap().username, "🦀");
}

#[tokio::test]
async fn a_login_takes_the_name_as_typed_and_its_form() {
    let other = || item(json!({"user_id": {"S": "2"}, "password_hash": {"S": "other"}}));
    for (answers, id) in [
        (vec![item(owner(PASSWORD, None).await), other()], Some("1")),
        (vec![item(owner(PASSWORD, None).await), done()], Some("1")),
        (vec![done(), item(owner(PASSWORD, None).await)], Some("1")),
        (vec![done(), done()], None),
    ] {
        let dynamo = Dynamo::new(answers);
        let users = dynamo.users();
        let verified = users.verify_password(TYPED.to_owned(), PASSWORD.to_owned(), None);
        let id_of = |account: Account| account.user.id;
        assert_eq!(verified.await.ok().map(id_of).as_deref(), id);
        // The number of reads doesn't reveal which exists.
        let names = [format!("name#{TYPED}"), format!("name#{FORM}")];
        assert_eq!(requested_names(&dynamo), names);
    }
}

#[tokio::test]
async fn the_right_password_is_accepted() {
    let dynamo = Dynamo::new([item(owner(PASSWORD, None).await)]);
    let users = dynamo.users();
    let account = users.verify_password("ada".to_owned(), PASSWORD.to_owned(), None);
    let account = account.await.unwrap();
    assert_eq!((account.user.id.as_str(), account.generation), ("1", 0));
    assert_eq!(
        dynamo.bodies()[0],
        json!({"TableName": "users", "Key": {"pk": {"S": "name#ada"}}, "ConsistentRead": true})
    );
}

#[tokio::test]
async fn an_unknown_user_and_a_wrong_password_look_the_same() {
    let mut seen = Vec::new();
    for answer in [item(owner("battery staple", None).await), done()] {
        let dynamo = Dynamo::new([answer]);
        let users = dynamo.users();
        let verified = users.verify_password("ada".to_owned(), PASSWORD.to_owned(), None);
        let error = verified.await.unwrap_err();
        seen.push((error.code(), error.to_string(), dynamo.bodies()));
    }
    assert_eq!(seen[0].0, ErrorCode::Unauthenticated);
    assert_eq!(seen[0], seen[1]);
}

#[tokio::test]
async fn failures_of_a_read_have_their_codes() {
    for (answer, code) in [
        (
            failure(400, "ResourceNotFoundException"),
            ErrorCode::Internal,
        ),
        (failure(400, "AccessDeniedException"), ErrorCode::Internal),
        (
            failure(400, "ProvisionedThroughputExceededException"),
            ErrorCode::Unavailable,
        ),
        (failure(400, "RequestLimitExceeded"), ErrorCode::Unavailable),
        (failure(503, "ServiceUnavailable"), ErrorCode::Unavailable),
        // An incomplete item.
        (item(json!({"pk": {"S": "user#1"}})), ErrorCode::Internal),
    ] {
        let error = Dynamo::new([answer.clone()])
            .users()
            .get("1")
            .await
            .unwrap_err();
        assert_eq!(error.code(), code, "{answer:?}");
    }
}

#[tokio::test]
async fn a_store_that_refuses_connections_is_unavailable() {
    let users = Dynamo::new([]).users();
    let name = || "ada".to_owned();
    let password = || PASSWORD.to_owned();
    for error in [
        users.get("1").await.unwrap_err(),
        users.get_by_username(name()).await.unwrap_err(),
        users
            .verify_password(name(), password(), None)
            .await
            .unwrap_err(),
        users
            .create(name(), password(), None, None)
            .await
            .unwrap_err(),
    ] {
        assert_eq!(error.code(), ErrorCode::Unavailable);
    }
}
