//! Pictures of every format and size are stored and returned unchanged.

use std::time::{Duration, SystemTime};

use anyhow::{Context as _, Result, ensure};
use base64::{Engine as _, prelude::BASE64_STANDARD};
use serde_json::{Value, json};
use trichrome_proto::error::ErrorCode;
use trichrome_tests::{
    account::Account,
    harness::Suite,
    images::{Format, MAX_PICTURE, Picture, hash},
    reply::text,
    scenario::Scenario,
};
use uuid::Uuid;

pub(crate) fn add(suite: &mut Suite) {
    for format in Format::ALL {
        let name = format.name();
        suite.each(&format!("pictures::{name}_of_every_size"), move |run| {
            round_trips(
                run,
                [format.tiny(), format.photo(), format.grown(MAX_PICTURE)],
            )
        });
    }
    suite.each("pictures::titles_can_be_any_text", titles);
}

/// Deletes a picture.
pub(crate) async fn delete(run: &Scenario, by: &Account, id: &str) -> Result<()> {
    let args = json!({"picture_id": id});
    run.call("pictures-delete", args)?
        .by(by)
        .send()
        .await?
        .ok()?;
    Ok(())
}

/// Uploads a picture and checks that the reply describes it.
pub(crate) async fn upload(
    run: &Scenario,
    account: &Account,
    picture: &Picture,
    title: &str,
) -> Result<Value> {
    let args = json!({"title": title, "base64": picture.base64()});
    let created = run
        .call("pictures-create", args)?
        .by(account)
        .send()
        .await?
        .ok()?;
    describes(&created, account, picture, title)?;
    ensure!(created["base64"] == "", "the reply includes the content");
    Ok(created)
}

fn describes(message: &Value, account: &Account, picture: &Picture, title: &str) -> Result<()> {
    for (field, expected) in [
        ("title", json!(title)),
        ("user_id", json!(account.id)),
        ("content_type", json!(picture.format.content_type())),
        ("size_bytes", json!(picture.bytes.len())),
        ("width", json!(picture.width)),
        ("height", json!(picture.height)),
    ] {
        let got = &message[field];
        ensure!(*got == expected, "{field} is {got}, expected {expected}");
    }
    let id: Uuid = text(message, "id")?.parse()?;
    ensure!(id.get_version_num() == 7, "{id} does not sort by time");
    let at: prost_types::Timestamp = text(message, "created_at")?.parse()?;
    let at = SystemTime::try_from(at)?;
    let age = SystemTime::now().duration_since(at).unwrap_or_default();
    ensure!(age < Duration::from_secs(300), "created {age:?} ago");
    Ok(())
}

async fn round_trips(run: Scenario, pictures: [Picture; 3]) -> Result<()> {
    let account = run.account().await?;
    for picture in pictures {
        let what = format!("{:?} of {} bytes", picture.format, picture.bytes.len());
        round_trip(&run, &account, &picture).await.context(what)?;
    }
    Ok(())
}

async fn round_trip(run: &Scenario, account: &Account, picture: &Picture) -> Result<()> {
    let title = picture.format.name();
    let created = upload(run, account, picture, title).await?;
    let id = text(&created, "id")?;

    let one = json!({"picture_id": id});
    let got = run
        .call("pictures-get", one.clone())?
        .by(account)
        .send()
        .await?
        .ok()?;
    describes(&got, account, picture, title)?;
    let back = BASE64_STANDARD
        .decode(text(&got, "base64")?)
        .context("the reply's base64")?;
    ensure!(
        hash(&back) == picture.hash(),
        "{} other bytes were returned, with the hash {}",
        back.len(),
        hash(&back)
    );

    let object = run.stack().stored.object(&account.id, id).await?;
    ensure!(
        hash(&object.bytes) == picture.hash(),
        "S3 has {} other bytes, starting with {:?}",
        object.bytes.len(),
        object.bytes.iter().take(16).collect::<Vec<_>>()
    );
    let (stored, own) = (object.content_type.as_str(), picture.format.content_type());
    ensure!(
        stored == own,
        "the S3 object has type {stored}, expected {own}"
    );

    run.call("pictures-delete", one.clone())?
        .by(account)
        .send()
        .await?
        .ok()?;
    let again = run.call("pictures-delete", one)?.by(account).send().await?;
    again.refused(ErrorCode::NotFound)?;
    let amount = run.stack().stored.amount(&account.id).await?;
    ensure!(
        amount.objects == 0 && amount.rows == 0,
        "left behind: {amount:?}"
    );
    Ok(())
}

async fn titles(run: Scenario) -> Result<()> {
    let account = run.account().await?;
    let longest = "é".repeat(255);
    for title in [
        "a",
        "Grüße aus Zürich 🦀 — «日本»",
        r#"quotes " and \ and </script> & % + ?"#,
        longest.as_str(),
    ] {
        let created = upload(&run, &account, &Format::Gif.tiny(), title).await?;
        let one = json!({"picture_id": created["id"]});
        let got = run
            .call("pictures-get", one)?
            .by(&account)
            .send()
            .await?
            .ok()?;
        ensure!(
            got["title"] == title,
            "the title {title:?} was returned as {}",
            got["title"]
        );
    }
    let misleading = "holiday\u{202e}gpj\u{200b}.exe";
    let args = json!({"title": misleading, "base64": Format::Gif.tiny().base64()});
    let create = run.call("pictures-create", args)?.by(&account);
    let created = create.send().await?.ok()?;
    ensure!(created["title"] == "holidaygpj.exe", "{created}");
    Ok(())
}
