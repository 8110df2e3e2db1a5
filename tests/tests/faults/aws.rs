//! S3, DynamoDB and Secrets Manager are down: calls are refused in time, with the right errors.

use std::sync::atomic::{AtomicUsize, Ordering};

use anyhow::{Result, ensure};
use futures::future::try_join_all;
use serde_json::json;
use trichrome_proto::error::ErrorCode;
use trichrome_tests::{
    harness::Suite, images::Format, reply::text, scenario::Scenario, transport::Transport,
};

use crate::outage::{in_time, over_each, unavailable, without};

pub(crate) fn add(suite: &mut Suite) {
    suite.once("faults::s3_and_dynamodb_are_down", down);
}

async fn down(run: Scenario) -> Result<()> {
    let account = run.account().await?;
    let picture = Format::Webp.photo();
    let args = json!({"title": "from before", "base64": picture.base64()});
    let created = run
        .call("pictures-create", args.clone())?
        .by(&account)
        .send()
        .await?
        .ok()?;
    let one = json!({"picture_id": text(&created, "id")?});
    let user = json!({"user_id": account.id});
    let login = json!({"username": account.username, "password": account.password});

    let late = AtomicUsize::new(0);
    without(&run, "ministack", async || {
        over_each(Transport::ALL, async |transport| {
            let nothing = json!({});
            let needs = [
                ("auth-login", &login),
                ("users-get", &user),
                ("pictures-list", &nothing),
                ("pictures-get", &one),
                ("pictures-create", &args),
            ];
            let refused = needs.map(async |(function, args)| {
                let code = unavailable(&run, transport, &account, function, args.clone()).await?;
                if function == "pictures-create" && code == ErrorCode::DeadlineExceeded {
                    late.fetch_add(1, Ordering::Relaxed);
                }
                Ok::<_, anyhow::Error>(())
            });
            try_join_all(refused).await?;
            // Invalid requests get their usual errors.
            let short = json!({"username": account.username, "password": "short"});
            let bad = run.call_over(transport, "users-create", short)?.send();
            in_time("users-create", bad)
                .await?
                .refused(ErrorCode::InvalidArgument)?;
            let stranger = run
                .call_over(transport, "pictures-get", one.clone())?
                .send();
            in_time("pictures-get", stranger)
                .await?
                .refused(ErrorCode::Unauthenticated)?;
            // Postgres serves the call logs, but whether the token was revoked is in DynamoDB. An
            // instance that has checked it within the last minute doesn't ask again.
            let read = run.call_over(transport, "analytics-get", json!({"limit": 1}))?;
            let read = in_time("analytics-get", read.by(&account).send()).await?;
            if read.outcome.is_err() && read.code() != Some(ErrorCode::DeadlineExceeded) {
                read.refused(ErrorCode::Unavailable)?;
            }
            Ok(())
        })
        .await
    })
    .await?;

    // The first picture is still there. Refused uploads left nothing, unless they timed out.
    let got = run
        .call("pictures-get", one)?
        .by(&account)
        .send()
        .await?
        .ok()?;
    ensure!(got["base64"] == picture.base64(), "other bytes came back");
    let amount = run.stack().stored.amount(&account.id).await?;
    let most = 1 + late.into_inner();
    ensure!(
        (1..=most).contains(&amount.objects) && i32::try_from(amount.objects)? == amount.rows,
        "stored: {amount:?}, expected at most {most}"
    );
    Ok(())
}
