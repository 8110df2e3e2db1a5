//! Users can't access each other's data.

use anyhow::{Result, ensure};
use serde_json::json;
use trichrome_proto::error::ErrorCode;
use trichrome_tests::{harness::Suite, images::Format, reply::text, scenario::Scenario};

use crate::pictures::upload;

pub(crate) fn add(suite: &mut Suite) {
    suite.each("isolation::users_cannot_reach_others_pictures", isolated);
}

async fn isolated(run: Scenario) -> Result<()> {
    let (owner, other) = (run.account().await?, run.account().await?);
    let picture = Format::Webp.photo();
    let created = upload(&run, &owner, &picture, "private").await?;
    let id = text(&created, "id")?;
    let png = Format::Png.tiny().base64();

    let listed = run
        .call("pictures-list", json!({}))?
        .by(&other)
        .send()
        .await?
        .ok()?;
    ensure!(
        listed["pictures"] == json!([]),
        "the other user's list has {listed}"
    );
    for (function, args, code) in [
        (
            "pictures-get",
            json!({"picture_id": id}),
            ErrorCode::NotFound,
        ),
        (
            "pictures-content",
            json!({"picture_id": id}),
            ErrorCode::NotFound,
        ),
        (
            "pictures-index",
            json!({"user_id": owner.id}),
            ErrorCode::PermissionDenied,
        ),
        (
            "pictures-delete",
            json!({"picture_id": id}),
            ErrorCode::NotFound,
        ),
        (
            "pictures-list",
            json!({"user_id": owner.id}),
            ErrorCode::PermissionDenied,
        ),
        (
            "pictures-get",
            json!({"user_id": owner.id, "picture_id": id}),
            ErrorCode::PermissionDenied,
        ),
        (
            "pictures-delete",
            json!({"user_id": owner.id, "picture_id": id}),
            ErrorCode::PermissionDenied,
        ),
        (
            "pictures-create",
            json!({"user_id": owner.id, "title": "planted", "base64": png}),
            ErrorCode::PermissionDenied,
        ),
        (
            "users-delete",
            json!({"user_id": owner.id}),
            ErrorCode::PermissionDenied,
        ),
    ] {
        run.call(function, args)?
            .by(&other)
            .send()
            .await?
            .refused(code)?;
    }

    // Passing one's own user id is allowed.
    let named = json!({"user_id": owner.id, "picture_id": id});
    let got = run
        .call("pictures-get", named)?
        .by(&owner)
        .send()
        .await?
        .ok()?;
    ensure!(
        got["base64"] == picture.base64(),
        "other bytes were returned"
    );
    let amount = run.stack().stored.amount(&owner.id).await?;
    ensure!(
        amount.objects == 1 && amount.rows == 1,
        "the owner has {amount:?}"
    );
    let amount = run.stack().stored.amount(&other.id).await?;
    ensure!(
        amount.objects == 0 && amount.rows == 0,
        "the other has {amount:?}"
    );
    Ok(())
}
