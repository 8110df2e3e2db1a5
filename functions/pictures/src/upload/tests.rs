//! Every outcome of the operations of uploads, with replayed responses.

use base64::{Engine as _, engine::general_purpose::STANDARD};
use serde_json::{Value, json};
use sha2::{Digest as _, Sha256};
use trichrome_proto::{
    error::{ErrorCode, Fault as _},
    pictures::{
        AbortUploadRequest, BeginUploadRequest, CompleteUploadRequest, GetUploadRequest,
        PictureMessage, UploadMessage,
    },
};

use super::*;
use crate::testing::{
    Answer, Replay, USER, cancelled, item, object as stored, object_error, replay, row, row_error,
    sized_object,
};

const ID: &str = "0190b6a0-1234-7000-8000-000000000001";
const PNG: &[u8] = include_bytes!("../../../image/tests/fixtures/1x1.png");
const MIB: u32 = 1024 * 1024;
const OK: &str = "None";
const REFUSED: &str = "ConditionalCheckFailed";
const QUOTA: Quota = Quota {
    bytes: 100 * MIB as u64,
    pictures: 10,
};

fn uploads(replay: &Replay) -> Uploads {
    let users = UsersTable("users".to_owned());
    Uploads::new(replay.store.clone(), users, QUOTA, 64 * MIB)
}

fn checksum(bytes: &[u8]) -> String {
    STANDARD.encode(Sha256::digest(bytes))
}

/// An upload's item, of one part unless it has an S3 upload.
fn upload_item(size: u32, checksums: &[String], multipart: Option<&str>) -> Value {
    let checksums: Vec<_> = checksums.iter().map(|it| json!({ "S": it })).collect();
    let mut item = json!({
        "user_id": { "S": format!("upload#{USER}") },
        "picture_id": { "S": ID },
        "title": { "S": "A dot" },
        "content_type": { "S": "image/png" },
        "size_bytes": { "N": size.to_string() },
        "checksums": { "L": checksums },
        "expires_at": { "N": "4000000000" },
    });
    if let Some(multipart) = multipart {
        item["upload_id"] = json!({ "S": multipart });
    }
    item
}

fn png_item() -> Value {
    upload_item(PNG.len() as u32, &[checksum(PNG)], None)
}

/// An upload of 20 MiB in three parts.
fn parts_item() -> Value {
    let checksums = ["a", "b", "c"].map(|text| checksum(text.as_bytes()));
    upload_item(20 * MIB, &checksums, Some("s3-id"))
}

fn found(item: Value) -> Answer {
    row(json!({ "Item": item }))
}

fn none() -> Answer {
    row(json!({}))
}

fn picture() -> Answer {
    let mut picture = item(ID, "A dot", PNG.len());
    picture["layout"] = json!({ "S": "prefixed" });
    found(picture)
}

/// S3's list of these parts of [`parts_item`].
fn part_list(numbers: &[u32]) -> Answer {
    let parts: String = numbers
        .iter()
        .map(|number| {
            let size = if *number == 3 { 4 * MIB } else { 8 * MIB };
            let checksum = checksum(["a", "b", "c"][*number as usize - 1].as_bytes());
            format!(
                "<Part><PartNumber>{number}</PartNumber><ETag>e{number}</ETag><Size>{size}</Size>\
                 <ChecksumSHA256>{checksum}</ChecksumSHA256></Part>"
            )
        })
        .collect();
    stored(format!("<ListPartsResult>{parts}</ListPartsResult>"))
}

fn begin_request(size_bytes: u32, parts: usize) -> BeginUploadRequest {
    BeginUploadRequest {
        title: "A dot".to_owned(),
        size_bytes,
        content_type: "image/png".to_owned(),
        checksums: vec![checksum(b""); parts],
        user_id: String::new(),
    }
}

async fn begin(
    key: Option<&str>,
    request: BeginUploadRequest,
    answers: Vec<Answer>,
) -> (Result<UploadMessage, Error>, Replay) {
    let replay = replay(answers);
    (uploads(&replay).begin(USER, key, request).await, replay)
}

async fn get(answers: Vec<Answer>) -> (Result<UploadMessage, Error>, Replay) {
    let replay = replay(answers);
    let request = GetUploadRequest {
        upload_id: ID.to_owned(),
        user_id: String::new(),
    };
    (uploads(&replay).get(USER, &request).await, replay)
}

