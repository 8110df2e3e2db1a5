//! The quota of each user.
//!
//! Its defaults are large, so the scenarios change the user's counter.

use anyhow::{Result, ensure};
use futures::future::try_join_all;
use serde_json::json;
use trichrome_proto::error::ErrorCode;
use trichrome_tests::{
    account::Account, harness::Suite, images::Format, reply::Reply, reply::text, scenario::Scenario,
};

use crate::pictures::{delete, upload};

/// The defaults of `USER_QUOTA_PICTURES` and `USER_QUOTA_BYTES`.
const PICTURES: u64 = 10_000;
const BYTES: u64 = 10 * 1024 * 1024 * 1024;

pub(crate) fn add(suite: &mut Suite) {
    suite.each("quotas::a_full_quota_refuses_pictures", full);
    suite.each("quotas::concurrent_pictures_keep_to_it", concurrent);
    suite.once("quotas::pictures_from_before_are_counted", before);
}

async fn create(run: &Scenario, by: &Account) -> Result<Reply> {
    let args = json!({"title": "one more", "base64": Format::Png.tiny().base64()});
    run.call("pictures-create", args)?.by(by).send().await
}

async fn begin(run: &Scenario, by: &Account) -> Result<Reply> {
    let picture = Format::Png.tiny();
    let args = json!({
        "title": "one more",
        "size_bytes": picture.bytes.len(),
        "content_type": picture.format.content_type(),
        "checksums": picture.checksums(),
    });
    run.call("uploads-begin", args)?.by(by).send().await
}

async fn full(run: Scenario) -> Result<()> {
    let account = run.account().await?;
    let stored = &run.stack().stored;
    let picture = upload(&run, &account, &Format::Png.tiny(), "the last one").await?;
    let size = Format::Png.tiny().bytes.len() as u64;
    for usage in [(size, PICTURES), (BYTES, 1)] {
        stored.set_usage(&account.id, Some(usage)).await?;
        for reply in [create(&run, &account).await?, begin(&run, &account).await?] {
            reply.refused(ErrorCode::QuotaExceeded)?.saying("quota")?;
        }
        let amount = stored.amount(&account.id).await?;
        ensure!((amount.objects, amount.rows) == (1, 1), "{amount:?}");
    }
    // A deletion gives back.
    stored
        .set_usage(&account.id, Some((size, PICTURES)))
        .await?;
    delete(&run, &account, text(&picture, "id")?).await?;
    let usage = stored.usage(&account.id).await?;
    ensure!(usage == Some((0, PICTURES - 1)), "{usage:?}");
    create(&run, &account).await?.ok()?;
    create(&run, &account)
        .await?
        .refused(ErrorCode::QuotaExceeded)?;
    run.all_logged().await
}

async fn concurrent(run: Scenario) -> Result<()> {
    let account = run.account().await?;
    let stored = &run.stack().stored;
    stored
        .set_usage(&account.id, Some((0, PICTURES - 2)))
        .await?;
    let replies = try_join_all((0..5).map(|_| create(&run, &account))).await?;
    let (taken, refused): (Vec<_>, Vec<_>) =
        replies.into_iter().partition(|reply| reply.outcome.is_ok());
    ensure!(
        taken.len() == 2,
        "{} of 2 pictures were stored",
        taken.len()
    );
    for reply in refused {
        reply.refused(ErrorCode::QuotaExceeded)?;
    }
    let amount = stored.amount(&account.id).await?;
    ensure!((amount.objects, amount.rows) == (2, 2), "{amount:?}");
    let usage = stored
        .usage(&account.id)
        .await?
        .map(|(_, pictures)| pictures);
    ensure!(usage == Some(PICTURES), "{usage:?}");
    Ok(())
}

async fn before(run: Scenario) -> Result<()> {
    let account = run.account().await?;
    let stored = &run.stack().stored;
    let size = Format::Png.tiny().bytes.len() as u64;
    let first = upload(&run, &account, &Format::Png.tiny(), "first").await?;
    // No counter, as for a user from before there were any.
    stored.set_usage(&account.id, None).await?;
    create(&run, &account).await?.ok()?;
    let usage = stored.usage(&account.id).await?;
    ensure!(usage == Some((2 * size, 2)), "{usage:?}");

    stored.set_usage(&account.id, None).await?;
    delete(&run, &account, text(&first, "id")?).await?;
    let usage = stored.usage(&account.id).await?;
    ensure!(usage == Some((size, 1)), "{usage:?}");
    Ok(())
}
