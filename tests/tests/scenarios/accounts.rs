//! Signing up, logging in, looking up users, and deleting accounts.

use std::time::Duration;

use anyhow::{Context as _, Result, ensure};
use serde_json::{Value, json};
use trichrome_proto::error::ErrorCode;
use trichrome_tests::{
    account::{Account, PASSWORD, unused_name},
    harness::Suite,
    images::Format,
    reply::text,
    scenario::Scenario,
    stored::Amount,
    token,
    wait::eventually,
};
use uuid::Uuid;

use crate::pictures::upload;

pub(crate) fn add(suite: &mut Suite) {
    suite.each("accounts::tokens_have_the_expected_claims", tokens);
    suite.each("accounts::a_user_is_found_by_id_and_name", lookups);
    suite.each("accounts::a_password_is_checked", passwords);
    suite.each("accounts::names_are_unique", taken);
    suite.each("accounts::names_can_be_in_any_script", names);
    suite.each("accounts::names_that_look_the_same_are_one", twins);
    suite.each("accounts::invisible_names_are_refused", invisible_names);
    suite.each(
        "accounts::passwords_match_however_composed",
        composed_passwords,
    );
    suite.each("accounts::a_deleted_user_is_gone", deleted);
    suite.each("accounts::a_deleted_users_name_can_be_reused", reused);
}

async fn tokens(run: Scenario) -> Result<()> {
    let account = Account::sign_up(&run, run.transport()).await?;
    let id: Uuid = account.id.parse()?;
    ensure!(
        id.get_version_num() == 4,
        "{id} reveals when the user signed up"
    );
    let header = token::header(&account.token)?;
    ensure!(
        header["alg"] == "EdDSA" && header["typ"] == "at+jwt",
        "the header is {header}"
    );
    ensure!(
        header["kid"].as_str().is_some_and(|kid| !kid.is_empty()),
        "no kid: {header}"
    );
    let claims = token::payload(&account.token)?;
    let description = &run.stack().description;
    ensure!(
        claims["iss"] == description.issuer.as_str(),
        "the claims are {claims}"
    );
    ensure!(
        claims["aud"] == description.audience.as_str(),
        "the claims are {claims}"
    );
    ensure!(claims["iat"].is_u64(), "the claims are {claims}");
    let left = token::time_left(&account.token)?.as_secs();
    ensure!(
        (1..=24 * 3600).contains(&left),
        "the token expires in {left} s"
    );

    let args = json!({"access_token": account.token});
    let validated = run.call("auth-validate", args)?.send().await?.ok()?;
    ensure!(
        validated == json!({"user_id": account.id}),
        "validated as {validated}"
    );
    for named in [
        json!({"method": "GetUserPictures"}),
        json!({"method": "getPictures"}),
        json!({"path": "/pictures"}),
    ] {
        let mut args = named.clone();
        args["access_token"] = json!(account.token);
        let validated = run.call("auth-validate", args)?.send().await?.ok()?;
        ensure!(
            validated["user_id"] == account.id.as_str(),
            "{named}: {validated}"
        );
        let without = run.call("auth-validate", named)?.send().await?;
        without.refused(ErrorCode::Unauthenticated)?;
    }
    for method in ["Login", "login"] {
        let named = run.call("auth-validate", json!({"method": method}))?;
        let public = named.send().await?.ok()?;
        ensure!(
            public["user_id"] == "",
            "{method} without a token: {public}"
        );
    }
    Ok(())
}

async fn lookups(run: Scenario) -> Result<()> {
    let (account, other) = (run.account().await?, run.account().await?);
    let expected = json!({"id": account.id, "username": account.username});
    for (function, args) in [
        ("users-get", json!({"user_id": account.id})),
        ("users-get", json!({"user_id": account.id.to_uppercase()})),
        (
            "users-get-by-username",
            json!({"username": account.username}),
        ),
    ] {
        let user = run.call(function, args)?.by(&other).send().await?.ok()?;
        ensure!(user == expected, "{function}: {user}");
    }
    for (function, args) in [
        ("users-get", json!({"user_id": Uuid::new_v4().to_string()})),
        ("users-get-by-username", json!({"username": unused_name()})),
        // Names are case-sensitive.
        (
            "users-get-by-username",
            json!({"username": account.username.to_uppercase()}),
        ),
    ] {
        let unknown = run.call(function, args)?.by(&other).send().await?;
        unknown.refused(ErrorCode::NotFound)?;
    }
    Ok(())
}

