//! Links lead to pictures' bytes without a function in between.

use anyhow::{Context as _, Result, ensure};
use serde_json::{Value, json};
use trichrome_proto::{error::ErrorCode, wire::header::AUTHORIZATION};
use trichrome_tests::{
    harness::Suite,
    images::{Format, hash},
    reply::{list, text},
    scenario::Scenario,
    transport::Transport,
};

use crate::pictures::upload;

pub(crate) fn add(suite: &mut Suite) {
    suite.each("links::every_message_has_them", messages);
    suite.each("links::content_is_a_link_to_a_variant", variants);
    suite.each("links::they_end_with_the_picture", deleted);
    let http = Transport::ALL.map(|transport| transport.has_paths().then_some(transport));
    let http: Vec<_> = http.into_iter().flatten().collect();
    suite.over(&http, "links::content_redirects", redirects);
}

/// The links of a message, which must have a form.
fn links(message: &Value) -> Result<&Value> {
    let links = &message["links"];
    ensure!(text(links, "original")?.starts_with("http"), "{links}");
    let expires: prost_types::Timestamp = text(links, "expires_at")?.parse()?;
    let now = prost_types::Timestamp::from(std::time::SystemTime::now());
    ensure!(expires.seconds > now.seconds + 600, "{links}");
    let state = text(message, "state")?;
    let derived = ["preview", "thumbnail"].map(|variant| links[variant] != "");
    match state {
        "processing" | "damaged" => ensure!(derived == [false; 2], "{state}: {links}"),
        "ready" => ensure!(derived[0] == derived[1], "{links}"),
        _ => anyhow::bail!("the state is {state:?}"),
    }
    Ok(links)
}

async fn messages(run: Scenario) -> Result<()> {
    let account = run.account().await?;
    let picture = Format::Jpeg.photo();
    let title = "é \u{201c}x\u{201d}/../virus.exe";
    let created = upload(&run, &account, &picture, title).await?;
    let one = json!({"picture_id": created["id"], "metadata_only": true});
    let got = run.call("pictures-get", one)?.by(&account);
    let got = got.send().await?.ok()?;
    ensure!(
        got["base64"] == "" && got["content"] == "",
        "there are bytes"
    );
    let all = run.call("pictures-list", json!({"metadata_only": true}))?;
    let all = all.by(&account).send().await?.ok()?;
    let listed = &list(&all, "pictures")?[0];
    let rename = json!({"picture_id": created["id"], "title": title});
    let renamed = run.call("pictures-update", rename)?.by(&account);
    let renamed = renamed.send().await?.ok()?;
    for (what, message) in [
        ("created", &created),
        ("got", &got),
        ("listed", listed),
        ("renamed", &renamed),
    ] {
        let links = links(message).context(what)?;
        let answer = run.stack().http.get(text(links, "original")?).await?;
        ensure!(answer.status == 200, "{what}: {}", answer.start());
        ensure!(hash(&answer.body) == picture.hash(), "{what}: other bytes");
        for (header, expected) in [
            ("content-type", "image/jpeg"),
            ("cache-control", "private, max-age=31536000, immutable"),
            (
                "content-disposition",
                "inline; filename=\"_ _x__.._virus.exe.jpg\"; \
                 filename*=UTF-8''%C3%A9%20%E2%80%9Cx%E2%80%9D_.._virus.exe.jpg",
            ),
        ] {
            let value = answer.header(header);
            ensure!(value == expected, "{what}: {header} is {value}");
        }
    }
    // Without its signature, it is nothing.
    let original = text(&got["links"], "original")?;
    let changed = original.replace("immutable", "public");
    let answer = run.stack().http.get(&changed).await?;
    ensure!(
        answer.status == 403,
        "{}: {}",
        answer.status,
        answer.start()
    );
    Ok(())
}

async fn variants(run: Scenario) -> Result<()> {
    let (account, other) = (run.account().await?, run.account().await?);
    let picture = Format::Webp.photo();
    let created = upload(&run, &account, &picture, "variants").await?;
    let id = &created["id"];
    for variant in [
        json!({"picture_id": id}),
        json!({"picture_id": id, "variant": "original"}),
    ] {
        let content = run.call("pictures-content", variant)?.by(&account);
        let content = content.send().await?.ok()?;
        let answer = run.stack().http.get(text(&content, "url")?).await?;
        ensure!(answer.status == 200, "{}", answer.start());
        ensure!(hash(&answer.body) == picture.hash(), "other bytes");
    }
    for (account, args, code) in [
        (
            &account,
            json!({"picture_id": id, "variant": "huge"}),
            ErrorCode::InvalidArgument,
        ),
        (
            &account,
            json!({"picture_id": uuid::Uuid::now_v7()}),
            ErrorCode::NotFound,
        ),
        (&other, json!({"picture_id": id}), ErrorCode::NotFound),
        (
            &other,
            json!({"picture_id": id, "user_id": account.id}),
            ErrorCode::PermissionDenied,
        ),
    ] {
        let content = run.call("pictures-content", args)?.by(account);
        content.send().await?.refused(code)?;
    }
    Ok(())
}

async fn redirects(run: Scenario) -> Result<()> {
    let account = run.account().await?;
    let picture = Format::Png.photo();
    let created = upload(&run, &account, &picture, "redirect").await?;
    let stack = run.stack();
    let base = run.transport().base_url(stack).context("not HTTP")?;
    let url = format!("{base}/pictures/{}/content", text(&created, "id")?);
    let authorization = format!("Bearer {}", account.token);
    let headers = [(AUTHORIZATION, authorization.as_str())];
    let answer = stack.http.send("GET", &url, &headers, "").await?;
    ensure!(
        answer.status == 302,
        "{}: {}",
        answer.status,
        answer.start()
    );
    ensure!(
        answer.header("cache-control") == "no-store",
        "may be cached"
    );
    let location = answer.header("location").to_owned();
    ensure!(answer.json()?["url"] == location, "{location}");
    // As a browser: without the token.
    let answer = stack.http.get(&location).await?;
    ensure!(hash(&answer.body) == picture.hash(), "other bytes");
    Ok(())
}

async fn deleted(run: Scenario) -> Result<()> {
    let account = run.account().await?;
    let created = upload(&run, &account, &Format::Gif.tiny(), "gone").await?;
    let original = text(&created["links"], "original")?;
    let answer = run.stack().http.get(original).await?;
    ensure!(answer.status == 200, "{}", answer.start());
    let one = json!({"picture_id": created["id"]});
    let delete = run.call("pictures-delete", one)?.by(&account);
    delete.send().await?.ok()?;
    let answer = run.stack().http.get(original).await?;
    ensure!(
        answer.status == 404,
        "{}: {}",
        answer.status,
        answer.start()
    );
    Ok(())
}
