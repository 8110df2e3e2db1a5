//! Renaming a picture.

use anyhow::{Context as _, Result, ensure};
use serde_json::{Value, json};
use trichrome_proto::error::ErrorCode;
use trichrome_tests::{
    account::Account, harness::Suite, images::Format, reply::text, scenario::Scenario,
    transport::Transport,
};
use uuid::Uuid;

use crate::pictures::upload;

pub(crate) fn add(suite: &mut Suite) {
    suite.each("renames::change_only_the_title", title);
    suite.each("renames::refuse_missing_pictures", missing);
    suite.each("renames::refuse_invalid_titles", blank);
    let with_paths: Vec<_> = Transport::ALL
        .into_iter()
        .filter(|transport| transport.has_paths())
        .collect();
    suite.over(&with_paths, "renames::refuse_conflicting_ids", conflict);
}

async fn rename(run: &Scenario, by: &Account, id: &str, title: &str) -> Result<Value> {
    let args = json!({"picture_id": id, "title": title});
    let reply = run.call("pictures-update", args)?.by(by).send().await?;
    reply.ok()
}

async fn get(run: &Scenario, by: &Account, id: &str) -> Result<Value> {
    let args = json!({"picture_id": id});
    let reply = run.call("pictures-get", args)?.by(by).send().await?;
    reply.ok()
}

/// A picture without what changes while its derivatives are made.
fn lasting(mut picture: Value) -> Value {
    if let Value::Object(fields) = &mut picture {
        for derived in [
            "damage",
            "displayed_height",
            "displayed_width",
            "links",
            "placeholder",
            "state",
            "taken_at",
        ] {
            fields.remove(derived);
        }
    }
    picture
}

async fn title(run: Scenario) -> Result<()> {
    let account = run.account().await?;
    let picture = Format::Webp.photo();
    let created = upload(&run, &account, &picture, "before").await?;
    let other = upload(&run, &account, &Format::Gif.tiny(), "other").await?;
    let id = text(&created, "id")?;

    let mut expected = lasting(created.clone());
    // Twice: a repeated rename has the same outcome.
    for title in ["Grüße «日本» 🦀", "after", "after"] {
        expected["title"] = json!(title);
        let renamed = lasting(rename(&run, &account, id, title).await?);
        ensure!(renamed == expected, "renamed to {title:?}: {renamed}");
    }
    // The override could make `gpj.exe` read `exe.jpg`.
    let renamed = lasting(rename(&run, &account, id, "\u{202e}after\u{200b}").await?);
    ensure!(renamed == expected, "renamed to {renamed}");
    expected["base64"] = json!(picture.base64());
    let read = lasting(get(&run, &account, id).await?);
    ensure!(read == expected, "other fields have changed");
    let other = get(&run, &account, text(&other, "id")?).await?;
    ensure!(other["title"] == "other", "{}", other["title"]);
    run.all_logged().await
}

async fn missing(run: Scenario) -> Result<()> {
    let (owner, other) = (run.account().await?, run.account().await?);
    let created = upload(&run, &owner, &Format::Png.tiny(), "the owner's").await?;
    let id = text(&created, "id")?;
    for (args, code) in [
        (
            json!({"picture_id": Uuid::now_v7(), "title": "x"}),
            ErrorCode::NotFound,
        ),
        (json!({"picture_id": id, "title": "x"}), ErrorCode::NotFound),
        (
            json!({"picture_id": id, "title": "x", "user_id": owner.id}),
            ErrorCode::PermissionDenied,
        ),
    ] {
        let what = args.to_string();
        let reply = run.call("pictures-update", args)?.by(&other).send().await?;
        reply.refused(code).context(what)?;
    }
    let amount = run.stack().stored.amount(&other.id).await?;
    ensure!(amount.rows == 0, "a rename stored {amount:?}");

    let one = json!({"picture_id": id});
    let deleted = run.call("pictures-delete", one)?.by(&owner).send().await?;
    deleted.ok()?;
    let args = json!({"picture_id": id, "title": "x"});
    let reply = run.call("pictures-update", args)?.by(&owner).send().await?;
    reply.refused(ErrorCode::NotFound)?;
    let amount = run.stack().stored.amount(&owner.id).await?;
    ensure!(amount.rows == 0, "a rename stored {amount:?}");
    Ok(())
}

async fn blank(run: Scenario) -> Result<()> {
    let account = run.account().await?;
    let created = upload(&run, &account, &Format::Png.tiny(), "kept").await?;
    let id = text(&created, "id")?;
    for title in ["", " \u{a0}", &"é".repeat(256)] {
        let args = json!({"picture_id": id, "title": title});
        let reply = run
            .call("pictures-update", args)?
            .by(&account)
            .send()
            .await?;
        let refused = reply.refused(ErrorCode::InvalidArgument)?;
        refused.saying("title")?;
    }
    let read = get(&run, &account, id).await?;
    ensure!(read["title"] == "kept", "{}", read["title"]);
    Ok(())
}

async fn conflict(run: Scenario) -> Result<()> {
    let account = run.account().await?;
    let created = upload(&run, &account, &Format::Png.tiny(), "kept").await?;
    let id = text(&created, "id")?;
    let stack = run.stack();
    let base = run.transport().base_url(stack).unwrap_or_default();
    let url = format!("{base}/pictures/{id}");
    let authorization = format!("Bearer {}", account.token);
    let headers = [
        ("authorization", authorization.as_str()),
        ("content-type", "application/json"),
    ];
    let other = Uuid::now_v7().to_string();
    for (in_body, status) in [(other.as_str(), 400), (id, 200)] {
        let body = json!({"picture_id": in_body, "title": "renamed"}).to_string();
        let answer = stack.http.send("PATCH", &url, &headers, body).await?;
        let got = answer.status;
        ensure!(got == status, "{in_body}: {got} {}", answer.start());
        let title = if status == 200 { "renamed" } else { "kept" };
        let read = get(&run, &account, id).await?;
        ensure!(read["title"] == title, "{}", read["title"]);
    }
    Ok(())
}
