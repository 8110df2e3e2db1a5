//! Responses that the cache keeps: they are answered until a write of their user, and never to another
//! user or with a picture that was deleted, even if evictions get lost.

use std::{collections::BTreeSet, time::Duration};

use anyhow::{Result, ensure};
use serde_json::{Value, json};
use trichrome_cache::Nodes;
use trichrome_proto::error::ErrorCode;
use trichrome_response_cache::NodeCache;
use trichrome_runtime::{Found, ResponseCache as _};
use trichrome_tests::{
    account::Account,
    harness::Suite,
    images::Format,
    kept::{self, Kept},
    reply::{list, text},
    scenario::Scenario,
    stack::Description,
    wait::{SOON, eventually},
};
use uuid::Uuid;

use crate::pictures::{delete, upload};

pub(crate) fn add(suite: &mut Suite) {
    let has_cache = Description::read().is_ok_and(|stack| stack.cache_nodes.is_some());
    suite.given(has_cache, "the stack has no cache", |suite| {
        suite.each("cache::answers_until_a_write", writes);
        suite.each("cache::never_answers_a_deleted_picture", deleted);
        suite.each("cache::answers_each_user_alone", users);
        suite.once("cache::a_deleted_user_gets_nothing", user_deleted);
        suite.once("cache::an_entry_needs_its_ticket", tickets);
        suite.once("cache::nodes_join_and_leave", nodes);
    });
}

/// The reads that are kept, each with the ids or the titles that it shows.
const READS: [&str; 3] = ["pictures-get", "pictures-index", "pictures-list"];

async fn read(run: &Scenario, by: &Account, function: &str, id: &str) -> Result<Value> {
    let args = match function {
        "pictures-get" => json!({"picture_id": id}),
        "pictures-index" => json!({}),
        _ => json!({"limit": 7}),
    };
    run.call(function, args)?.by(by).send().await?.ok()
}

/// Reads until everything is kept. Derivatives that are being made evict once more.
async fn fill(run: &Scenario, by: &Account, id: &str) -> Result<()> {
    let mut kept = Kept::of(run.stack(), &by.id).await?;
    eventually(SOON, async || {
        let picture = read(run, by, "pictures-get", id).await?;
        ensure!(picture["state"] == "ready", "{}", picture["state"]);
        for function in ["pictures-index", "pictures-list"] {
            read(run, by, function, id).await?;
        }
        let entries = kept.entries().await?;
        ensure!(entries.keys().eq(READS.iter()), "{:?}", entries.keys());
        Ok(())
    })
    .await?;
    let ttl = kept.ttl().await?;
    ensure!((1..=60_000).contains(&ttl), "{ttl} ms");
    Ok(())
}

async fn titles(run: &Scenario, by: &Account, id: &str) -> Result<BTreeSet<String>> {
    let one = read(run, by, "pictures-get", id).await?;
    let page = read(run, by, "pictures-list", id).await?;
    let mut titles: BTreeSet<_> = [text(&one, "title")?.to_owned()].into();
    for picture in list(&page, "pictures")? {
        titles.insert(text(picture, "title")?.to_owned());
    }
    Ok(titles)
}

async fn writes(run: Scenario) -> Result<()> {
    let account = run.account().await?;
    let created = upload(&run, &account, &Format::Png.tiny(), "of the table").await?;
    let id = text(&created, "id")?;
    let mut kept = Kept::of(run.stack(), &account.id).await?;
    // The function that makes derivatives may evict once more after they are seen, and a call on a busy
    // machine may not wait for the cache.
    eventually(SOON, async || {
        fill(&run, &account, id).await?;
        kept.replace("of the table", "of the cache").await?;
        let shown = titles(&run, &account, id).await?;
        ensure!(shown == ["of the cache".to_owned()].into(), "{shown:?}");
        Ok(())
    })
    .await?;

    let args = json!({"picture_id": id, "title": "renamed"});
    let renamed = run
        .call("pictures-update", args)?
        .by(&account)
        .send()
        .await?;
    renamed.ok()?;
    let shown = titles(&run, &account, id).await?;
    ensure!(shown == ["renamed".to_owned()].into(), "{shown:?}");

    upload(&run, &account, &Format::Png.tiny(), "another").await?;
    let page = read(&run, &account, "pictures-list", id).await?;
    let pictures = list(&page, "pictures")?.len();
    ensure!(pictures == 2, "{pictures} pictures");
    run.all_logged().await
}