async fn complete(answers: Vec<Answer>) -> (Result<PictureMessage, Error>, Replay) {
    let replay = replay(answers);
    let request = CompleteUploadRequest {
        upload_id: ID.to_owned(),
        user_id: String::new(),
    };
    (uploads(&replay).complete(USER, &request).await, replay)
}

async fn abort(answers: Vec<Answer>) -> (Result<(), Error>, Replay) {
    let replay = replay(answers);
    let request = AbortUploadRequest {
        upload_id: ID.to_owned(),
        user_id: String::new(),
    };
    (uploads(&replay).abort(USER, &request).await, replay)
}

/// A counter with room.
fn counter() -> Answer {
    found(json!({ "bytes": { "N": "0" }, "pictures": { "N": "0" } }))
}

fn no_open_uploads() -> Answer {
    row(json!({ "Items": [] }))
}

#[tokio::test]
async fn an_upload_of_one_part_has_one_request() {
    let answers = vec![counter(), no_open_uploads(), none()];
    let (result, replay) = begin(None, begin_request(5, 1), answers).await;
    let upload = result.unwrap();
    assert_eq!((upload.state.as_str(), upload.size_bytes), ("open", 5));
    let [part] = upload.parts.as_slice() else {
        panic!("{upload:?}");
    };
    assert_eq!((part.number, part.size_bytes, part.arrived), (1, 5, false));
    let request = part.request.as_ref().unwrap();
    let id = &upload.id;
    let path = format!("http://stores.test/bytes/originals/{USER}/{id}?");
    assert!(request.url.starts_with(&path), "{}", request.url);
    assert!(request.headers.iter().any(|it| it.name == "if-none-match"));
    assert_eq!(
        replay.operations(),
        ["GetItem", "Query", "TransactWriteItems"]
    );

    let items = replay.seen()[2].json()["TransactItems"].clone();
    assert_eq!(
        items[0]["ConditionCheck"]["Key"]["pk"]["S"],
        format!("user#{USER}")
    );
    let put = &items[1]["Put"]["Item"];
    assert_eq!(put["user_id"]["S"], format!("upload#{USER}"));
    assert_eq!(put["picture_id"]["S"], *id);
    let expires_at = upload.expires_at.unwrap().seconds;
    assert_eq!(put["expires_at"]["N"], expires_at.to_string());
}

#[tokio::test]
async fn an_upload_of_several_parts_begins_one_in_s3() {
    let begun =
        "<InitiateMultipartUploadResult><UploadId>s3-id</UploadId></InitiateMultipartUploadResult>";
    let answers = vec![counter(), no_open_uploads(), stored(begun), none()];
    let (result, replay) = begin(None, begin_request(20 * MIB, 3), answers).await;
    let upload = result.unwrap();
    let sizes: Vec<_> = upload.parts.iter().map(|part| part.size_bytes).collect();
    assert_eq!(sizes, [8 * MIB, 8 * MIB, 4 * MIB]);
    for part in &upload.parts {
        let url = &part.request.as_ref().unwrap().url;
        assert!(
            url.contains(&format!("partNumber={}", part.number)),
            "{url}"
        );
        assert!(url.contains("uploadId=s3-id"), "{url}");
    }
    assert_eq!(replay.operations()[2], "CreateMultipartUpload");
}

#[tokio::test]
async fn a_user_who_is_gone_leaves_nothing() {
    let begun =
        "<InitiateMultipartUploadResult><UploadId>s3-id</UploadId></InitiateMultipartUploadResult>";
    let answers = vec![
        counter(),
        no_open_uploads(),
        stored(begun),
        cancelled(&[REFUSED, OK]),
        stored(""),
    ];
    let (result, replay) = begin(None, begin_request(20 * MIB, 3), answers).await;
    assert_eq!(result.unwrap_err().code(), ErrorCode::Unauthenticated);
    assert_eq!(replay.operations().last().unwrap(), "AbortMultipartUpload");
}

#[tokio::test]
async fn open_uploads_count_towards_the_quota() {
    let open = |size: u32| row(json!({ "Items": [{ "size_bytes": { "N": size.to_string() } }] }));
    for (open_size, code) in [(90 * MIB, None), (91 * MIB, Some(ErrorCode::QuotaExceeded))] {
        let answers = vec![counter(), open(open_size), none()];
        let (result, _) = begin(None, begin_request(10 * MIB, 1), answers).await;
        assert_eq!(result.err().map(|error| error.code()), code);
    }
}

