//! Repeating a create with the same key has no second effect.

use anyhow::{Result, ensure};
use futures::future::try_join_all;
use serde_json::json;
use trichrome_proto::error::ErrorCode;
use trichrome_tests::{
    account::{Account, PASSWORD, unused_name},
    harness::Suite,
    images::Format,
    reply::text,
    scenario::Scenario,
    stored::Amount,
    token,
};
use uuid::Uuid;

pub(crate) fn add(suite: &mut Suite) {
    suite.each("idempotency::one_key_one_picture", pictures);
    suite.each("idempotency::one_key_one_user", users);
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
