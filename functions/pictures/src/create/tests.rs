//! Every outcome of storing a picture, with replayed responses.

use base64::{Engine as _, engine::general_purpose::STANDARD};
use serde_json::json;
use trichrome_proto::{
    error::{ErrorCode, Fault as _},
    wire::limits::MAX_PICTURE,
};

use super::*;
use crate::testing::{
    Answer, Replay, USER, cancelled, object, object_error, replay, row, row_error,
};

const PNG: &[u8] = include_bytes!("../../../image/tests/fixtures/1x1.png");
const OK: &str = "None";
const QUOTA: Quota = Quota {
    bytes: 1000,
    pictures: 10,
};
const REFUSED: &str = "ConditionalCheckFailed";

fn request() -> CreateUserPictureRequest {
    CreateUserPictureRequest {
        title: "A dot".to_owned(),
        base64: STANDARD.encode(PNG),
        ..Default::default()
    }
}

async fn create(
    answers: Vec<Answer>,
    key: Option<&str>,
    request: CreateUserPictureRequest,
) -> (Result<PictureMessage, Error>, Replay) {
    let replay = replay(answers);
    let users = UsersTable("users".to_owned());
    let pictures = NewPictures::new(replay.store.clone(), users, QUOTA);
    (pictures.create(USER, key, request).await, replay)
}

/// An idempotency item as DynamoDB returns it.
fn key_item(created: Uuid, fingerprint: &str, expires_at: u64) -> Answer {
    row(json!({ "Item": {
        "created_id": { "S": created.to_string() },
        "fingerprint": { "S": fingerprint },
        "expires_at": { "N": expires_at.to_string() },
    }}))
}

const FAR: u64 = 4_000_000_000;

#[tokio::test]
async fn the_object_is_stored_before_the_transaction() {
    let (result, replay) = create(vec![object(""), row(json!({}))], None, request()).await;
    let message = result.unwrap();
    assert_eq!(message.title, "A dot");
    assert_eq!(message.base64, "");
    assert_eq!(message.user_id, USER);
    assert_eq!(message.content_type, "image/png");
    assert_eq!(message.size_bytes as usize, PNG.len());
    assert_eq!((message.width, message.height), (1, 1));
    let id: Uuid = message.id.parse().unwrap();
    assert_eq!(id.get_version_num(), 7);
    let age = std::time::SystemTime::now()
        .duration_since(message.created_at.unwrap().try_into().unwrap());
    assert!(age.unwrap() < Duration::from_secs(60));

    let seen = replay.seen();
    assert_eq!(replay.operations(), ["PutObject", "TransactWriteItems"]);
    assert!(
        seen[0]
            .path
            .starts_with(&format!("/bytes/originals/{USER}/{id}")),
        "{}",
        seen[0].path
    );
    assert_eq!(seen[0].content_type, "image/png");
    assert_eq!(seen[0].body, PNG);

    let transaction = seen[1].json();
    assert_eq!(transaction["ClientRequestToken"], id.to_string());
    let [user, put, counter] = transaction["TransactItems"].as_array().unwrap().as_slice() else {
        panic!("{transaction}");
    };
    let user = &user["ConditionCheck"];
    assert_eq!(user["TableName"], "users");
    assert_eq!(user["Key"]["pk"]["S"], format!("user#{USER}"));
    assert_eq!(
        user["ConditionExpression"],
        "attribute_exists(pk) AND attribute_not_exists(deleting)"
    );
    let put = &put["Put"];
    assert_eq!(put["TableName"], "pictures");
    assert_eq!(
        put["ConditionExpression"],
        "attribute_not_exists(picture_id)"
    );
    assert_eq!(put["Item"]["user_id"]["S"], USER);
    assert_eq!(put["Item"]["picture_id"]["S"], id.to_string());
    assert_eq!(put["Item"]["size_bytes"]["N"], PNG.len().to_string());
    assert!(
        put["Item"]["created_at"]["S"]
            .as_str()
            .unwrap()
            .ends_with('Z')
    );
    let counter = &counter["Update"];
    assert_eq!(counter["Key"]["user_id"]["S"], format!("quota#{USER}"));
    assert_eq!(
        counter["ConditionExpression"],
        "#bytes <= :most_bytes AND #pictures <= :most_pictures \
         AND #bytes >= :zero AND #pictures >= :zero"
    );
    let limits = &counter["ExpressionAttributeValues"];
    let most = QUOTA.bytes - PNG.len() as u64;
    assert_eq!(limits[":most_bytes"]["N"], most.to_string());
    assert_eq!(limits[":most_pictures"]["N"], "9");
}