async fn deleted(run: Scenario) -> Result<()> {
    let account = run.account().await?;
    let created = upload(&run, &account, &Format::Png.tiny(), "to be deleted").await?;
    let id = text(&created, "id")?;
    let mut kept = Kept::of(run.stack(), &account.id).await?;
    let copy = eventually(SOON, async || {
        fill(&run, &account, id).await?;
        kept.copy().await
    })
    .await?;
    delete(&run, &account, id).await?;
    kept.lose_eviction(&copy).await?;
    ensure!(kept.entries().await?.len() == READS.len(), "not put back");

    let args = json!({"picture_id": id});
    let reply = run.call("pictures-get", args)?.by(&account).send().await?;
    reply.refused(ErrorCode::NotFound)?;
    let page = read(&run, &account, "pictures-list", id).await?;
    ensure!(list(&page, "pictures")?.is_empty(), "{page}");
    let index = read(&run, &account, "pictures-index", id).await?;
    ensure!(!index.to_string().contains("count\":1"), "{index}");

    // Neither after another picture has made the counts what they were.
    let same = upload(&run, &account, &Format::Png.tiny(), "to be deleted").await?;
    kept.lose_eviction(&copy).await?;
    let page = read(&run, &account, "pictures-list", id).await?;
    let ids: Vec<_> = list(&page, "pictures")?
        .iter()
        .map(|it| &it["id"])
        .collect();
    ensure!(ids == [&same["id"]], "{ids:?}");
    Ok(())
}

async fn users(run: Scenario) -> Result<()> {
    let (one, other) = (run.account().await?, run.account().await?);
    let created = upload(&run, &one, &Format::Png.tiny(), "the first user's").await?;
    let id = text(&created, "id")?;
    fill(&run, &one, id).await?;
    for _ in 0..2 {
        let page = read(&run, &other, "pictures-list", id).await?;
        ensure!(list(&page, "pictures")?.is_empty(), "{page}");
        let args = json!({"picture_id": id});
        let reply = run.call("pictures-get", args)?.by(&other).send().await?;
        reply.refused(ErrorCode::NotFound)?;
        // And what is kept for the first user isn't evicted by the second.
        upload(&run, &other, &Format::Png.tiny(), "the second user's").await?;
        let mut kept = Kept::of(run.stack(), &one.id).await?;
        ensure!(kept.entries().await?.len() == READS.len(), "evicted");
        let page = read(&run, &one, "pictures-list", id).await?;
        let titles = list(&page, "pictures")?.iter().map(|it| &it["title"]);
        ensure!(titles.eq(["the first user's"]), "{page}");
        let page = read(&run, &other, "pictures-list", id).await?;
        let args = json!({"picture_id": list(&page, "pictures")?[0]["id"]});
        let reply = run.call("pictures-delete", args)?.by(&other).send().await?;
        reply.ok()?;
    }
    Ok(())
}

/// Tokens count for half a minute in processes that know the user, so the pictures must be gone
/// before.
async fn user_deleted(run: Scenario) -> Result<()> {
    let account = run.account().await?;
    let created = upload(&run, &account, &Format::Png.tiny(), "a user's").await?;
    let id = text(&created, "id")?;
    fill(&run, &account, id).await?;
    let args = json!({"user_id": account.id});
    let reply = run.call("users-delete", args)?.by(&account).send().await?;
    reply.ok()?;
    for _ in 0..4 {
        let args = json!({"limit": 7});
        let reply = run.call("pictures-list", args)?.by(&account).send().await?;
        if let Ok(page) = reply.outcome {
            ensure!(list(&page, "pictures")?.is_empty(), "{page}");
        }
    }
    Ok(())
}

/// A cache in some of the stack's nodes, of a stack of its own. On a busy machine an answer may take
/// longer than a function waits for it, so each request is repeated.
struct Patient(NodeCache);

