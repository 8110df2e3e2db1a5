use serde_json::{Value, json};
use trichrome_proto::error::{ErrorCode, Fault as _};
use uuid::{NoContext, Timestamp};

use super::*;
use crate::{
    store::{Derivative, Layout},
    testing::{Answer, Replay, USER, object, replay, row},
};

fn id(age: Duration) -> Uuid {
    let begun = SystemTime::now() - age;
    let begun = begun.duration_since(SystemTime::UNIX_EPOCH).unwrap();
    let time = Timestamp::from_unix(NoContext, begun.as_secs(), begun.subsec_nanos());
    Uuid::new_v7(time)
}

fn listing(keys: &[String], next: Option<&str>) -> String {
    let contents: String = keys
        .iter()
        .map(|key| format!("<Contents><Key>{key}</Key></Contents>"))
        .collect();
    let next = next.map_or_else(String::new, |token| {
        format!("<NextContinuationToken>{token}</NextContinuationToken>")
    });
    format!("<ListBucketResult>{contents}{next}</ListBucketResult>")
}

fn keys(ids: &[Uuid]) -> Value {
    ids.iter()
        .map(|id| json!({"user_id": {"S": USER}, "picture_id": {"S": id.to_string()}}))
        .collect()
}

/// DynamoDB's description of a table of this age.
fn table(age: Duration) -> Answer {
    let created = SystemTime::now() - age;
    let created = created.duration_since(SystemTime::UNIX_EPOCH).unwrap();
    row(json!({"Table": {"CreationDateTime": created.as_secs_f64()}}))
}

async fn sweep(replay: &Replay, mode: Mode) -> Result<Swept, Error> {
    let deadline = Instant::now() + Duration::from_secs(60);
    replay.store.sweep(Fuse::new(10.0), mode, deadline).await
}

const DAY: Duration = Duration::from_secs(24 * 60 * 60);

/// Older than any upload.
const OLD: Duration = Duration::from_secs(26 * 60 * 60);

/// The key of a picture's bytes.
fn key(user_id: &str, id: Uuid) -> String {
    ObjectKey::original(Layout::Prefixed, user_id, id).to_string()
}

/// S3's response if there are no multipart uploads.
fn no_uploads() -> Answer {
    object("<ListMultipartUploadsResult/>")
}

#[tokio::test(start_paused = true)]
async fn only_old_objects_without_a_row_are_deleted() {
    let [kept, orphan, late, other] = [id(OLD), id(OLD), id(OLD), id(OLD)];
    // Its upload may still be completed.
    let young = id(DAY);
    let first = [
        key(USER, kept),
        key(USER, orphan),
        key(USER, late),
        key(USER, young),
        "a-report.csv".to_owned(),
    ];
    let left = json!({"pictures": {"Keys": keys(&[late])}});
    let replay = replay(vec![
        object(listing(&first, Some("further"))),
        // DynamoDB returns a part, and the rest in the next response.
        row(json!({"Responses": {"pictures": keys(&[kept])}, "UnprocessedKeys": left})),
        row(json!({"Responses": {"pictures": keys(&[late])}, "UnprocessedKeys": {}})),
        object(listing(&[key(USER, other)], None)),
        row(json!({"Responses": {"pictures": keys(&[other])}})),
        no_uploads(),
        table(2 * DAY),
        // Before it is deleted, its row is looked for again.
        row(json!({"Responses": {}})),
        object("<DeleteResult/>"),
    ]);
    let swept = sweep(&replay, Mode::Guarded).await.unwrap();
    let expected = Swept {
        objects: 6,
        orphans: 1,
        removed: 1,
        foreign: 1,
        abandoned: 0,
        complete: true,
        refusal: None,
    };
    assert_eq!(swept, expected);
    let seen = replay.seen();
    assert!(seen[3].path.contains("continuation-token=further"));
    let asked = &seen[1].json()["RequestItems"]["pictures"];
    assert_eq!(asked["ConsistentRead"], true);
    assert_eq!(
        asked["Keys"].as_array().unwrap().len(),
        3,
        "without the young one"
    );
    let deleted = String::from_utf8(seen[8].body.clone()).unwrap();
    assert!(deleted.contains(&key(USER, orphan)), "{deleted}");
    assert_eq!(deleted.matches("<Key>").count(), 1, "{deleted}");
}

/// A sweep that finds this many objects, none of which has a row, in a table of this age.
fn lost(objects: usize, table_age: Duration, mode: Mode) -> Replay {
    let all: Vec<_> = (0..objects).map(|_| key(USER, id(OLD))).collect();
    let mut answers = vec![
        object(listing(&all, None)),
        row(json!({"Responses": {}})),
        no_uploads(),
        table(table_age),
    ];
    if matches!(mode, Mode::Forced) {
        answers.extend([row(json!({"Responses": {}})), object("<DeleteResult/>")]);
    }
    replay(answers)
}

