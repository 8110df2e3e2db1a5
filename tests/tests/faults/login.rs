//! Gateways whose login Kafka refuses, whose login changes, and that log in by tokens.

use std::{cell::Cell, fs, time::Duration};

use anyhow::{Context as _, Result, ensure};
use futures::future::{try_join, try_join_all};
use trichrome_tests::{
    clients::broker::User, gateway::Replica, harness::Suite, scenario::Scenario,
    stack::Description, token_endpoint::TokenEndpoint, wait::eventually,
};

use crate::outage::all_serve;

pub(crate) fn add(suite: &mut Suite) {
    let has_logins = Description::read().is_ok_and(|stack| stack.kafka_access.is_some());
    suite.given(has_logins, "the broker has no logins", |suite| {
        suite.once("faults::kafka_refuses_the_gateways_login", refused);
        suite.once("faults::the_gateways_login_changes_under_load", changed);
        suite.once("faults::the_gateways_tokens_are_renewed", tokens);
    });
}

/// The variables with the name, with the path of its file, and with the path of the password.
const USERNAME: &str = "KAFKA_USERNAME";
const USERNAME_FILE: &str = "KAFKA_USERNAME_FILE";
const PASSWORD_FILE: &str = "KAFKA_PASSWORD_FILE";

/// What the log says of a refusal.
const REFUSED: &str = "kafka refuses the login";

/// What the log says once no client uses the login from before.
const REPLACED: &str = "all clients use the login that has changed";

/// The user of the gateway, to whom the ACLs give what it needs.
const GATEWAY: &str = "gateway";

/// The lifetime of a token. The gateway renews it after 70 %.
const LIFETIME: Duration = Duration::from_secs(8);

/// The number of renewals that are waited for.
const RENEWALS: u32 = 3;

/// The number of calls that are made at a time while the login changes.
const CALLERS: usize = 8;

/// The gateway reads the file every five seconds, and its clients connect every two. The rest is
/// for a busy machine.
const NOTICED: Duration = Duration::from_secs(60);

/// How long the clients go on trying with the wrong password, each several times.
const TRIES: Duration = Duration::from_secs(8);

async fn refused(run: Scenario) -> Result<()> {
    let stack = run.stack();
    let right = stack.description.gateway_environment.get(PASSWORD_FILE);
    let right = fs::read_to_string(right.context("the gateway has no password file")?)?;
    let file = stack.description.state.join("wrong.password");
    fs::write(&file, "wrong")?;
    let path = file.display().to_string();
    let replica = Replica::launch(stack, "refused-gateway", &[(PASSWORD_FILE, &path)])?;
    eventually(NOTICED, async || {
        let (status, report) = replica.readiness(stack).await?;
        ensure!(status == 503, "/readyz: {status} {report}");
        ensure!(
            report.contains(REFUSED) && report.contains("KAFKA_PASSWORD_FILE"),
            "/readyz names no refused login: {report}"
        );
        Ok(())
    })
    .await?;
    tokio::time::sleep(TRIES).await;
    let log = fs::read_to_string(replica.log())?;
    let lines: Vec<_> = log.lines().filter(|line| line.contains(REFUSED)).collect();
    ensure!(
        lines.len() == 1,
        "the log says so {} times: {lines:#?}",
        lines.len()
    );
    ensure!(!log.contains(&right), "the log has the password");

    fs::write(&file, right)?;
    replica.is_ready(stack).await?;
    let log = fs::read_to_string(replica.log())?;
    ensure!(log.contains("kafka accepts the connection"), "{log}");
    replica.stop().await?;
    all_serve(&run).await
}