#[tokio::test]
async fn bytes_are_stored_from_each_form() {
    let url = format!("data:image/gif;base64,{}", STANDARD.encode(PNG));
    for (base64, content, is_data_url) in [
        (String::new(), PNG.to_vec(), false),
        (url, Vec::new(), true),
    ] {
        let request = CreateUserPictureRequest {
            base64,
            content,
            ..request()
        };
        let (result, replay) = create(vec![object(""), row(json!({}))], None, request).await;
        let links = result.unwrap().links.unwrap();
        assert!(links.original.contains("/originals/"), "{}", links.original);
        let seen = replay.seen();
        assert_eq!(seen[0].body, PNG);
        let row = &seen[1].json()["TransactItems"][1]["Put"]["Item"];
        assert_eq!(row["data_url"]["BOOL"] == true, is_data_url);
    }
}

#[tokio::test]
async fn an_invalid_request_reaches_no_store() {
    let with = |title: &str, base64: String| CreateUserPictureRequest {
        title: title.to_owned(),
        base64,
        ..Default::default()
    };
    let large = STANDARD.encode(vec![0; MAX_PICTURE + 1]);
    let invalid = ErrorCode::InvalidArgument;
    let cases = [
        (
            with(" \u{a0}\u{2003}", STANDARD.encode(PNG)),
            None,
            invalid,
            "title is blank",
        ),
        (
            with("t", "?".to_owned()),
            None,
            invalid,
            "'?' at character 1",
        ),
        (
            with("t", STANDARD.encode(b"hello")),
            None,
            invalid,
            "text, not a picture",
        ),
        (
            with("t", String::new()),
            None,
            invalid,
            "\"base64\" or \"content\" is required",
        ),
        (
            CreateUserPictureRequest {
                content: PNG.to_vec(),
                ..request()
            },
            None,
            invalid,
            "both given",
        ),
        (
            CreateUserPictureRequest {
                base64: String::new(),
                content: vec![0; MAX_PICTURE + 1],
                ..request()
            },
            None,
            ErrorCode::PayloadTooLarge,
            "begin an upload",
        ),
        (
            with("t", STANDARD.encode(&PNG[..60])),
            None,
            invalid,
            "the PNG file is damaged",
        ),
        (
            with("t", large),
            None,
            ErrorCode::PayloadTooLarge,
            "the limit is 4194304 bytes",
        ),
        (
            request(),
            Some("k".repeat(256)),
            invalid,
            "the limit is 255",
        ),
    ];
    for (request, key, code, message) in cases {
        let (result, replay) = create(vec![], key.as_deref(), request).await;
        let error = result.unwrap_err();
        assert_eq!(error.code(), code);
        assert!(error.to_string().contains(message), "{error}");
        assert!(replay.operations().is_empty());
    }
}

#[tokio::test]
async fn a_deleted_user_leaves_no_object() {
    let answers = vec![object(""), cancelled(&[REFUSED, OK]), object("")];
    let (result, replay) = create(answers, None, request()).await;
    assert_eq!(result.unwrap_err().code(), ErrorCode::Unauthenticated);
    let seen = replay.seen();
    assert_eq!(
        replay.operations(),
        ["PutObject", "TransactWriteItems", "DeleteObjects"]
    );
    let path = seen[0].path.split('?').next().unwrap();
    let deleted = String::from_utf8(seen[2].body.clone()).unwrap();
    let key = path.strip_prefix("/bytes/").unwrap();
    assert!(deleted.contains(&format!("<Key>{key}</Key>")), "{deleted}");
}

#[tokio::test]
async fn a_failed_upload_inserts_no_row() {
    let answers = vec![object_error(503, "SlowDown"), object("")];
    let (result, replay) = create(answers, None, request()).await;
    assert_eq!(result.unwrap_err().code(), ErrorCode::Unavailable);
    assert_eq!(replay.operations(), ["PutObject", "DeleteObjects"]);

    let answers = vec![object_error(403, "AccessDenied"), object("")];
    let (result, _) = create(answers, None, request()).await;
    assert_eq!(result.unwrap_err().code(), ErrorCode::Internal);
}

