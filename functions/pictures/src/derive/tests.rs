use std::{fs, os::unix::fs::PermissionsExt as _};

use serde_json::json;
use tempfile::TempDir;

use super::*;
use crate::testing::{Answer, Replay, USER, object, object_error, replay, row, row_error};

const ID: &str = "0190b6a0-1234-7000-8000-000000000001";

/// What the decoder says of a picture that has derivatives.
const DERIVED: &str = concat!(
    r#"printf '{"Derived":{"displayed_width":3,"displayed_height":4,"#,
    r#""taken_at":"2026-07-14T18:03:21+02:00","images":[5,7,4]}}\nthumbpreviewhash'"#,
);

/// What the decoder says of a damaged one.
const DAMAGED: &str = r#"echo '{"Damaged":"its data ends early"}'"#;

/// A deriver whose decoder does this, and whose stores give these answers.
struct Scene {
    deriver: Deriver,
    replay: Replay,
    _folder: TempDir,
}

fn scene(decoder: &str, answers: Vec<Answer>) -> Scene {
    let folder = tempfile::tempdir().unwrap();
    let program = folder.path().join("decoder");
    let script = format!("#!/bin/sh\n/bin/cat > /dev/null\n{decoder}\n");
    fs::write(&program, script).unwrap();
    fs::set_permissions(&program, fs::Permissions::from_mode(0o755)).unwrap();
    let replay = replay(answers);
    Scene {
        deriver: Deriver::new(replay.store.clone(), program),
        replay,
        _folder: folder,
    }
}

impl Scene {
    /// Handles a notification of this object, and returns the failed messages.
    async fn notify(&self, key: &str) -> serde_json::Value {
        let body = json!({ "Records": [
            { "eventName": "ObjectCreated:Put", "s3": { "object": { "key": key } } },
        ]});
        let event = json!({ "Records": [{ "messageId": "m", "body": body.to_string() }] });
        let event = serde_json::from_value(event).unwrap();
        let Handled { response, .. } = self.deriver.handle(event).await;
        serde_json::to_value(response).unwrap()["batchItemFailures"].take()
    }

    async fn notify_original(&self) -> serde_json::Value {
        self.notify(&format!("originals/{USER}/{ID}")).await
    }
}

fn refused() -> Answer {
    row_error(400, "ConditionalCheckFailedException")
}

fn succeeded() -> serde_json::Value {
    json!([])
}

fn failed() -> serde_json::Value {
    json!([{ "itemIdentifier": "m" }])
}

#[tokio::test]
async fn derivatives_are_stored_before_the_row_says_so() {
    let answers = vec![object("bytes"), object(""), object(""), row(json!({}))];
    let scene = scene(DERIVED, answers);
    assert_eq!(scene.notify_original().await, succeeded());
    let seen = scene.replay.seen();
    assert_eq!(
        scene.replay.operations(),
        ["GetObject", "PutObject", "PutObject", "UpdateItem"]
    );
    for (put, name, bytes) in [
        (&seen[1], "thumbnail", &b"thumb"[..]),
        (&seen[2], "preview", b"preview"),
    ] {
        let path = format!("/bytes/derived/{USER}/{ID}/{name}.webp");
        assert!(put.path.starts_with(&path), "{}", put.path);
        assert_eq!(
            (put.content_type.as_str(), put.body.as_slice()),
            ("image/webp", bytes)
        );
    }
    let update = seen[3].json();
    assert_eq!(update["Key"]["picture_id"]["S"], ID);
    assert_eq!(
        update["ConditionExpression"],
        "attribute_exists(picture_id) AND attribute_not_exists(deleting)"
    );
    let values = &update["ExpressionAttributeValues"];
    assert_eq!(values[":state"]["S"], "ready");
    assert_eq!(values[":displayed_width"]["N"], "3");
    assert_eq!(values[":displayed_height"]["N"], "4");
    assert_eq!(values[":taken_at"]["S"], "2026-07-14T18:03:21+02:00");
    assert_eq!(values[":placeholder"]["S"], "aGFzaA==");
}

#[tokio::test]
async fn a_damaged_picture_says_why() {
    let scene = scene(DAMAGED, vec![object("bytes"), row(json!({}))]);
    assert_eq!(scene.notify_original().await, succeeded());
    let values = scene.replay.seen()[1].json()["ExpressionAttributeValues"].take();
    assert_eq!(values[":state"]["S"], "damaged");
    assert_eq!(values[":damage"]["S"], "its data ends early");
}