#[tokio::test]
async fn a_repeated_beginning_returns_the_first_upload() {
    let fingerprint = declaration::Declaration::read(begin_request(5, 1), MIB)
        .unwrap()
        .fingerprint();
    let used = |fingerprint: &str| {
        found(json!({
            "begun_id": { "S": ID },
            "fingerprint": { "S": fingerprint },
            "expires_at": { "N": "4000000000" },
        }))
    };
    let open = upload_item(5, &[checksum(b"")], None);
    let answers = vec![
        used(&fingerprint),
        found(open),
        object_error(404, "NotFound"),
    ];
    let (result, replay) = begin(Some("k"), begin_request(5, 1), answers).await;
    let upload = result.unwrap();
    assert_eq!(upload.id, ID);
    assert!(upload.parts[0].request.is_some());
    assert_eq!(replay.operations(), ["GetItem", "GetItem", "HeadObject"]);

    let (result, _) = begin(Some("k"), begin_request(5, 1), vec![used("other")]).await;
    assert_eq!(result.unwrap_err().code(), ErrorCode::Aborted);
}

#[tokio::test]
async fn an_upload_says_which_parts_have_arrived() {
    let (result, _) = get(vec![found(parts_item()), part_list(&[1, 3])]).await;
    let upload = result.unwrap();
    let arrived: Vec<_> = upload.parts.iter().map(|part| part.arrived).collect();
    assert_eq!(arrived, [true, false, true]);
    for part in &upload.parts {
        assert_eq!(part.request.is_none(), part.arrived, "{part:?}");
    }
}

#[tokio::test]
async fn a_part_with_another_checksum_has_not_arrived() {
    let mut item = parts_item();
    item["checksums"]["L"][1] = json!({ "S": checksum(b"another") });
    let (result, _) = get(vec![found(item), part_list(&[1, 2, 3])]).await;
    let arrived: Vec<_> = result.unwrap().parts.iter().map(|it| it.arrived).collect();
    assert_eq!(arrived, [true, false, true]);
}

#[tokio::test]
async fn parts_that_are_joined_have_arrived() {
    let answers = vec![
        found(parts_item()),
        object_error(404, "NoSuchUpload"),
        stored(""),
    ];
    let (result, _) = get(answers).await;
    assert!(result.unwrap().parts.iter().all(|part| part.arrived));
    // S3 gave the parts up.
    let answers = vec![
        found(parts_item()),
        object_error(404, "NoSuchUpload"),
        object_error(404, "NotFound"),
    ];
    let (result, _) = get(answers).await;
    assert_eq!(result.unwrap_err().code(), ErrorCode::NotFound);
}

#[tokio::test]
async fn an_upload_that_ended_is_completed_or_not_found() {
    let (result, _) = get(vec![none(), picture()]).await;
    let upload = result.unwrap();
    assert_eq!(
        (upload.state.as_str(), upload.parts.len()),
        ("completed", 0)
    );

    let mut aborted = png_item();
    aborted["aborted"] = json!({ "BOOL": true });
    let mut refused = png_item();
    refused["refused"] = json!({ "S": "not a picture" });
    let mut expired = png_item();
    expired["expires_at"] = json!({ "N": "1000" });
    for answers in [
        vec![found(aborted)],
        vec![found(refused)],
        vec![found(expired), none()],
        vec![none(), none()],
    ] {
        let (result, _) = get(answers).await;
        assert_eq!(result.unwrap_err().code(), ErrorCode::NotFound);
    }
}

#[tokio::test]
async fn a_complete_upload_becomes_a_picture() {
    let answers = vec![found(png_item()), sized_object(PNG), none(), picture()];
    let (result, replay) = complete(answers).await;
    let message = result.unwrap();
    assert_eq!((message.id.as_str(), message.title.as_str()), (ID, "A dot"));
    assert_eq!(
        replay.operations(),
        ["GetItem", "GetObject", "TransactWriteItems", "GetItem"]
    );
    let items = replay.seen()[2].json()["TransactItems"].clone();
    let put = &items[1]["Put"]["Item"];
    assert_eq!(put["layout"]["S"], "prefixed");
    assert_eq!(
        (&put["width"]["N"], &put["height"]["N"]),
        (&json!("1"), &json!("1"))
    );
    let delete = &items[3]["Delete"];
    assert_eq!(delete["Key"]["user_id"]["S"], format!("upload#{USER}"));
    let condition = delete["ConditionExpression"].as_str().unwrap();
    assert!(
        condition.contains("attribute_not_exists(aborted)"),
        "{condition}"
    );
    assert!(
        condition.contains("attribute_not_exists(#state)"),
        "{condition}"
    );
}