async fn passwords(run: Scenario) -> Result<()> {
    let account = run.account().await?;
    let check = |function: &'static str, username: &str, password: &str| {
        run.call(
            function,
            json!({"username": username, "password": password}),
        )
    };
    let validated = check("users-validate-password", &account.username, PASSWORD)?;
    validated.send().await?.ok()?;
    let mut messages = Vec::new();
    for function in ["auth-login", "users-validate-password"] {
        for (name, password) in [
            (account.username.clone(), "not the password"),
            (account.username.clone(), "Correct horse battery staple"),
            (unused_name(), PASSWORD),
        ] {
            let wrong = check(function, &name, password)?.send().await?;
            let wrong = wrong.refused(ErrorCode::Unauthenticated)?;
            messages.push(wrong.message().to_owned());
        }
    }
    messages.dedup();
    ensure!(
        messages.len() == 1,
        "the messages reveal whether a name exists: {messages:?}"
    );
    Ok(())
}

async fn taken(run: Scenario) -> Result<()> {
    let account = run.account().await?;
    for function in ["auth-signup", "users-create"] {
        for password in [PASSWORD, "another password"] {
            let args = json!({"username": account.username, "password": password});
            let taken = run.call(function, args)?.send().await?;
            taken.refused(ErrorCode::AlreadyExists)?.saying("taken")?;
        }
    }
    // The owner's account is untouched.
    let args = json!({"username": account.username, "password": PASSWORD});
    let login = run.call("auth-login", args)?.send().await?.ok()?;
    ensure!(
        token::subject(text(&login, "access_token")?)? == account.id,
        "logged in to another account"
    );
    Ok(())
}

async fn names(run: Scenario) -> Result<()> {
    for name in [
        format!("Ada Lovelace {}", Uuid::new_v4()),
        format!("日本 &?=/% \" \\ {}", Uuid::new_v4()),
        format!("{:é<255}", Uuid::new_v4().to_string()),
    ] {
        let args = json!({"username": name, "password": PASSWORD});
        let created = run.call("users-create", args.clone())?.send().await?.ok()?;
        let id = text(&created, "id")?;
        run.adopt(id);
        ensure!(
            created["username"] == name.as_str(),
            "created as {}",
            created["username"]
        );
        let login = run.call("auth-login", args)?.send().await?.ok()?;
        let token = text(&login, "access_token")?;
        ensure!(token::subject(token)? == id, "logged in to another account");
        let found = run.call("users-get-by-username", json!({"username": name}))?;
        let found = found.token(token).send().await?.ok()?;
        ensure!(found["id"] == id, "{name:?} found as {found}");
    }
    Ok(())
}

async fn twins(run: Scenario) -> Result<()> {
    let id = Uuid::new_v4();
    let (composed, decomposed) = (format!("Zoë {id}"), format!("Zoe\u{308} {id}"));
    let args = |username: &str| json!({"username": username, "password": PASSWORD});
    let created = run.call("users-create", args(&decomposed))?;
    let created = created.send().await?.ok()?;
    let user_id = text(&created, "id")?;
    run.adopt(user_id);
    ensure!(created["username"] == composed.as_str(), "{created}");
    for name in [&composed, &decomposed] {
        let taken = run.call("auth-signup", args(name))?.send().await?;
        taken.refused(ErrorCode::AlreadyExists)?;
        let login = run.call("auth-login", args(name))?.send().await?.ok()?;
        let token = text(&login, "access_token")?;
        ensure!(token::subject(token)? == user_id, "another account");
        let found = run.call("users-get-by-username", json!({"username": name}))?;
        let found = found.token(token).send().await?.ok()?;
        ensure!(found == created, "{name:?} found as {found}");
    }
    Ok(())
}

async fn invisible_names(run: Scenario) -> Result<()> {
    for name in [
        "\u{200b}",
        "\u{2800}",
        "\u{3164}",
        "\u{feff}",
        "\u{ad}",
        "ada\u{202e}",
        "\u{2067}ada",
    ] {
        for function in ["auth-signup", "users-create"] {
            let args = json!({"username": name, "password": PASSWORD});
            let refused = run.call(function, args)?.send().await?;
            let refused = refused.refused(ErrorCode::InvalidArgument);
            refused.with_context(|| format!("{name:?}"))?;
        }
    }
    Ok(())
}