fn cache(nodes: &str, stack: &str, ttl: Duration) -> Result<Patient> {
    let nodes: Nodes = nodes.parse()?;
    Ok(Patient(NodeCache::new(nodes, stack.to_owned(), ttl)))
}

impl Patient {
    async fn find(&self, user_id: &str, request: &str) -> Result<Found> {
        eventually(SOON, async || Ok(self.0.find(user_id, request).await?)).await
    }

    async fn keep(&self, user_id: &str, request: &str, ticket: &str, entry: &[u8]) -> Result<()> {
        eventually(SOON, async || {
            Ok(self.0.keep(user_id, request, ticket, entry).await?)
        })
        .await
    }

    async fn evict(&self, user_id: &str) -> Result<()> {
        eventually(SOON, async || Ok(self.0.evict(user_id).await?)).await
    }
}

const MINUTE: Duration = Duration::from_secs(60);

async fn tickets(run: Scenario) -> Result<()> {
    let stack = format!("test-{}", Uuid::new_v4());
    let cache = cache(kept::nodes(run.stack())?, &stack, MINUTE)?;
    let missed = cache.find("u", "r").await?;
    ensure!(missed.entry.is_none(), "{missed:?}");
    cache.keep("u", "r", &missed.ticket, b"kept").await?;
    let found = cache.find("u", "r").await?;
    ensure!(found.entry.as_deref() == Some(b"kept"), "{found:?}");
    ensure!(found.ticket == missed.ticket, "{found:?}");
    let others = [cache.find("u", "s").await?, cache.find("v", "r").await?];
    ensure!(others.iter().all(|it| it.entry.is_none()), "{others:?}");

    // What was read before a write isn't kept after it.
    cache.evict("u").await?;
    cache.keep("u", "r", &found.ticket, b"late").await?;
    let after = cache.find("u", "r").await?;
    ensure!(
        after.entry.is_none() && after.ticket != found.ticket,
        "{after:?}"
    );
    cache.keep("u", "r", &found.ticket, b"late").await?;
    ensure!(
        cache.find("u", "r").await? == after,
        "kept by an old ticket"
    );

    // A user's entries are bounded in number.
    for n in 0..100 {
        let request = format!("r{n}");
        cache.keep("u", &request, &after.ticket, b"kept").await?;
    }
    let (first, last) = (cache.find("u", "r0").await?, cache.find("u", "r99").await?);
    ensure!(first.entry.is_some() && last.entry.is_none(), "not bounded");
    cache.evict("u").await?;
    cache.evict("v").await?;

    // And by time, however often they are used.
    let short = Duration::from_millis(500);
    let cache = self::cache(kept::nodes(run.stack())?, &stack, short)?;
    let missed = cache.find("u", "r").await?;
    cache.keep("u", "r", &missed.ticket, b"kept").await?;
    eventually(SOON, async || {
        let found = cache.find("u", "r").await?;
        ensure!(found.ticket != missed.ticket, "still kept");
        Ok(())
    })
    .await
}

/// Programs that know different nodes, as while a deployment changes them.
async fn nodes(run: Scenario) -> Result<()> {
    let stack = format!("test-{}", Uuid::new_v4());
    let all = kept::nodes(run.stack())?;
    let first = all.split(',').next().unwrap_or_default();
    let (before, after) = (cache(first, &stack, MINUTE)?, cache(all, &stack, MINUTE)?);
    let both: Nodes = all.parse()?;
    let mut moved = 0;
    for n in 0..40 {
        let user = format!("user-{n}");
        let missed = before.find(&user, "r").await?;
        before.keep(&user, "r", &missed.ticket, b"kept").await?;
        let stays = first.ends_with(both.of(&user).name());
        let found = after.find(&user, "r").await?;
        ensure!(found.entry.is_some() == stays, "{user}: {found:?}");
        moved += usize::from(!stays);
        // The eviction reaches the user's node alone. A moved user's entry stays on the other one,
        // where only its revision and its minute bound it.
        after.evict(&user).await?;
        let left = before.find(&user, "r").await?;
        ensure!(left.entry.is_none() == stays, "{user}: {left:?}");
        before.evict(&user).await?;
    }
    ensure!((5..35).contains(&moved), "{moved} of 40 users have moved");
    Ok(())
}
