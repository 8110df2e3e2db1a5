//! Strangers' transactions on the gateway's topics. A broker without transactions refuses their
//! producers at once.

use std::time::Duration;

use anyhow::{Context as _, Result, ensure};
use rdkafka::producer::{FutureProducer, FutureRecord, Producer as _};
use serde_json::json;
use trichrome_proto::wire::record::RESULTS;
use trichrome_tests::{
    account::Account,
    clients::kafka::{PARTITIONS, envelope},
    harness::Suite,
    scenario::Scenario,
    transport::Transport,
    wait::{SOON, eventually},
};
use uuid::Uuid;

pub(crate) fn add(suite: &mut Suite) {
    suite.once("faults::an_open_transaction_delays_no_answer", open);
    suite.once("faults::an_aborted_transaction_is_no_lag", aborted);
}

/// The timeout for ending a transaction.
const TIMEOUT: Duration = Duration::from_secs(20);

/// The records of a transaction: more than the alert on lag allows to wait.
const RECORDS: usize = 120;

async fn abort(producer: FutureProducer) -> Result<()> {
    let aborted = tokio::task::spawn_blocking(move || producer.abort_transaction(TIMEOUT));
    Ok(aborted.await??)
}

async fn open(run: Scenario) -> Result<()> {
    let account = run.account().await?;
    let Some(producer) = run.stack().kafka.transactions().await? else {
        eprintln!("the broker has no transactions, and says so at once");
        return Ok(());
    };
    producer.begin_transaction()?;
    for partition in 0..PARTITIONS {
        let record = FutureRecord::<(), str>::to(RESULTS)
            .payload("garbage")
            .partition(partition);
        let sent = producer.send(record, TIMEOUT).await;
        sent.map_err(|(error, _)| error)?;
    }
    let mut slowest = Duration::ZERO;
    let outcome = async {
        for _ in 0..5 {
            let begun = std::time::Instant::now();
            get(&run, &account).await?;
            slowest = slowest.max(begun.elapsed());
        }
        Ok::<_, anyhow::Error>(())
    }
    .await;
    abort(producer).await?;
    outcome.context("while a transaction is open on results")?;
    eprintln!("while a transaction is open, the slowest answer took {slowest:?}");
    Ok(())
}

async fn get(run: &Scenario, account: &Account) -> Result<()> {
    let args = json!({"user_id": account.id});
    let call = run.call_over(Transport::FacadeEvents, "users-get", args)?;
    call.by(account).send().await?.ok().map(drop)
}

/// The gateway's lag on the topic of users.
async fn lag(run: &Scenario) -> Result<u64> {
    let url = format!("{}/metrics", run.stack().description.admin_url);
    let page = run.stack().http.get(&url).await?;
    let page = String::from_utf8_lossy(&page.body).into_owned();
    let name = "trichrome_gateway_kafka_lag{consumer=\"commands\",topic=\"users\"} ";
    let line = page.lines().find_map(|line| line.strip_prefix(name));
    line.unwrap_or("0")
        .parse()
        .context("the gauge isn't a number")
}

async fn aborted(run: Scenario) -> Result<()> {
    let account = run.account().await?;
    let Some(producer) = run.stack().kafka.transactions().await? else {
        return Ok(());
    };
    producer.begin_transaction()?;
    let mut expected = Vec::new();
    let mut sent = Vec::new();
    for _ in 0..RECORDS {
        let event_id = Uuid::new_v4().to_string();
        expected.push(run.stack().kafka.expect(&event_id));
        let value = envelope(&event_id, &json!({"user_id": account.id}));
        let record = FutureRecord::to("users").key("getuser").payload(&value);
        sent.push(producer.send_result(record).map_err(|(error, _)| error)?);
    }
    for sent in sent {
        sent.await?.map_err(|(error, _)| error)?;
    }
    abort(producer).await?;
    eventually(SOON, async || {
        let lag = lag(&run).await?;
        ensure!(lag == 0, "the lag is {lag}");
        Ok(())
    })
    .await?;
    for expected in &mut expected {
        let answer = expected.another(Duration::ZERO).await;
        ensure!(answer.is_none(), "an aborted command was run: {answer:?}");
    }
    get(&run, &account).await
}