async fn composed_passwords(run: Scenario) -> Result<()> {
    let (composed, decomposed) = ("crème brûlée", "cre\u{300}me bru\u{302}le\u{301}e");
    for (set, typed) in [(composed, decomposed), (decomposed, composed)] {
        let args = |password: &str, name: &str| json!({"username": name, "password": password});
        let name = unused_name();
        let created = run.call("users-create", args(set, &name))?.send().await?;
        run.adopt(text(&created.ok()?, "id")?);
        for function in ["auth-login", "users-validate-password"] {
            run.call(function, args(typed, &name))?.send().await?.ok()?;
            let wrong = run.call(function, args("creme brulee", &name))?;
            wrong.send().await?.refused(ErrorCode::Unauthenticated)?;
        }
    }
    Ok(())
}

async fn deleted(run: Scenario) -> Result<()> {
    let (account, other) = (run.account().await?, run.account().await?);
    let kept = upload(&run, &other, &Format::Gif.tiny(), "another's").await?;
    let mut ids = Vec::new();
    for format in [Format::Png, Format::Webp] {
        let created = upload(&run, &account, &format.tiny(), "mine").await?;
        ids.push(text(&created, "id")?.to_owned());
    }
    let whom = json!({"user_id": account.id});
    let key = Uuid::new_v4().to_string();
    run.call("users-delete", whom.clone())?
        .by(&account)
        .key(&key)
        .send()
        .await?
        .ok()?;

    let stored = &run.stack().stored;
    let amount = stored.amount(&account.id).await?;
    ensure!(
        Amount { keys: 0, ..amount } == Amount::NOTHING,
        "left behind: {amount:?}"
    );
    ensure!(
        !stored.has_user(&account.id).await?,
        "the user's row is still there"
    );

    // The token is still valid, but its user no longer exists. A function that knew the user
    // notices within a minute.
    let png = Format::Png.tiny().base64();
    let refused = [
        ("pictures-create", json!({"title": "late", "base64": png})),
        ("auth-validate", json!({"access_token": account.token})),
        ("pictures-get", json!({"picture_id": ids[0]})),
        ("pictures-list", json!({})),
        ("pictures-delete", json!({"picture_id": ids[1]})),
        ("users-get", whom.clone()),
        ("analytics-get", json!({})),
        ("users-delete", whom.clone()),
    ];
    eventually(Duration::from_secs(60), async || {
        for (function, args) in &refused {
            let call = run.call(function, args.clone())?.by(&account);
            call.send().await?.refused(ErrorCode::Unauthenticated)?;
        }
        Ok(())
    })
    .await?;
    // A second delivery of the command must not fail.
    run.call("users-delete", whom)?
        .by(&account)
        .key(&key)
        .send()
        .await?
        .ok()?;
    let login = json!({"username": account.username, "password": PASSWORD});
    run.call("auth-login", login)?
        .send()
        .await?
        .refused(ErrorCode::Unauthenticated)?;
    stored
        .holds(
            &account.id,
            Amount {
                keys: amount.keys,
                ..Amount::NOTHING
            },
        )
        .await
        .context("after the late calls")?;

    let one = json!({"picture_id": kept["id"]});
    run.call("pictures-get", one)?
        .by(&other)
        .send()
        .await?
        .ok()?;
    Ok(())
}

async fn reused(run: Scenario) -> Result<()> {
    let first = run.account().await?;
    upload(&run, &first, &Format::Png.tiny(), "the first owner's").await?;
    let whom = json!({"user_id": first.id});
    run.call("users-delete", whom)?
        .by(&first)
        .send()
        .await?
        .ok()?;

    let args = json!({"username": first.username, "password": PASSWORD});
    let second = run.call("auth-signup", args)?.send().await?.ok()?;
    let token = text(&second, "access_token")?;
    let id = token::subject(token)?;
    run.adopt(&id);
    ensure!(
        id != first.id,
        "the new user of a name got the old user's id"
    );
    let listed: Value = run
        .call("pictures-list", json!({}))?
        .token(token)
        .send()
        .await?
        .ok()?;
    ensure!(
        listed["pictures"] == json!([]),
        "the new user sees {listed}"
    );
    let old = json!({"access_token": first.token});
    run.call("auth-validate", old)?
        .send()
        .await?
        .refused(ErrorCode::Unauthenticated)?;
    Ok(())
}
