//! Uploads of any size: their bytes travel from the client to S3, by presigned requests.

use std::sync::LazyLock;

use anyhow::{Context as _, Result, bail, ensure};
use bytes::Bytes;
use serde_json::{Value, json};
use trichrome_proto::error::ErrorCode;
use trichrome_tests::{
    account::Account,
    clients::http::Answer,
    harness::Suite,
    images::{Format, Picture, noise_png},
    reply::{Reply, list, text},
    scenario::Scenario,
};
use uuid::Uuid;

const MIB: usize = 1024 * 1024;

/// How often a completion is tried. One that checks 60 MB may exceed a call's time on a busy machine.
const ATTEMPTS: u32 = 5;

/// The size of a phone's photo.
static PHOTO: LazyLock<Picture> = LazyLock::new(|| Format::Jpeg.grown(12 * MIB));

/// 60 MB, which compression doesn't make smaller.
static PANORAMA: LazyLock<Picture> = LazyLock::new(|| noise_png(3750, 2000));

pub(crate) fn add(suite: &mut Suite) {
    suite.each("uploads::a_photo_of_12_mb", photo);
    suite.each(
        "uploads::a_png_of_60_mb_with_two_parts_sent_again",
        panorama,
    );
    suite.each("uploads::s3_refuses_what_was_not_declared", pinned);
    suite.each(
        "uploads::files_that_are_no_pictures_are_deleted",
        no_pictures,
    );
    suite.each("uploads::an_expired_request_is_renewed", expired);
    suite.each("uploads::an_abort_deletes_what_has_arrived", aborted);
    suite.each("uploads::a_deleted_user_leaves_nothing", deleted_user);
    suite.each("uploads::a_repeated_beginning_is_one_upload", repeated);
    suite.each("uploads::invalid_declarations_are_refused", invalid);
    suite.each("uploads::other_users_cannot_reach_them", isolated);
}

/// Begins the upload of a picture.
async fn begin(run: &Scenario, by: &Account, picture: &Picture) -> Result<Value> {
    let reply = run.call("uploads-begin", declaration(picture))?.by(by);
    reply.send().await?.ok()
}

fn declaration(picture: &Picture) -> Value {
    json!({
        "title": "uploaded",
        "size_bytes": picture.bytes.len(),
        "content_type": picture.format.content_type(),
        "checksums": picture.checksums(),
    })
}

async fn of_upload(run: &Scenario, function: &str, by: &Account, id: &str) -> Result<Reply> {
    let call = run.call(function, json!({"upload_id": id}))?;
    call.by(by).send().await
}

async fn get(run: &Scenario, by: &Account, id: &str) -> Result<Value> {
    of_upload(run, "uploads-get", by, id).await?.ok()
}

async fn complete(run: &Scenario, by: &Account, id: &str) -> Result<Reply> {
    of_upload(run, "uploads-complete", by, id).await
}

/// Completes an upload as a patient client does: a call that got no answer in time is repeated.
async fn completed(run: &Scenario, by: &Account, id: &str) -> Result<Value> {
    for _ in 0..ATTEMPTS {
        let reply = complete(run, by, id).await?;
        if reply.code() != Some(ErrorCode::DeadlineExceeded) {
            return reply.ok();
        }
    }
    bail!("no answer to {ATTEMPTS} completions of {id}")
}

/// Sends bytes with the request of a part, as a browser would.
async fn send(run: &Scenario, part: &Value, bytes: &[u8]) -> Result<Answer> {
    send_with(run, part, bytes, None).await
}

/// Sends bytes with the request of a part, with another value for a header.
async fn send_with(
    run: &Scenario,
    part: &Value,
    bytes: &[u8],
    other: Option<(&str, &str)>,
) -> Result<Answer> {
    let request = &part["request"];
    let mut headers = Vec::new();
    for header in list(request, "headers")? {
        let name = text(header, "name")?;
        let value = match other {
            Some((changed, value)) if changed == name => value,
            _ => text(header, "value")?,
        };
        headers.push((name, value));
    }
    let (method, url) = (text(request, "method")?, text(request, "url")?);
    let body = Bytes::copy_from_slice(bytes);
    run.stack().http.send(method, url, &headers, body).await
}

