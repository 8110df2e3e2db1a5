//! Repeating a write with the same key has no second effect, and the same outcome.

use anyhow::{Result, ensure};
use futures::future::try_join_all;
use serde_json::{Value, json};
use trichrome_proto::error::ErrorCode;
use trichrome_tests::{
    account::{Account, PASSWORD, unused_name},
    harness::Suite,
    images::Format,
    reply::{Reply, text},
    scenario::Scenario,
    stored::Amount,
    token,
};
use uuid::Uuid;

pub(crate) fn add(suite: &mut Suite) {
    suite.each("idempotency::one_key_one_picture", pictures);
    suite.each("idempotency::one_key_one_user", users);
    suite.each("idempotency::one_key_one_renaming", renamings);
    suite.each("idempotency::one_key_one_deletion", deletions);
}

async fn create(run: &Scenario, account: &Account, key: &str, format: Format) -> Result<String> {
    let args = json!({"title": "again", "base64": format.tiny().base64()});
    let call = run.call("pictures-create", args)?.by(account).key(key);
    let created = call.send().await?.ok()?;
    Ok(text(&created, "id")?.to_owned())
}

async fn pictures(run: Scenario) -> Result<()> {
    let (account, other) = (run.account().await?, run.account().await?);
    let stored = &run.stack().stored;
    let key = Uuid::new_v4().to_string();
    let first = create(&run, &account, &key, Format::Png).await?;
    let again = create(&run, &account, &key, Format::Png).await?;
    ensure!(first == again, "{first}, then {again}");
    let one = Amount {
        objects: 1,
        rows: 1,
        keys: 1,
    };
    stored.holds(&account.id, one).await?;

    // Another picture under the same key is an error. Other users may use the same key.
    let args = json!({"title": "again", "base64": Format::Gif.tiny().base64()});
    let call = run.call("pictures-create", args)?.by(&account).key(&key);
    call.send()
        .await?
        .refused(ErrorCode::Aborted)?
        .saying("key")?;
    stored.holds(&account.id, one).await?;
    let others = create(&run, &other, &key, Format::Gif).await?;
    ensure!(others != first, "two users share a picture");

    let key = Uuid::new_v4().to_string();
    let at_once = (0..3).map(|_| create(&run, &account, &key, Format::Webp));
    let mut ids = try_join_all(at_once).await?;
    ids.dedup();
    ensure!(ids.len() == 1, "at once: {ids:?}");
    stored
        .holds(
            &account.id,
            Amount {
                objects: 2,
                rows: 2,
                keys: 2,
            },
        )
        .await
}

async fn users(run: Scenario) -> Result<()> {
    for function in ["auth-signup", "users-create"] {
        let (name, key) = (unused_name(), Uuid::new_v4().to_string());
        let mut ids = Vec::new();
        for _ in 0..2 {
            let args = json!({"username": name, "password": PASSWORD});
            let created = run.call(function, args)?.key(&key).send().await?.ok()?;
            let id = match created["access_token"].as_str() {
                Some(token) => token::subject(token)?,
                None => text(&created, "id")?.to_owned(),
            };
            run.adopt(&id);
            ids.push(id);
        }
        ensure!(ids[0] == ids[1], "{function}: two users, {ids:?}");
        // A key must not give access to another user's account.
        let args = json!({"username": name, "password": "another password"});
        let stranger = run.call(function, args)?.key(&key).send().await?;
        stranger.refused(ErrorCode::AlreadyExists)?;
    }
    Ok(())
}

/// A picture of the account.
async fn picture(run: &Scenario, account: &Account) -> Result<String> {
    create(run, account, &Uuid::new_v4().to_string(), Format::Png).await
}

async fn renamings(run: Scenario) -> Result<()> {
    let account = run.account().await?;
    let id = picture(&run, &account).await?;
    let rename = async |title: &str, key: &str| {
        let args = json!({"picture_id": id, "title": title});
        let call = run.call("pictures-update", args)?.by(&account).key(key);
        call.send().await
    };
    // Each environment of a function signs links with its own credentials.
    let outcome = |reply: Reply| -> Result<Value> {
        let mut renamed = reply.ok()?;
        ensure!(renamed["links"].take().is_object(), "no links: {renamed}");
        Ok(renamed)
    };
    let [first, second] = [(); 2].map(|()| Uuid::new_v4().to_string());
    let renamed = outcome(rename("first", &first).await?)?;
    ensure!(renamed["title"] == "first", "{renamed}");
    rename("second", &second).await?.ok()?;
    // The repeated call has its outcome, but doesn't undo the later one.
    let again = outcome(rename("first", &first).await?)?;
    ensure!(again == renamed, "{renamed}, then {again}");
    let args = json!({"picture_id": id});
    let got = run.call("pictures-get", args)?.by(&account).send().await?;
    ensure!(got.ok()?["title"] == "second", "the renaming was repeated");
    // Nor does it fail once the picture is gone.
    let args = json!({"picture_id": id});
    let deleted = run.call("pictures-delete", args)?.by(&account).send();
    deleted.await?.ok()?;
    let again = outcome(rename("first", &first).await?)?;
    ensure!(again == renamed, "{renamed}, then {again}");

    rename("third", &first)
        .await?
        .refused(ErrorCode::Aborted)?
        .saying("key")?;
    let missing = rename("third", &Uuid::new_v4().to_string()).await?;
    missing.refused(ErrorCode::NotFound)?;
    Ok(())
}

async fn deletions(run: Scenario) -> Result<()> {
    let account = run.account().await?;
    let id = picture(&run, &account).await?;
    let delete = async |id: &str, key: &str| {
        let args = json!({"picture_id": id});
        let call = run.call("pictures-delete", args)?.by(&account).key(key);
        call.send().await
    };
    let key = Uuid::new_v4().to_string();
    for time in ["first", "second"] {
        let deleted = delete(&id, &key).await?;
        ensure!(deleted.status == 204, "{time}: {}", deleted.status);
    }
    // Another call finds nothing, whenever it is repeated.
    let late = Uuid::new_v4().to_string();
    for _ in 0..2 {
        delete(&id, &late).await?.refused(ErrorCode::NotFound)?;
    }
    let other = picture(&run, &account).await?;
    delete(&other, &key)
        .await?
        .refused(ErrorCode::Aborted)?
        .saying("key")?;

    let key = Uuid::new_v4().to_string();
    let at_once = (0..3).map(|_| delete(&other, &key));
    for deleted in try_join_all(at_once).await? {
        ensure!(deleted.status == 204, "at once: {}", deleted.status);
    }
    Ok(())
}
