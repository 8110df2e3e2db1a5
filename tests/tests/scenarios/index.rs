//! The index shows galleries of thousands of pictures in a few requests.

use std::time::{Duration, Instant};

use anyhow::{Result, ensure};
use serde_json::{Value, json};
use trichrome_proto::error::ErrorCode;
use trichrome_tests::{
    account::Account,
    harness::Suite,
    images::Format,
    reply::{list, text},
    scenario::Scenario,
    transport::Transport,
    wait::eventually,
};

use crate::pictures::upload;

/// Pictures of a large gallery, and the months that they are of. Debug builds and a busy machine
/// take seconds for each thousand.
const PICTURES: usize = 1500;
const MONTHS: usize = 5;

/// How long derivatives may take, on a busy machine.
const READY: Duration = Duration::from_secs(120);

pub(crate) fn add(suite: &mut Suite) {
    suite.each("index::a_new_picture_is_in_its_month", months);
    suite.each("index::has_links_to_thumbnails", thumbnails);
    suite.each("index::only_ones_own_and_valid_months", refusals);
    suite.over(
        &[Transport::Rest, Transport::Grpc],
        "index::thousands_take_a_few_requests",
        thousands,
    );
}

async fn index(run: &Scenario, account: &Account, args: Value) -> Result<Value> {
    let call = run.call("pictures-index", args)?.by(account);
    call.send().await?.ok()
}

async fn months(run: Scenario) -> Result<()> {
    let account = run.account().await?;
    let empty = index(&run, &account, json!({})).await?;
    ensure!(
        empty["months"] == json!([]) && empty["total"] == 0,
        "{empty}"
    );
    let first = upload(&run, &account, &Format::Png.photo(), "first").await?;
    let second = upload(&run, &account, &Format::Png.tiny(), "second").await?;
    // Both are of the same month, unless one begins right now.
    let month = &text(&second, "created_at")?[..7];
    for order in ["taken", "created"] {
        let months = index(&run, &account, json!({"order": order})).await?;
        ensure!(months["total"] == 2, "{months}");
        ensure!(months["months"][0]["month"] == month, "{months}");
        let args = json!({"order": order, "month": month});
        let found = index(&run, &account, args).await?;
        let pictures = list(&found, "pictures")?;
        for (entry, picture) in pictures.iter().zip([&second, &first]) {
            for field in [
                "id",
                "title",
                "created_at",
                "content_type",
                "size_bytes",
                "width",
            ] {
                ensure!(entry[field] == picture[field], "{field} of {entry}");
            }
        }
        ensure!(found["next_cursor"] == "", "{found}");
    }
    let other = index(&run, &account, json!({"month": "1999-12"})).await?;
    ensure!(
        other["pictures"] == json!([]) && other["total"] == 0,
        "{other}"
    );
    Ok(())
}

/// Links come on request, for pictures that have a thumbnail, and lead to it.
async fn thumbnails(run: Scenario) -> Result<()> {
    let account = run.account().await?;
    let photo = upload(&run, &account, &Format::Jpeg.photo(), "a photo").await?;
    // Its decoding is left to browsers.
    upload(&run, &account, &Format::Avif.photo(), "no thumbnail").await?;
    let month = &text(&photo, "created_at")?[..7];
    let args = |links: bool| json!({"order": "created", "month": month, "links": links});
    let found = eventually(READY, async || {
        let found = index(&run, &account, args(true)).await?;
        let pictures = list(&found, "pictures")?;
        let is_ready = pictures.iter().all(|entry| entry["state"] == "ready");
        ensure!(is_ready, "still processing: {found}");
        Ok(found)
    });
    let found = found.await?;
    let expires: prost_types::Timestamp = text(&found, "links_expire_at")?.parse()?;
    let now = prost_types::Timestamp::from(std::time::SystemTime::now());
    ensure!(expires.seconds > now.seconds + 600, "{expires}");
    let [avif, jpeg] = list(&found, "pictures")? else {
        anyhow::bail!("not two pictures: {found}");
    };
    ensure!(avif["thumbnail"] == "", "{avif}");
    let link = text(jpeg, "thumbnail")?;
    let answer = run.stack().http.get(link).await?;
    ensure!(answer.status == 200, "{}", answer.start());
    let kind = answer.header("content-type");
    ensure!(kind == "image/webp", "the thumbnail is {kind}");
    // Without its signature, it is nothing.
    let changed = link.replace("thumbnail.webp", "preview.webp");
    let answer = run.stack().http.get(&changed).await?;
    ensure!(answer.status == 403, "{}", answer.start());

    let bare = index(&run, &account, args(false)).await?;
    ensure!(bare["links_expire_at"].is_null(), "{bare}");
    for entry in list(&bare, "pictures")? {
        ensure!(entry["thumbnail"] == "", "{entry}");
    }
    let months = index(&run, &account, json!({"links": true})).await?;
    ensure!(months["links_expire_at"].is_null(), "{months}");
    Ok(())
}

async fn refusals(run: Scenario) -> Result<()> {
    let (owner, other) = (run.account().await?, run.account().await?);
    upload(&run, &owner, &Format::Gif.tiny(), "private").await?;
    let others = index(&run, &other, json!({})).await?;
    ensure!(others["total"] == 0, "{others}");
    let invalid = ErrorCode::InvalidArgument;
    for (args, code) in [
        (json!({"user_id": owner.id}), ErrorCode::PermissionDenied),
        (json!({"month": "2026-13"}), invalid),
        (json!({"month": "July"}), invalid),
        (json!({"order": "title"}), invalid),
        (json!({"month": "2026-07", "cursor": "x"}), invalid),
    ] {
        let call = run.call("pictures-index", args)?.by(&other);
        call.send().await?.refused(code)?;
    }
    Ok(())
}

async fn thousands(run: Scenario) -> Result<()> {
    for links in [false, true] {
        all(&run, links).await?;
    }
    Ok(())
}

async fn all(run: &Scenario, links: bool) -> Result<()> {
    let account = run.account().await?;
    run.stack()
        .stored
        .seed(&account.id, PICTURES, MONTHS)
        .await?;
    let started = Instant::now();
    let months = index(run, &account, json!({})).await?;
    let (mut requests, mut bytes, mut pictures) = (1, months.to_string().len(), 0);
    ensure!(months["total"] == PICTURES, "{months}");
    ensure!(list(&months, "months")?.len() == MONTHS, "{months}");
    for month in list(&months, "months")? {
        let mut last = String::from("~");
        let args = json!({"month": month["month"], "links": links});
        let page = index(run, &account, args).await?;
        ensure!(
            page["next_cursor"] == "" && page["total"] == month["count"],
            "{month}"
        );
        for entry in list(&page, "pictures")? {
            let taken = text(entry, "taken_at")?;
            ensure!(taken.starts_with(text(month, "month")?), "{entry}");
            ensure!(taken <= last.as_str(), "{taken} is after {last}");
            taken.clone_into(&mut last);
            ensure!(entry["thumbnail"].is_string(), "{entry}");
            ensure!((entry["thumbnail"] == "") != links, "{entry}");
            pictures += 1;
        }
        requests += 1;
        bytes += page.to_string().len();
    }
    ensure!(pictures == PICTURES, "{pictures} pictures");
    eprintln!(
        "the index of {PICTURES} pictures over {}, links: {links}: {requests} requests, {bytes} bytes, {} ms",
        run.transport(),
        started.elapsed().as_millis()
    );
    Ok(())
}