#[tokio::test]
async fn a_picture_that_crashes_the_decoder_is_left_to_browsers() {
    let gif = include_bytes!("../../../image/tests/fixtures/1x1.gif");
    let scene = scene("kill -SEGV $$", vec![object(gif.to_vec()), row(json!({}))]);
    assert_eq!(scene.notify_original().await, succeeded());
    let values = scene.replay.seen()[1].json()["ExpressionAttributeValues"].take();
    assert_eq!(values[":state"]["S"], "ready");
    assert_eq!(values[":displayed_width"]["N"], "1");
    assert_eq!(values[":placeholder"], json!(null));
}

#[tokio::test]
async fn a_deleted_picture_leaves_no_derivatives() {
    // Deleted before the notification.
    let answers = vec![object_error(404, "NoSuchKey"), object("<DeleteResult/>")];
    let before = scene(DERIVED, answers);
    assert_eq!(before.notify_original().await, succeeded());
    let deleted = String::from_utf8(before.replay.seen()[1].body.clone()).unwrap();
    assert!(deleted.contains(&format!("derived/{USER}/{ID}/preview.webp")));
    assert!(deleted.contains(&format!("derived/{USER}/{ID}/thumbnail.webp")));

    // Deleted while it was decoded.
    let answers = vec![
        object("bytes"),
        object(""),
        object(""),
        refused(),
        refused(),
        object_error(404, "NotFound"),
        object("<DeleteResult/>"),
    ];
    let meanwhile = scene(DERIVED, answers);
    assert_eq!(meanwhile.notify_original().await, succeeded());
    assert_eq!(
        meanwhile.replay.operations()[3..],
        ["UpdateItem", "UpdateItem", "HeadObject", "DeleteObjects"]
    );
}

#[tokio::test]
async fn a_notification_before_the_row_comes_again() {
    let answers = vec![object("bytes"), refused(), refused(), object("")];
    let scene = scene(DAMAGED, answers);
    assert_eq!(scene.notify_original().await, failed());
    assert_eq!(
        scene.replay.operations(),
        ["GetObject", "UpdateItem", "UpdateItem", "HeadObject"]
    );
}

#[tokio::test]
async fn an_upload_that_is_not_complete_keeps_it_for_its_row() {
    let scene = scene(DAMAGED, vec![object("bytes"), refused(), row(json!({}))]);
    assert_eq!(scene.notify_original().await, succeeded());
    let update = scene.replay.seen()[2].json();
    assert_eq!(update["Key"]["user_id"]["S"], format!("upload#{USER}"));
    assert_eq!(
        update["ExpressionAttributeValues"][":state"]["S"],
        "damaged"
    );
}

#[tokio::test]
async fn a_store_that_is_down_makes_the_message_come_again() {
    for answers in [
        vec![object_error(503, "SlowDown")],
        vec![object("bytes"), object_error(503, "SlowDown")],
        vec![
            object("bytes"),
            object(""),
            object(""),
            row_error(500, "InternalServerError"),
        ],
    ] {
        assert_eq!(scene(DERIVED, answers).notify_original().await, failed());
    }
}

#[tokio::test]
async fn objects_that_are_no_originals_are_ignored() {
    for key in [
        "a-report.csv".to_owned(),
        format!("derived/{USER}/{ID}/preview.webp"),
    ] {
        let scene = scene(DERIVED, vec![]);
        assert_eq!(scene.notify(&key).await, succeeded());
        assert!(scene.replay.operations().is_empty(), "{key}");
    }
}

#[tokio::test]
async fn one_bad_message_does_not_fail_the_others() {
    let scene = scene(DAMAGED, vec![object("bytes"), row(json!({}))]);
    let body = json!({ "Records": [
        { "eventName": "ObjectCreated:Put",
          "s3": { "object": { "key": format!("{USER}/{ID}") } } },
    ]});
    let event = json!({ "Records": [
        { "messageId": "bad", "body": "no notification" },
        { "messageId": "test", "body": r#"{"Event":"s3:TestEvent"}"# },
        { "messageId": "good", "body": body.to_string() },
    ]});
    let event = serde_json::from_value(event).unwrap();
    let Handled { response, owners } = scene.deriver.handle(event).await;
    assert_eq!(owners, [USER.to_owned()].into());
    let response = serde_json::to_value(response).unwrap();
    assert_eq!(
        response["batchItemFailures"],
        json!([{ "itemIdentifier": "bad" }])
    );
    assert_eq!(scene.replay.operations(), ["GetObject", "UpdateItem"]);
}