#[tokio::test]
async fn the_first_error_is_returned_if_rolling_back_fails() {
    let answers = vec![
        object(""),
        cancelled(&[REFUSED, OK]),
        object_error(503, "SlowDown"),
    ];
    let (result, replay) = create(answers, None, request()).await;
    assert_eq!(result.unwrap_err().code(), ErrorCode::Unauthenticated);
    assert_eq!(replay.operations().len(), 3);
}

#[tokio::test(start_paused = true)]
async fn conflicting_transactions_are_retried() {
    let conflict = || cancelled(&["TransactionConflict", OK]);
    let answers = vec![object(""), conflict(), conflict(), row(json!({}))];
    let (result, replay) = create(answers, None, request()).await;
    let id = result.unwrap().id;
    for seen in &replay.seen()[1..] {
        assert_eq!(seen.json()["ClientRequestToken"], id);
    }

    let mut answers = vec![object("")];
    answers.extend((0..7).map(|_| conflict()));
    answers.push(object(""));
    let (result, replay) = create(answers, None, request()).await;
    assert_eq!(result.unwrap_err().code(), ErrorCode::Unavailable);
    assert_eq!(replay.operations().len(), 9);
    assert_eq!(replay.operations().last().unwrap(), "DeleteObjects");
}

#[tokio::test]
async fn an_earlier_attempt_that_succeeded_counts() {
    let answers = vec![
        row(json!({})),
        object(""),
        cancelled(&[OK, REFUSED, REFUSED, REFUSED]),
    ];
    let (result, replay) = create(answers, Some("key"), request()).await;
    assert!(result.is_ok());
    assert_eq!(
        replay.operations(),
        ["GetItem", "PutObject", "TransactWriteItems"]
    );
}

#[tokio::test]
async fn a_transaction_without_a_response_is_settled_by_reading() {
    let lost = || row_error(500, "InternalServerError");
    let there = row(json!({ "Item": crate::testing::item(&Uuid::now_v7().to_string(), "t", 1) }));
    let answers = vec![object(""), lost(), there];
    let (result, replay) = create(answers, None, request()).await;
    assert!(result.is_ok());
    assert_eq!(
        replay.operations(),
        ["PutObject", "TransactWriteItems", "GetItem"]
    );

    let answers = vec![object(""), lost(), row(json!({})), object("")];
    let (result, replay) = create(answers, None, request()).await;
    assert_eq!(result.unwrap_err().code(), ErrorCode::Unavailable);
    assert_eq!(replay.operations()[2..], ["GetItem", "DeleteObjects"]);

    // The read fails too: the row may exist, so the object is kept.
    let answers = vec![object(""), lost(), lost()];
    let (result, replay) = create(answers, None, request()).await;
    assert_eq!(result.unwrap_err().code(), ErrorCode::Unavailable);
    assert_eq!(replay.operations()[2..], ["GetItem"]);
}

#[tokio::test]
async fn a_key_is_written_with_its_picture() {
    let answers = vec![row(json!({})), object(""), row(json!({}))];
    let (result, replay) = create(answers, Some("key"), request()).await;
    let seen = replay.seen();
    let key = seen[0].json();
    assert_eq!(key["Key"]["user_id"]["S"], format!("idem#{USER}"));
    assert_eq!(key["Key"]["picture_id"]["S"], "key");
    assert_eq!(key["ConsistentRead"], true);

    let transaction = seen[2].json();
    let put = &transaction["TransactItems"][3]["Put"];
    assert_eq!(put["Item"]["created_id"]["S"], result.unwrap().id);
    assert_eq!(put["Item"]["fingerprint"]["S"], fingerprint("A dot", PNG));
    let expires_at: u64 = put["Item"]["expires_at"]["N"]
        .as_str()
        .unwrap()
        .parse()
        .unwrap();
    assert!((1_700_000_000..FAR).contains(&expires_at));
    assert_eq!(
        put["ConditionExpression"],
        "attribute_not_exists(picture_id) OR expires_at < :now"
    );
}

