//! Pictures that version 0.1.0 stored: they work as before, and a backfill makes their derivatives.

use std::{path::Path, process::Stdio, time::Duration};

use anyhow::{Context as _, Result, ensure};
use serde_json::{Value, json};
use tokio::process::Command;
use trichrome_proto::error::ErrorCode;
use trichrome_tests::{
    account::Account, harness::Suite, images::Format, reply::text, scenario::Scenario,
    wait::eventually,
};

pub(crate) fn add(suite: &mut Suite) {
    suite.once("old_pictures::work_and_are_backfilled", works);
}

/// Time allowed for a derivation on a busy machine.
const DERIVED: Duration = Duration::from_secs(100);

async fn works(run: Scenario) -> Result<()> {
    let stack = run.stack();
    let account = run.account().await?;
    let picture = Format::Jpeg.photo();
    let id = stack.stored.store_as_before(&account.id, &picture).await?;
    let one = json!({"picture_id": id});

    let before = call(&run, &account, "pictures-get", &one).await?;
    ensure!(
        before["base64"] == picture.base64(),
        "other bytes came back"
    );
    ensure!(before["state"] == "processing", "{}", before["state"]);
    let listed = call(&run, &account, "pictures-list", &json!({})).await?;
    ensure!(listed["pictures"][0]["id"] == id.as_str(), "{listed}");
    let link = text(&before["links"], "original")?;
    let linked = stack.http.get(link).await?;
    ensure!(linked.body == picture.bytes, "the link has other bytes");

    let mut links = vec![link.to_owned()];
    // Twice, because it may be repeated at any time.
    for _ in 0..2 {
        let counts = backfill(&run).await?;
        ensure!(counts["complete"] == true, "{counts}");
        let thumbnail = eventually(DERIVED, async || {
            let read = call(&run, &account, "pictures-get", &one).await?;
            ensure!(read["state"] == "ready", "{}", read["state"]);
            ensure!(read["base64"] == picture.base64(), "other bytes came back");
            let link = text(&read["links"], "thumbnail")?.to_owned();
            let thumbnail = stack.http.get(&link).await?;
            ensure!(thumbnail.status == 200, "{}", thumbnail.status);
            ensure!(thumbnail.header("content-type") == "image/webp");
            Ok(link)
        })
        .await?;
        links.push(thumbnail);
    }

    call(&run, &account, "pictures-delete", &one).await?;
    let gone = run.call("pictures-get", one)?.by(&account).send().await?;
    gone.refused(ErrorCode::NotFound)?;
    for link in links {
        let left = stack.http.get(&link).await?;
        ensure!(left.status == 404, "{}: {link}", left.status);
    }
    Ok(())
}

async fn call(run: &Scenario, by: &Account, function: &str, args: &Value) -> Result<Value> {
    let reply = run.call(function, args.clone())?.by(by).send().await?;
    reply.ok().with_context(|| function.to_owned())
}

/// Runs the backfill that operators run, and returns the counts that it prints.
async fn backfill(run: &Scenario) -> Result<Value> {
    let stack = &run.stack().description;
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("..");
    let output = Command::new(root.join(".local/tools/python/bin/python"))
        .arg(root.join("deploy/aws/deploy.py"))
        .arg("backfill")
        .args(["--table", &stack.pictures_table])
        .args(["--bucket", &stack.pictures_bucket])
        .args(["--queue", &stack.derive_queue_url])
        .env("AWS_ENDPOINT_URL", &stack.aws_endpoint)
        .env("AWS_REGION", "us-east-1")
        .env("AWS_ACCESS_KEY_ID", "local")
        .env("AWS_SECRET_ACCESS_KEY", "local")
        .stdin(Stdio::null())
        .output()
        .await
        .context("Python starts")?;
    let errors = String::from_utf8_lossy(&output.stderr);
    ensure!(output.status.success(), "{errors}");
    Ok(serde_json::from_slice(&output.stdout)?)
}
