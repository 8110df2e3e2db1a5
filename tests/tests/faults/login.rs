//! A gateway whose login Kafka refuses.

use std::{fs, time::Duration};

use anyhow::{Context as _, Result, ensure};
use trichrome_tests::{
    gateway::Replica, harness::Suite, scenario::Scenario, stack::Description, wait::eventually,
};

use crate::outage::all_serve;

pub(crate) fn add(suite: &mut Suite) {
    let has_logins = Description::read().is_ok_and(|stack| stack.kafka_access.is_some());
    suite.given(has_logins, "the broker has no logins", |suite| {
        suite.once("faults::kafka_refuses_the_gateways_login", refused);
    });
}

/// The variable with the path of the password.
const PASSWORD_FILE: &str = "KAFKA_PASSWORD_FILE";

/// What the log says of a refusal.
const REFUSED: &str = "kafka refuses the login";

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