#[tokio::test]
async fn a_used_key_returns_the_first_picture() {
    let first = Uuid::now_v7();
    let answers = vec![key_item(first, &fingerprint("A dot", PNG), FAR)];
    let (result, replay) = create(answers, Some("key"), request()).await;
    let message = result.unwrap();
    assert_eq!(message.id, first.to_string());
    assert_eq!(message.size_bytes as usize, PNG.len());
    assert_eq!(replay.operations(), ["GetItem"]);

    let answers = vec![key_item(first, &fingerprint("Another", PNG), FAR)];
    let (result, replay) = create(answers, Some("key"), request()).await;
    assert_eq!(result.unwrap_err().code(), ErrorCode::Aborted);
    assert_eq!(replay.operations(), ["GetItem"]);
}

#[tokio::test]
async fn an_expired_key_can_be_used_again() {
    let expired = key_item(Uuid::now_v7(), "of another picture", 1_000_000_000);
    let answers = vec![expired, object(""), row(json!({}))];
    let (result, _) = create(answers, Some("key"), request()).await;
    assert!(result.is_ok());
}

#[tokio::test]
async fn a_concurrent_call_with_the_same_key_returns_its_picture() {
    let winner = Uuid::now_v7();
    let race = |fingerprint: &str| {
        vec![
            row(json!({})),
            object(""),
            cancelled(&[OK, OK, OK, REFUSED]),
            object(""),
            key_item(winner, fingerprint, FAR),
        ]
    };
    let (result, replay) = create(race(&fingerprint("A dot", PNG)), Some("key"), request()).await;
    assert_eq!(result.unwrap().id, winner.to_string());
    assert_eq!(
        replay.operations(),
        [
            "GetItem",
            "PutObject",
            "TransactWriteItems",
            "DeleteObjects",
            "GetItem"
        ]
    );

    let (result, _) = create(race("another"), Some("key"), request()).await;
    assert_eq!(result.unwrap_err().code(), ErrorCode::Aborted);
}

#[tokio::test]
async fn a_store_that_refuses_is_an_internal_error() {
    let answers = vec![
        object(""),
        row_error(400, "AccessDeniedException"),
        object(""),
    ];
    let (result, replay) = create(answers, None, request()).await;
    let error = result.unwrap_err();
    assert_eq!(error.code(), ErrorCode::Internal);
    assert_eq!(
        replay.operations(),
        ["PutObject", "TransactWriteItems", "DeleteObjects"]
    );
}

#[test]
fn a_fingerprint_separates_title_and_bytes() {
    assert_ne!(fingerprint("ab", b"c"), fingerprint("a", b"bc"));
    assert_eq!(fingerprint("ab", b"c").len(), 64);
}

#[tokio::test]
async fn a_picture_beyond_the_quota_leaves_no_object() {
    let full = || cancelled(&[OK, OK, REFUSED]);
    let counter = row(json!({ "Item": { "bytes": { "N": "1000" }, "pictures": { "N": "3" } } }));
    let answers = vec![object(""), full(), counter, object("<DeleteResult/>")];
    let (result, replay) = create(answers, None, request()).await;
    let error = result.unwrap_err();
    assert_eq!(error.code(), ErrorCode::QuotaExceeded);
    assert!(error.to_string().contains("1000 bytes"), "{error}");
    assert_eq!(
        replay.operations(),
        [
            "PutObject",
            "TransactWriteItems",
            "GetItem",
            "DeleteObjects"
        ]
    );
}

/// Two first pictures at once find no counter. The one that is refused finds the other's.
#[tokio::test]
async fn a_counter_that_a_concurrent_call_stored_has_room() {
    let counter = row(json!({ "Item": { "bytes": { "N": "7" }, "pictures": { "N": "1" } } }));
    let refused = cancelled(&[OK, OK, REFUSED]);
    let answers = vec![object(""), refused, counter, row(json!({}))];
    let (result, replay) = create(answers, None, request()).await;
    result.unwrap();
    assert_eq!(
        replay.operations()[1..],
        ["TransactWriteItems", "GetItem", "TransactWriteItems"]
    );
}

#[tokio::test]
async fn pictures_from_before_there_were_quotas_are_counted_once() {
    let answers = vec![
        object(""),
        cancelled(&[OK, OK, REFUSED]),
        row(json!({})),
        row(json!({ "Items": [{ "size_bytes": { "N": "7" } }] })),
        row(json!({})),
        row(json!({})),
    ];
    let (result, replay) = create(answers, None, request()).await;
    result.unwrap();
    assert_eq!(
        replay.operations()[1..],
        [
            "TransactWriteItems",
            "GetItem",
            "Query",
            "PutItem",
            "TransactWriteItems"
        ]
    );
}