/// Sends a part that S3 must take.
async fn sent(run: &Scenario, part: &Value, bytes: &[u8]) -> Result<()> {
    let answer = send(run, part, bytes).await?;
    ensure!(
        answer.status == 200,
        "part {}: {} {}",
        part["number"],
        answer.status,
        answer.start()
    );
    Ok(())
}

/// Begins an upload of one part and sends it.
async fn arrived(run: &Scenario, by: &Account, picture: &Picture) -> Result<Value> {
    let upload = begin(run, by, picture).await?;
    sent(run, &upload["parts"][0], &picture.bytes).await?;
    Ok(upload)
}

/// Checks that a picture is what was uploaded.
async fn stored(run: &Scenario, by: &Account, message: &Value, picture: &Picture) -> Result<()> {
    for (field, expected) in [
        ("title", json!("uploaded")),
        ("user_id", json!(by.id)),
        ("content_type", json!(picture.format.content_type())),
        ("size_bytes", json!(picture.bytes.len())),
        ("width", json!(picture.width)),
        ("height", json!(picture.height)),
        ("base64", json!("")),
    ] {
        let got = &message[field];
        ensure!(*got == expected, "{field} is {got}, expected {expected}");
    }
    let object = run
        .stack()
        .stored
        .object(&by.id, text(message, "id")?)
        .await?;
    ensure!(object.bytes == picture.bytes, "the object has other bytes");
    ensure!(object.content_type == picture.format.content_type());
    Ok(())
}

async fn photo(run: Scenario) -> Result<()> {
    let account = run.account().await?;
    let upload = begin(&run, &account, &PHOTO).await?;
    let id = text(&upload, "id")?;
    ensure!(
        upload["state"] == "open" && !upload["expires_at"].is_null(),
        "{upload}"
    );
    let parts = list(&upload, "parts")?;
    ensure!(parts.len() == 1 && parts[0]["arrived"] == false, "{upload}");
    complete(&run, &account, id)
        .await?
        .refused(ErrorCode::Aborted)?;
    sent(&run, &parts[0], &PHOTO.bytes).await?;
    let looked = get(&run, &account, id).await?;
    ensure!(looked["parts"][0]["arrived"] == true, "{looked}");
    ensure!(looked["parts"][0]["request"].is_null(), "{looked}");

    let completed = complete(&run, &account, id).await?.ok()?;
    ensure!(completed["id"] == id, "{completed}");
    stored(&run, &account, &completed, &PHOTO).await?;
    // The client got no answer: it completes again, looks, and gives up.
    let again = complete(&run, &account, id).await?.ok()?;
    ensure!(again["id"] == id, "{again}");
    let looked = get(&run, &account, id).await?;
    ensure!(looked["state"] == "completed", "{looked}");
    ensure!(looked["parts"] == json!([]), "{looked}");
    of_upload(&run, "uploads-abort", &account, id).await?.ok()?;
    stored(&run, &account, &again, &PHOTO).await?;
    // The request is still signed, but overwrites nothing.
    let reused = send(&run, &parts[0], &PHOTO.bytes).await?;
    ensure!(reused.status == 412, "{} {}", reused.status, reused.start());

    let listed = run.call("pictures-list", json!({"metadata_only": true}))?;
    let listed = listed.by(&account).send().await?.ok()?;
    ensure!(list(&listed, "pictures")?.len() == 1, "{listed}");
    let usage = run.stack().stored.usage(&account.id).await?;
    let size = PHOTO.bytes.len() as u64;
    ensure!(usage == Some((size, 1)), "{usage:?}");
    run.all_logged().await
}