#[tokio::test]
async fn a_repeated_completion_returns_the_picture() {
    let (result, replay) = complete(vec![none(), picture()]).await;
    assert_eq!(result.unwrap().id, ID);
    assert_eq!(replay.operations(), ["GetItem", "GetItem"]);
}

#[tokio::test]
async fn concurrent_completions_return_the_picture() {
    // The other call has inserted the row, and deleted the upload.
    let taken = cancelled(&[OK, REFUSED, OK, REFUSED]);
    let answers = vec![found(png_item()), sized_object(PNG), taken, picture()];
    let (result, _) = complete(answers).await;
    assert_eq!(result.unwrap().id, ID);
}

#[tokio::test]
async fn what_is_derived_in_the_meantime_is_taken_over() {
    let mut derived = png_item();
    derived["state"] = json!({ "S": "damaged" });
    derived["damage"] = json!({ "S": "it ends early" });
    let answers = vec![
        found(png_item()),
        sized_object(PNG),
        cancelled(&[OK, OK, OK, REFUSED]),
        found(derived),
        none(),
        picture(),
    ];
    let (result, replay) = complete(answers).await;
    result.unwrap();
    let items = replay.seen()[4].json()["TransactItems"].clone();
    assert_eq!(items[1]["Put"]["Item"]["damage"]["S"], "it ends early");
    let condition = items[3]["Delete"]["ConditionExpression"].as_str().unwrap();
    assert!(!condition.contains("#state"), "{condition}");
}

#[tokio::test]
async fn missing_parts_are_named() {
    let (result, replay) = complete(vec![found(parts_item()), part_list(&[2])]).await;
    let error = result.unwrap_err();
    assert_eq!(error.code(), ErrorCode::Aborted);
    assert!(error.to_string().contains("2 of 3 parts: 1, 3"), "{error}");
    assert_eq!(replay.operations(), ["GetItem", "ListParts"]);

    let missing = || object_error(404, "NoSuchKey");
    let answers = vec![found(png_item()), missing(), object_error(404, "NotFound")];
    let (result, _) = complete(answers).await;
    assert_eq!(result.unwrap_err().code(), ErrorCode::Aborted);
}

#[tokio::test]
async fn parts_are_joined_once() {
    let size = 20 * MIB;
    let bytes = vec![7; size as usize];
    let checksums: Vec<_> = bytes.chunks(8 * MIB as usize).map(checksum).collect();
    let mut item = upload_item(size, &checksums, Some("s3-id"));
    item["content_type"] = json!({ "S": "image/gif" });
    let list = || {
        let parts: String = (1..)
            .zip(&checksums)
            .map(|(number, checksum)| {
                let size = if number == 3 { 4 * MIB } else { 8 * MIB };
                format!(
                    "<Part><PartNumber>{number}</PartNumber><ETag>e</ETag><Size>{size}</Size>\
                     <ChecksumSHA256>{checksum}</ChecksumSHA256></Part>"
                )
            })
            .collect();
        stored(format!("<ListPartsResult>{parts}</ListPartsResult>"))
    };
    let in_body = "<Error><Code>InternalError</Code><Message>Try again</Message></Error>";
    // S3 joins them, or says that they are joined, or that there is an object.
    for joined in [
        Some(stored("<CompleteMultipartUploadResult/>")),
        Some(object_error(404, "NoSuchUpload")),
        Some(object_error(412, "PreconditionFailed")),
        Some(object_error(409, "ConditionalRequestConflict")),
        None,
    ] {
        let mut answers = vec![found(item.clone())];
        match joined {
            Some(joined) => answers.extend([list(), joined]),
            None => answers.push(object_error(404, "NoSuchUpload")),
        }
        answers.extend([
            sized_object(&bytes),
            row(json!({ "Attributes": item })),
            stored(""),
            stored("<DeleteResult/>"),
        ]);
        let (result, _) = complete(answers).await;
        // The bytes were read and checked: they are what was declared, but no picture.
        let error = result.unwrap_err();
        assert!(error.to_string().contains("not a picture"), "{error}");
    }
    // An error in a body with status 200 is one.
    let (result, replay) = complete(vec![found(item), list(), stored(in_body)]).await;
    assert_eq!(result.unwrap_err().code(), ErrorCode::Unavailable);
    let join = &replay.seen()[2];
    assert_eq!(join.operation, "CompleteMultipartUpload");
    let body = String::from_utf8(join.body.clone()).unwrap();
    assert!(body.contains(&checksums[2]), "{body}");
}