/// Another user with another password: for the gateway it is the same as a password that changed.
async fn changed(run: Scenario) -> Result<()> {
    let stack = run.stack();
    let access = stack.description.kafka_access.as_ref();
    let access = access.context("no logins")?;
    let before = stack.description.gateway_environment.get(USERNAME);
    let password = stack.description.gateway_environment.get(PASSWORD_FILE);
    let [username_file, password_file] =
        ["username", "password"].map(|it| stack.description.state.join(format!("changing.{it}")));
    fs::write(&username_file, before.context("the gateway has no name")?)?;
    fs::copy(
        password.context("the gateway has no password file")?,
        &password_file,
    )?;
    let paths = [&username_file, &password_file].map(|it| it.display().to_string());
    let variables = [
        // A name and a file with one exclude each other. A blank one is unset.
        (USERNAME, ""),
        (USERNAME_FILE, &paths[0]),
        (PASSWORD_FILE, &paths[1]),
    ];
    let replica = Replica::launch(stack, "changing-gateway", &variables)?;
    replica.is_ready(stack).await?;

    under_load(&run, &replica, async |answered| {
        fs::write(&password_file, access.password(User::Admin)?)?;
        fs::write(&username_file, User::Admin.name())?;
        eventually(NOTICED, async || {
            let log = fs::read_to_string(replica.log())?;
            ensure!(
                log.contains(REPLACED),
                "the login hasn't changed yet: {log}"
            );
            Ok(())
        })
        .await?;
        let with_new_clients = answered.get() + 10 * CALLERS;
        eventually(NOTICED, async || {
            ensure!(
                answered.get() >= with_new_clients,
                "{} answers",
                answered.get()
            );
            Ok(())
        })
        .await
    })
    .await?;
    replica.is_ready(stack).await?;
    replica.stop().await?;
    all_serve(&run).await
}

/// Tokens that end after some seconds, at a broker that closes the connections of clients that don't
/// log in again.
async fn tokens(run: Scenario) -> Result<()> {
    let stack = run.stack();
    let endpoint = TokenEndpoint::start(GATEWAY, LIFETIME).await?;
    let variables = [
        ("KAFKA_SASL_MECHANISM", "OAUTHBEARER"),
        ("KAFKA_OAUTH_TOKEN_URL", endpoint.url()),
    ];
    let replica = Replica::launch(stack, "token-gateway", &variables)?;
    replica.is_ready(stack).await?;
    under_load(&run, &replica, async |answered| {
        let first = answered.get();
        eventually(RENEWALS * LIFETIME + NOTICED, async || {
            let (issued, answers) = (endpoint.issued(), answered.get() - first);
            ensure!(
                issued > RENEWALS as usize && answers > 0,
                "{issued} tokens were issued, and {answers} calls answered"
            );
            Ok(())
        })
        .await
    })
    .await?;
    // Clients that have nothing to do log in again, too.
    let issued = endpoint.issued();
    eventually(RENEWALS * LIFETIME + NOTICED, async || {
        ensure!(endpoint.issued() > issued + 1);
        Ok(())
    })
    .await?;
    replica.is_ready(stack).await?;
    under_load(&run, &replica, async |answered| {
        eventually(NOTICED, async || {
            ensure!(answered.get() >= CALLERS, "{} answers", answered.get());
            Ok(())
        })
        .await
    })
    .await?;
    replica.stop().await?;
    all_serve(&run).await
}

/// Calls a gateway over Kafka all the time that `change` takes, and checks that each call is answered.
/// `change` is given the number of answers.
async fn under_load(
    run: &Scenario,
    replica: &Replica,
    change: impl AsyncFnOnce(&Cell<usize>) -> Result<()>,
) -> Result<()> {
    let (done, answered) = (Cell::new(false), Cell::new(0));
    let account = run.account().await?;
    let url = format!("{}/events/users/{}", replica.http_url(), account.id);
    let token = format!("Bearer {}", account.token);
    let calls = try_join_all((0..CALLERS).map(|_| async {
        while !done.get() {
            let headers = [("authorization", token.as_str())];
            let answer = run.stack().http.send("GET", &url, &headers, "").await?;
            ensure!(
                answer.status == 200,
                "{}: {}",
                answer.status,
                answer.start()
            );
            answered.set(answered.get() + 1);
        }
        Ok(())
    }));
    let changing = async {
        let outcome = change(&answered).await;
        done.set(true);
        outcome
    };
    try_join(calls, changing).await?;
    Ok(())
}