async fn panorama(run: Scenario) -> Result<()> {
    let account = run.account().await?;
    let upload = begin(&run, &account, &PANORAMA).await?;
    let id = text(&upload, "id")?;
    let parts = list(&upload, "parts")?;
    let files: Vec<_> = PANORAMA.parts().collect();
    ensure!(
        parts.len() == files.len() && parts.len() == 8,
        "{} parts",
        parts.len()
    );
    let lost = [3, 6];
    for (part, file) in parts.iter().zip(&files) {
        if !lost.iter().any(|number| part["number"] == *number) {
            sent(&run, part, file).await?;
        }
    }
    let refused = complete(&run, &account, id).await?;
    refused
        .refused(ErrorCode::Aborted)?
        .saying("2 of 8 parts: 3, 6")?;
    let looked = get(&run, &account, id).await?;
    for (part, file) in list(&looked, "parts")?.iter().zip(&files) {
        let is_lost = lost.iter().any(|number| part["number"] == *number);
        ensure!(part["arrived"] == !is_lost, "{part}");
        if is_lost {
            sent(&run, part, file).await?;
        }
    }
    let (one, other) = tokio::join!(completed(&run, &account, id), completed(&run, &account, id));
    let (one, other) = (one?, other?);
    ensure!(one["id"] == id && other["id"] == id, "{one} {other}");
    stored(&run, &account, &one, &PANORAMA).await?;
    let left = run.stack().stored.open_uploads(&account.id).await?;
    ensure!(left == (0, 0), "{left:?}");
    let usage = run.stack().stored.usage(&account.id).await?;
    ensure!(usage == Some((PANORAMA.bytes.len() as u64, 1)), "{usage:?}");
    Ok(())
}

async fn pinned(run: Scenario) -> Result<()> {
    let account = run.account().await?;
    let picture = Format::Jpeg.photo();
    let upload = begin(&run, &account, &picture).await?;
    let part = &upload["parts"][0];
    let mut other = picture.bytes.clone();
    other[100] ^= 1;
    let longer = [&picture.bytes[..], b"x"].concat();
    for (what, bytes, header, status) in [
        ("other bytes", &other, None, 400),
        ("more bytes", &longer, None, 403),
        (
            "another type",
            &picture.bytes,
            Some(("content-type", "text/html")),
            403,
        ),
        (
            "another checksum",
            &other,
            Some((
                "x-amz-checksum-sha256",
                "47DEQpj8HBSa+/TImW+5JCeuQeRkm5NMpJWZG3hSuFU=",
            )),
            403,
        ),
        (
            "no condition",
            &picture.bytes,
            Some(("if-none-match", "")),
            403,
        ),
    ] {
        let answer = send_with(&run, part, bytes, header).await?;
        ensure!(
            answer.status == status,
            "{what}: {} {}",
            answer.status,
            answer.start()
        );
    }
    let amount = run.stack().stored.amount(&account.id).await?;
    ensure!(amount.objects == 0, "{amount:?}");
    sent(&run, part, &picture.bytes).await?;
    let id = text(&upload, "id")?;
    let completed = complete(&run, &account, id).await?.ok()?;
    stored(&run, &account, &completed, &picture).await
}