#[tokio::test(start_paused = true)]
async fn a_table_that_lost_its_rows_costs_no_picture() {
    for (objects, table_age, reason) in [
        (50, 2 * DAY, "50 of 50 objects have no row"),
        (1, DAY / 2, "the pictures table is"),
    ] {
        let replay = lost(objects, table_age, Mode::Guarded);
        let error = sweep(&replay, Mode::Guarded).await.unwrap_err();
        assert!(error.to_string().starts_with(reason), "{error}");
        assert!(matches!(error, Error::Refused(_)), "{error:?}");
        assert!(!replay.operations().contains(&"DeleteObjects".to_owned()));
    }
}

#[tokio::test(start_paused = true)]
async fn a_dry_run_says_what_a_sweep_would_do() {
    for (objects, refused) in [(5, false), (50, true)] {
        let replay = lost(objects, 2 * DAY, Mode::DryRun);
        let swept = sweep(&replay, Mode::DryRun).await.unwrap();
        assert_eq!((swept.orphans, swept.removed), (objects as u64, 0));
        assert_eq!(swept.refusal.is_some(), refused, "{swept:?}");
        assert!(!replay.operations().contains(&"DeleteObjects".to_owned()));
    }
}

#[tokio::test(start_paused = true)]
async fn an_operator_may_override_the_fuse() {
    let replay = lost(50, DAY / 2, Mode::Forced);
    let swept = sweep(&replay, Mode::Forced).await.unwrap();
    assert_eq!((swept.removed, swept.complete), (50, true));
}

#[tokio::test(start_paused = true)]
async fn an_object_is_kept_if_its_row_cannot_be_read() {
    let asked = id(OLD);
    let left = || row(json!({"UnprocessedKeys": {"pictures": {"Keys": keys(&[asked])}}}));
    let mut answers = vec![object(listing(&[key(USER, asked)], None))];
    answers.extend((0..8).map(|_| left()));
    let replay = replay(answers);
    let error = sweep(&replay, Mode::Guarded).await.unwrap_err();
    assert_eq!(error.code(), ErrorCode::Unavailable);
    assert!(!replay.operations().contains(&"DeleteObjects".to_owned()));
}

#[tokio::test]
async fn the_deadline_stops_the_sweep() {
    let (store, fuse) = (replay(Vec::new()).store, Fuse::new(10.0));
    let swept = store.sweep(fuse, Mode::Guarded, Instant::now()).await;
    assert_eq!(swept.unwrap(), Swept::default());
}

#[tokio::test(start_paused = true)]
async fn objects_of_every_layout_are_those_of_their_picture() {
    let [kept, orphan] = [id(OLD), id(OLD)];
    let objects = |id| {
        let flat = ObjectKey::original(Layout::Flat, USER, id).to_string();
        let all = ObjectKey::all(Layout::Prefixed, USER, id).map(|key| key.to_string());
        std::iter::once(flat).chain(all)
    };
    let all: Vec<_> = objects(kept).chain(objects(orphan)).collect();
    let replay = replay(vec![
        object(listing(&all, None)),
        row(json!({"Responses": {"pictures": keys(&[kept])}})),
        no_uploads(),
        table(2 * DAY),
        row(json!({"Responses": {}})),
        object("<DeleteResult/>"),
    ]);
    let swept = sweep(&replay, Mode::Guarded).await.unwrap();
    assert_eq!((swept.objects, swept.orphans, swept.removed), (8, 4, 4));
    let seen = replay.seen();
    let asked = &seen[1].json()["RequestItems"]["pictures"]["Keys"];
    assert_eq!(asked.as_array().unwrap().len(), 2, "each row once");
    let deleted = String::from_utf8(seen[5].body.clone()).unwrap();
    let preview = ObjectKey::derivative(Derivative::Preview, USER, orphan);
    assert!(deleted.contains(&preview.to_string()), "{deleted}");
    assert!(!deleted.contains(&kept.to_string()), "{deleted}");
}

#[tokio::test(start_paused = true)]
async fn abandoned_multipart_uploads_are_aborted() {
    let upload = |id, name: &str| {
        let key = key(USER, id);
        format!("<Upload><Key>{key}</Key><UploadId>{name}</UploadId></Upload>")
    };
    let listed = |dry_run: bool| {
        let (old, young) = (upload(id(OLD), "old"), upload(id(DAY), "young"));
        let mut answers = vec![
            object(listing(&[], None)),
            object(format!(
                "<ListMultipartUploadsResult>{old}{young}</ListMultipartUploadsResult>"
            )),
        ];
        if !dry_run {
            answers.push(object(""));
        }
        replay(answers)
    };
    let replay = listed(false);
    let swept = sweep(&replay, Mode::Guarded).await.unwrap();
    assert_eq!((swept.abandoned, swept.complete), (1, true));
    let aborted = &replay.seen()[2];
    assert_eq!(aborted.operation, "AbortMultipartUpload");
    assert!(aborted.path.contains("uploadId=old"), "{}", aborted.path);

    let replay = listed(true);
    let swept = sweep(&replay, Mode::DryRun).await.unwrap();
    assert_eq!(swept.abandoned, 1);
    assert_eq!(replay.operations().len(), 2);
}
