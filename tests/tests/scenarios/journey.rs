//! The whole workflow, from signing up to deleting the account.

use anyhow::{Result, ensure};
use serde_json::json;
use trichrome_proto::error::ErrorCode;
use trichrome_tests::{
    account::Account,
    harness::Suite,
    images::Format,
    reply::{list, text},
    scenario::Scenario,
    stored::Amount,
    token,
    wait::{SOON, eventually},
};

use crate::pictures::upload;

pub(crate) fn add(suite: &mut Suite) {
    suite.each("journey::from_signup_to_deletion", journey);
}

async fn journey(run: Scenario) -> Result<()> {
    let mut account = Account::sign_up(&run, run.transport()).await?;
    let credentials = json!({"username": account.username, "password": account.password});
    let login = run
        .call("auth-login", credentials.clone())?
        .send()
        .await?
        .ok()?;
    account.token = text(&login, "access_token")?.to_owned();
    let subject = token::subject(&account.token)?;
    ensure!(
        subject == account.id,
        "logged in as {subject}, signed up as {}",
        account.id
    );

    let picture = Format::Jpeg.photo();
    let created = upload(&run, &account, &picture, "a day out").await?;
    let id = text(&created, "id")?;

    let listed = run
        .call("pictures-list", json!({}))?
        .by(&account)
        .send()
        .await?
        .ok()?;
    let listed = list(&listed, "pictures")?;
    ensure!(
        listed.len() == 1 && listed[0]["id"] == id,
        "listed: {} pictures",
        listed.len()
    );
    ensure!(
        listed[0]["base64"] == picture.base64(),
        "the list has other bytes"
    );

    let one = json!({"picture_id": id});
    let got = run
        .call("pictures-get", one.clone())?
        .by(&account)
        .send()
        .await?
        .ok()?;
    ensure!(
        got["base64"] == picture.base64(),
        "other bytes were returned"
    );

    run.call("pictures-delete", one.clone())?
        .by(&account)
        .send()
        .await?
        .ok()?;
    let gone = run.call("pictures-get", one)?.by(&account).send().await?;
    gone.refused(ErrorCode::NotFound)?;
    let listed = run
        .call("pictures-list", json!({}))?
        .by(&account)
        .send()
        .await?
        .ok()?;
    ensure!(
        list(&listed, "pictures")?.is_empty(),
        "still listed: {listed}"
    );

    let created_call = json!({
        "transport": run.transport().logged_as(),
        "service": "pictures",
        "method": "CreateUserPicture",
        "status": 201,
        "limit": 500,
    });
    eventually(SOON, async || {
        let call = run
            .call("analytics-get", created_call.clone())?
            .by(&account);
        let logs = call.send().await?.ok()?;
        let logs = list(&logs, "logs")?;
        let mine = logs
            .iter()
            .filter(|log| log["user_id"] == account.id.as_str());
        ensure!(
            mine.count() == 1,
            "the upload is not among {} call logs",
            logs.len()
        );
        Ok(())
    })
    .await?;

    let whom = json!({"user_id": account.id});
    run.call("users-delete", whom)?
        .by(&account)
        .send()
        .await?
        .ok()?;
    let login = run.call("auth-login", credentials)?.send().await?;
    login.refused(ErrorCode::Unauthenticated)?;
    let stored = &run.stack().stored;
    ensure!(
        !stored.has_user(&account.id).await?,
        "the user's row is still there"
    );
    ensure!(
        !stored.has_name(&account.username).await?,
        "the name is still taken"
    );
    let amount = stored.amount(&account.id).await?;
    ensure!(
        Amount { keys: 0, ..amount } == Amount::NOTHING,
        "left behind: {amount:?}"
    );
    run.all_logged().await
}