async fn no_pictures(run: Scenario) -> Result<()> {
    let account = run.account().await?;
    let no_picture = Picture {
        format: Format::Png,
        bytes: b"no picture at all".to_vec(),
        width: 0,
        height: 0,
    };
    let half = Format::Jpeg.photo();
    let half = Picture {
        bytes: half.bytes[..half.bytes.len() / 2].to_vec(),
        ..half
    };
    let wrong_type = Picture {
        format: Format::Gif,
        ..Format::Webp.photo()
    };
    for (file, saying) in [
        (no_picture, "not a picture"),
        (half, "damaged"),
        (wrong_type, "image/webp"),
    ] {
        let upload = arrived(&run, &account, &file).await?;
        let id = text(&upload, "id")?;
        // Twice: the reason stays the same if the first answer is lost.
        for _ in 0..2 {
            let refused = complete(&run, &account, id).await?;
            refused
                .refused(ErrorCode::InvalidArgument)?
                .saying(saying)?;
        }
        let gone = of_upload(&run, "uploads-get", &account, id).await?;
        gone.refused(ErrorCode::NotFound)?;
    }
    let amount = run.stack().stored.amount(&account.id).await?;
    ensure!((amount.objects, amount.rows) == (0, 0), "{amount:?}");
    Ok(())
}

async fn expired(run: Scenario) -> Result<()> {
    let account = run.account().await?;
    let picture = Format::Png.photo();
    let upload = begin(&run, &account, &picture).await?;
    let id = text(&upload, "id")?;
    let url = text(&upload["parts"][0]["request"], "url")?;
    ensure!(url.contains("X-Amz-Expires=900"), "{url}");
    // The same request, signed 16 minutes ago.
    let stored_data = &run.stack().stored;
    let (url, headers) = stored_data.expired_put(&account.id, &picture, id).await?;
    let headers: Vec<_> = headers
        .iter()
        .map(|(name, value)| (name.as_str(), value.as_str()))
        .collect();
    let http = &run.stack().http;
    let answer = http
        .send("PUT", &url, &headers, picture.bytes.clone())
        .await?;
    ensure!(answer.status == 403, "{} {}", answer.status, answer.start());
    ensure!(answer.start().contains("expired"), "{}", answer.start());

    let renewed = get(&run, &account, id).await?;
    sent(&run, &renewed["parts"][0], &picture.bytes).await?;
    let completed = complete(&run, &account, id).await?.ok()?;
    stored(&run, &account, &completed, &picture).await
}

async fn aborted(run: Scenario) -> Result<()> {
    let account = run.account().await?;
    let single = arrived(&run, &account, &Format::Png.photo()).await?;
    let several = begin(&run, &account, &PANORAMA).await?;
    let first = PANORAMA.parts().next().context("a part")?;
    sent(&run, &several["parts"][0], first).await?;
    for upload in [&single, &several] {
        let id = text(upload, "id")?;
        for _ in 0..2 {
            of_upload(&run, "uploads-abort", &account, id).await?.ok()?;
        }
        for function in ["uploads-get", "uploads-complete"] {
            let reply = of_upload(&run, function, &account, id).await?;
            reply.refused(ErrorCode::NotFound)?;
        }
    }
    let amount = run.stack().stored.amount(&account.id).await?;
    ensure!((amount.objects, amount.rows) == (0, 0), "{amount:?}");
    let (_, multipart) = run.stack().stored.open_uploads(&account.id).await?;
    ensure!(multipart == 0, "{multipart} multipart uploads are open");
    Ok(())
}

async fn deleted_user(run: Scenario) -> Result<()> {
    let account = run.account().await?;
    let picture = Format::Png.photo();
    let upload = arrived(&run, &account, &picture).await?;
    let several = begin(&run, &account, &PANORAMA).await?;
    let first = PANORAMA.parts().next().context("a part")?;
    sent(&run, &several["parts"][0], first).await?;

    let deletion = run.call("users-delete", json!({"user_id": account.id}))?;
    deletion.by(&account).send().await?.ok()?;
    // The request is signed for some minutes more.
    sent(&run, &upload["parts"][0], &picture.bytes).await?;
    for id in [text(&upload, "id")?, text(&several, "id")?] {
        let reply = complete(&run, &account, id).await?;
        // 404 from a process that hasn't noticed the deletion yet.
        ensure!(
            matches!(
                reply.code(),
                Some(ErrorCode::Unauthenticated | ErrorCode::NotFound)
            ),
            "{reply:?}"
        );
    }
    let left = run.stack().stored.open_uploads(&account.id).await?;
    ensure!(left == (0, 0), "{left:?}");
    let usage = run.stack().stored.usage(&account.id).await?;
    ensure!(usage.is_none(), "{usage:?}");
    let amount = run.stack().stored.amount(&account.id).await?;
    // What was sent after the deletion is left to the sweep.
    ensure!((amount.objects, amount.rows) == (1, 0), "{amount:?}");
    Ok(())
}

