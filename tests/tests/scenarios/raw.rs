//! Pictures as bytes, without base64 where the transport allows it.

use anyhow::{Context as _, Result, ensure};
use serde_json::{Value, json};
use trichrome_proto::{
    error::ErrorCode,
    wire::{header::AUTHORIZATION, media},
};
use trichrome_tests::{
    account::Account,
    clients::http::Answer,
    harness::Suite,
    images::{Format, MAX_PICTURE, Picture},
    reply::{list, text},
    scenario::Scenario,
    stored::Amount,
    transport::Transport,
};

pub(crate) fn add(suite: &mut Suite) {
    suite.each("raw::content_is_stored_and_returned", content);
    suite.each("raw::one_of_base64_and_content_is_required", one_of_two);
    let http = Transport::ALL.map(|transport| transport.has_paths().then_some(transport));
    let http: Vec<_> = http.into_iter().flatten().collect();
    suite.over(&http, "raw::a_body_is_a_picture", bodies);
    suite.over(&http, "raw::other_bodies_are_refused", refusals);
}

async fn content(run: Scenario) -> Result<()> {
    let account = run.account().await?;
    for picture in [Format::Webp.photo(), Format::Jpeg.grown(MAX_PICTURE)] {
        // gRPC sends the bytes; JSON has them as base64.
        let args = json!({"title": "bytes", "content": picture.base64()});
        let create = run.call("pictures-create", args)?.by(&account);
        let created = create.send().await?.ok()?;
        ensure!(created["content"] == "", "the reply has the content");
        holds(&run, &account, &created, &picture).await?;
    }
    let args = json!({"raw": true});
    let listed = run.call("pictures-list", args)?.by(&account);
    let listed = listed.send().await?.ok()?;
    let newest = &list(&listed, "pictures")?[0];
    ensure!(
        newest["content"] == Format::Jpeg.grown(MAX_PICTURE).base64() && newest["base64"] == "",
        "the list has other bytes"
    );
    Ok(())
}

/// Checks a picture's bytes in both forms.
async fn holds(
    run: &Scenario,
    account: &Account,
    created: &Value,
    picture: &Picture,
) -> Result<()> {
    let kind = picture.format.content_type();
    ensure!(
        created["content_type"] == kind,
        "{}",
        created["content_type"]
    );
    for (raw, with, without) in [(true, "content", "base64"), (false, "base64", "content")] {
        let args = json!({"picture_id": created["id"], "raw": raw});
        let got = run.call("pictures-get", args)?.by(account);
        let got = got.send().await?.ok()?;
        ensure!(got[with] == picture.base64(), "{with} has other bytes");
        ensure!(got[without] == "", "there is {without}, too");
    }
    Ok(())
}

async fn one_of_two(run: Scenario) -> Result<()> {
    let account = run.account().await?;
    let picture = Format::Png.tiny().base64();
    for (args, saying) in [
        (json!({"title": "t"}), "is required"),
        (
            json!({"title": "t", "base64": picture, "content": picture}),
            "both given",
        ),
    ] {
        let reply = run.call("pictures-create", args)?.by(&account).send();
        let reply = reply.await?.refused(ErrorCode::InvalidArgument)?;
        reply.saying(saying)?;
    }
    run.stack().stored.holds(&account.id, Amount::NOTHING).await
}

/// Posts a raw body.
async fn post(
    run: &Scenario,
    account: Option<&Account>,
    query: &str,
    content_type: &str,
    body: &[u8],
) -> Result<Answer> {
    let stack = run.stack();
    let base = run.transport().base_url(stack).context("not HTTP")?;
    let url = format!("{base}/pictures{query}");
    let authorization = account.map(|account| format!("Bearer {}", account.token));
    let mut headers = vec![("content-type", content_type)];
    if let Some(authorization) = &authorization {
        headers.push((AUTHORIZATION, authorization));
    }
    stack.http.send("POST", &url, &headers, body.to_vec()).await
}

async fn bodies(run: Scenario) -> Result<()> {
    let account = run.account().await?;
    for (content_type, picture) in [
        ("image/jpeg", Format::Jpeg.photo()),
        ("image/jpg", Format::Jpeg.tiny()),
        ("application/octet-stream", Format::Avif.tiny()),
        ("IMAGE/PNG; name=dot.png", Format::Png.tiny()),
        // The type is detected from the bytes.
        ("image/gif", Format::Webp.tiny()),
        ("image/png", Format::Png.grown(MAX_PICTURE)),
    ] {
        let query = "?title=%C3%A9t%C3%A9%20%26%20co";
        let answer = post(&run, Some(&account), query, content_type, &picture.bytes).await?;
        ensure!(answer.status == 201, "{content_type}: {}", answer.start());
        let created = answer.json()?;
        ensure!(created["title"] == "été & co", "{created}");
        holds(&run, &account, &created, &picture)
            .await
            .context(content_type)?;
    }
    Ok(())
}

async fn refusals(run: Scenario) -> Result<()> {
    let account = run.account().await?;
    let png = Format::Png.tiny().bytes;
    let large = vec![0; MAX_PICTURE + 1];
    let larger = vec![0xff; 5 * 1024 * 1024];
    let invalid = ErrorCode::InvalidArgument;
    let media_type = ErrorCode::UnsupportedMediaType;
    let too_large = ErrorCode::PayloadTooLarge;
    for (query, kind, body, code, saying) in [
        ("?title=t", "image/heic", &png, media_type, "content-type"),
        (
            "?title=t",
            "multipart/form-data; boundary=b",
            &png,
            media_type,
            "content-type",
        ),
        ("?title=t", "image/png", &Vec::new(), invalid, "is required"),
        (
            "?title=t",
            "image/png",
            &b"no picture".to_vec(),
            invalid,
            "not a picture",
        ),
        (
            "?title=t",
            "image/png",
            &large,
            too_large,
            "begin an upload",
        ),
        ("?title=t", "image/png", &larger, too_large, ""),
        ("", "image/png", &png, invalid, "\"title\" is required"),
        (
            "?title=t&colour=red",
            "image/png",
            &png,
            invalid,
            "unknown field",
        ),
        (
            "?title=t&title=u",
            "image/png",
            &png,
            invalid,
            "more than once",
        ),
        (
            "?title=t&content=AA",
            "image/png",
            &png,
            invalid,
            "more than once",
        ),
        (
            "?title=t&base64=AA",
            "image/png",
            &png,
            invalid,
            "both given",
        ),
    ] {
        let what = format!("{kind} to {query} of {} bytes", body.len());
        let answer = post(&run, Some(&account), query, kind, body).await?;
        ensure!(answer.status == code.http(), "{what}: {}", answer.start());
        let error = &answer.json()?["error"];
        ensure!(error["code"] == code.as_str(), "{what}: {error}");
        ensure!(text(error, "message")?.contains(saying), "{what}: {error}");
        // RFC 9110, section 12.5.3: only if the coding is the reason.
        let accepted = answer.header("accept-encoding");
        ensure!(accepted.is_empty(), "{what}: accept-encoding {accepted}");
    }
    let answer = post(&run, None, "?title=t", media::OCTETS, &png).await?;
    ensure!(answer.status == 401, "without a token: {}", answer.start());
    run.stack().stored.holds(&account.id, Amount::NOTHING).await
}
