//! Lists are ordered and paged, and pages stay below the response size limit.

use anyhow::{Result, ensure};
use bytes::Bytes;
use serde_json::{Value, json};
use trichrome_proto::{error::ErrorCode, wire::header::AUTHORIZATION};
use trichrome_tests::{
    account::Account,
    harness::Suite,
    images::Format,
    reply::{list, text},
    scenario::Scenario,
    transport::Transport,
};

use crate::pictures::upload;

pub(crate) fn add(suite: &mut Suite) {
    suite.each("paging::every_picture_once_newest_first", pages);
    suite.each("paging::pages_are_limited_in_size", large_pages);
    let http = Transport::ALL.map(|transport| transport.has_paths().then_some(transport));
    let http: Vec<_> = http.into_iter().flatten().collect();
    suite.over(
        &http,
        "paging::a_bare_list_with_the_cursor_in_a_header",
        bare_list,
    );
}

async fn page(run: &Scenario, account: &Account, args: Value) -> Result<(Vec<Value>, String)> {
    let page = run
        .call("pictures-list", args)?
        .by(account)
        .send()
        .await?
        .ok()?;
    let cursor = text(&page, "next_cursor")?.to_owned();
    Ok((list(&page, "pictures")?.to_vec(), cursor))
}

async fn pages(run: Scenario) -> Result<()> {
    let account = run.account().await?;
    let mut uploaded = Vec::new();
    for number in 0..5 {
        let title = format!("picture {number}");
        let created = upload(&run, &account, &Format::Png.tiny(), &title).await?;
        uploaded.insert(0, text(&created, "id")?.to_owned());
    }

    let mut listed = Vec::new();
    let mut sizes = Vec::new();
    let mut cursor = String::new();
    loop {
        let mut args = json!({"limit": 2, "metadata_only": true});
        if !cursor.is_empty() {
            args["cursor"] = json!(cursor);
        }
        let (pictures, next) = page(&run, &account, args).await?;
        ensure!(
            pictures.iter().all(|picture| picture["base64"] == ""),
            "bytes were returned with metadata_only"
        );
        sizes.push(pictures.len());
        for picture in &pictures {
            listed.push(text(picture, "id")?.to_owned());
        }
        ensure!(sizes.len() < 9, "the pages do not end: {sizes:?}");
        if next.is_empty() {
            break;
        }
        cursor = next;
    }
    ensure!(
        listed == uploaded,
        "listed {listed:?}, uploaded {uploaded:?}"
    );
    ensure!(sizes == [2, 2, 1], "pages of {sizes:?}");

    let (all, next) = page(&run, &account, json!({"user_id": account.id})).await?;
    ensure!(
        all.len() == 5 && next.is_empty(),
        "without a limit: {}, {next:?}",
        all.len()
    );

    let stranger = run.account().await?;
    let foreign = run.call("pictures-list", json!({"cursor": cursor}))?;
    foreign
        .by(&stranger)
        .send()
        .await?
        .refused(ErrorCode::InvalidArgument)?
        .saying("cursor")?;
    Ok(())
}

async fn large_pages(run: Scenario) -> Result<()> {
    let account = run.account().await?;
    for _ in 0..2 {
        let picture = Format::Avif.grown(2 * 1024 * 1024);
        upload(&run, &account, &picture, "large").await?;
    }
    let (first, cursor) = page(&run, &account, json!({})).await?;
    ensure!(
        first.len() == 1 && !cursor.is_empty(),
        "{} on the first page",
        first.len()
    );
    let (second, cursor) = page(&run, &account, json!({"cursor": cursor})).await?;
    ensure!(
        second.len() == 1 && cursor.is_empty(),
        "{} on the second page",
        second.len()
    );
    ensure!(
        first[0]["id"] != second[0]["id"],
        "the same picture on both pages"
    );
    let (both, _) = page(&run, &account, json!({"metadata_only": true})).await?;
    ensure!(both.len() == 2, "{} without their bytes", both.len());
    Ok(())
}

/// The list format that the Go original's web app reads.
async fn bare_list(run: Scenario) -> Result<()> {
    let account = run.account().await?;
    for title in ["one", "two"] {
        upload(&run, &account, &Format::Png.tiny(), title).await?;
    }
    let stack = run.stack();
    let base = run.transport().base_url(stack).unwrap_or_default();
    let authorization = format!("Bearer {}", account.token);
    let headers = [(AUTHORIZATION, authorization.as_str())];
    let url = format!("{base}/pictures?limit=1");
    let answer = stack.http.send("GET", &url, &headers, Bytes::new()).await?;
    ensure!(answer.status == 200, "{} {}", answer.status, answer.start());
    let pictures = answer.json()?;
    let pictures = pictures.as_array().map_or(&[][..], Vec::as_slice);
    ensure!(
        pictures.len() == 1,
        "no bare list of one: {}",
        answer.start()
    );
    ensure!(
        pictures[0]["title"] == "two",
        "not the newest: {}",
        pictures[0]["title"]
    );
    ensure!(
        !answer.header("next-cursor").is_empty(),
        "no next-cursor header"
    );
    Ok(())
}