async fn repeated(run: Scenario) -> Result<()> {
    let account = run.account().await?;
    let picture = Format::Png.photo();
    let key = Uuid::now_v7().to_string();
    let mut ids = Vec::new();
    for _ in 0..2 {
        let call = run.call("uploads-begin", declaration(&picture))?;
        let upload = call.by(&account).key(&key).send().await?.ok()?;
        ids.push(text(&upload, "id")?.to_owned());
    }
    ensure!(ids[0] == ids[1], "{ids:?}");
    let other = run.call("uploads-begin", declaration(&Format::Gif.photo()))?;
    let reply = other.by(&account).key(&key).send().await?;
    reply.refused(ErrorCode::Aborted)?;
    let (items, _) = run.stack().stored.open_uploads(&account.id).await?;
    ensure!(items == 1, "{items} uploads");
    Ok(())
}

async fn invalid(run: Scenario) -> Result<()> {
    let account = run.account().await?;
    let good = declaration(&Format::Png.tiny());
    let with = |field: &str, value: Value| {
        let mut args = good.clone();
        args[field] = value;
        args
    };
    let checksum = good["checksums"][0].clone();
    for (args, code, saying) in [
        (
            with("size_bytes", json!(0)),
            ErrorCode::InvalidArgument,
            "size_bytes",
        ),
        (
            with("size_bytes", json!(64 * MIB + 1)),
            ErrorCode::PayloadTooLarge,
            "67108864 bytes",
        ),
        (
            with("content_type", json!("image/heic")),
            ErrorCode::InvalidArgument,
            "image/avif",
        ),
        (
            with("checksums", json!([])),
            ErrorCode::InvalidArgument,
            "checksums",
        ),
        (
            with("checksums", json!([checksum, checksum])),
            ErrorCode::InvalidArgument,
            "1 parts",
        ),
        (
            with("checksums", json!(["AAAA"])),
            ErrorCode::InvalidArgument,
            "SHA-256",
        ),
        (
            with("title", json!(" ")),
            ErrorCode::InvalidArgument,
            "title",
        ),
    ] {
        let reply = run.call("uploads-begin", args)?.by(&account).send().await?;
        reply.refused(code)?.saying(saying)?;
    }
    if run.transport().is_json() {
        for wrong in [json!("x"), json!([1]), json!({})] {
            let call = run.call("uploads-begin", with("checksums", wrong))?;
            let reply = call.by(&account).send().await?;
            reply
                .refused(ErrorCode::InvalidArgument)?
                .saying("checksums")?;
        }
    }
    let (items, _) = run.stack().stored.open_uploads(&account.id).await?;
    ensure!(items == 0, "{items} uploads");
    Ok(())
}

async fn isolated(run: Scenario) -> Result<()> {
    let (owner, other) = (run.account().await?, run.account().await?);
    let upload = arrived(&run, &owner, &Format::Png.photo()).await?;
    let id = text(&upload, "id")?;
    for function in ["uploads-get", "uploads-complete", "uploads-abort"] {
        let reply = of_upload(&run, function, &other, id).await?;
        reply.refused(ErrorCode::NotFound)?;
        let as_owner = json!({"upload_id": id, "user_id": owner.id});
        let reply = run.call(function, as_owner)?.by(&other).send().await?;
        reply.refused(ErrorCode::PermissionDenied)?;
    }
    complete(&run, &owner, id).await?.ok()?;
    Ok(())
}