#[tokio::test]
async fn a_refused_file_is_deleted_and_its_reason_remembered() {
    let mut wrong_type = png_item();
    wrong_type["content_type"] = json!({ "S": "image/webp" });
    let text = b"no picture at all";
    let not_a_picture = upload_item(text.len() as u32, &[checksum(text)], None);
    let wrong_checksum = upload_item(PNG.len() as u32, &[checksum(b"")], None);
    for (item, bytes, part) in [
        (wrong_type, PNG, "declared as image/webp"),
        (not_a_picture, &text[..], "not a picture"),
        (wrong_checksum, PNG, "part 1"),
    ] {
        let marked = row(json!({ "Attributes": item }));
        let answers = vec![
            found(item),
            sized_object(bytes),
            marked,
            stored("<DeleteResult/>"),
        ];
        let (result, replay) = complete(answers).await;
        let error = result.unwrap_err();
        assert_eq!(error.code(), ErrorCode::InvalidArgument);
        assert!(error.to_string().contains(part), "{error}");
        assert_eq!(
            replay.operations(),
            ["GetItem", "GetObject", "UpdateItem", "DeleteObjects"]
        );

        // The caller, who got no answer, asks again.
        let mut refused = png_item();
        let reason = replay.seen()[2].json()["ExpressionAttributeValues"][":end"].clone();
        refused["refused"] = reason;
        let (repeated, _) = complete(vec![found(refused)]).await;
        assert_eq!(repeated.unwrap_err().to_string(), error.to_string());
    }
}

#[tokio::test]
async fn a_file_of_another_size_is_refused() {
    let answers = vec![
        found(png_item()),
        sized_object(&PNG[1..]),
        stored(""),
        row(json!({ "Attributes": png_item() })),
        stored("<DeleteResult/>"),
    ];
    let (result, _) = complete(answers).await;
    let error = result.unwrap_err();
    assert!(error.to_string().contains("declared"), "{error}");
}

#[tokio::test]
async fn a_full_quota_keeps_the_upload() {
    let full = found(json!({ "bytes": { "N": "104857600" }, "pictures": { "N": "3" } }));
    let answers = vec![
        found(png_item()),
        sized_object(PNG),
        cancelled(&[OK, OK, REFUSED, OK]),
        full,
    ];
    let (result, replay) = complete(answers).await;
    assert_eq!(result.unwrap_err().code(), ErrorCode::QuotaExceeded);
    assert!(!replay.operations().contains(&"DeleteObjects".to_owned()));
}

#[tokio::test]
async fn the_upload_of_a_deleted_user_leaves_no_object() {
    let answers = vec![
        found(png_item()),
        sized_object(PNG),
        cancelled(&[REFUSED, OK, OK, OK]),
        stored("<DeleteResult/>"),
    ];
    let (result, replay) = complete(answers).await;
    assert_eq!(result.unwrap_err().code(), ErrorCode::Unauthenticated);
    assert_eq!(replay.operations().last().unwrap(), "DeleteObjects");
}

#[tokio::test]
async fn an_aborted_upload_can_not_be_completed() {
    let mut aborted = png_item();
    aborted["aborted"] = json!({ "BOOL": true });
    let (result, _) = complete(vec![found(aborted.clone())]).await;
    assert_eq!(result.unwrap_err().code(), ErrorCode::NotFound);
    // It was aborted while its bytes were checked.
    let answers = vec![
        found(png_item()),
        sized_object(PNG),
        cancelled(&[OK, OK, OK, REFUSED]),
        found(aborted),
    ];
    let (result, _) = complete(answers).await;
    assert_eq!(result.unwrap_err().code(), ErrorCode::NotFound);
}

#[tokio::test]
async fn an_abort_deletes_what_has_arrived() {
    let marked = row(json!({ "Attributes": parts_item() }));
    let answers = vec![marked, stored(""), stored("<DeleteResult/>")];
    let (result, replay) = abort(answers).await;
    result.unwrap();
    assert_eq!(
        replay.operations(),
        ["UpdateItem", "AbortMultipartUpload", "DeleteObjects"]
    );
}

#[tokio::test]
async fn an_abort_of_a_picture_does_nothing() {
    let gone = || row_error(400, "ConditionalCheckFailedException");
    let (result, replay) = abort(vec![gone(), picture()]).await;
    result.unwrap();
    assert_eq!(replay.operations(), ["UpdateItem", "GetItem"]);

    let (result, _) = abort(vec![gone(), none()]).await;
    assert_eq!(result.unwrap_err().code(), ErrorCode::NotFound);
}
