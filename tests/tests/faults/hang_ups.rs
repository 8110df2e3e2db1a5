//! Callers that hang up while they get an answer of megabytes.

use std::{cell::Cell, time::Duration};

use anyhow::{Context as _, Result, ensure};
use futures::future::{try_join, try_join3};
use serde_json::{Value, json};
use tokio::{
    io::{AsyncReadExt as _, AsyncWriteExt as _},
    net::TcpStream,
    time::timeout,
};
use trichrome_tests::{
    account::Account,
    control,
    harness::Suite,
    images::{Format, MAX_PICTURE, Picture},
    reply::text,
    scenario::Scenario,
    transport::Transport,
};

pub(crate) fn add(suite: &mut Suite) {
    suite.once("faults::callers_hang_up", hang_up);
}

/// How often a caller hangs up, over each transport.
const TIMES: u32 = 30;

/// How much of an answer an HTTP client reads before it hangs up, in bytes.
const READ: usize = 16 * 1024;

/// The longest time after which a gRPC client hangs up: about as long as the call takes.
const LONGEST: Duration = Duration::from_millis(300);

/// The time limit for the beginning of an answer.
const PATIENCE: Duration = Duration::from_secs(20);

async fn store(run: &Scenario, account: &Account, picture: &Picture) -> Result<String> {
    let args = json!({"title": "a picture", "base64": picture.base64()});
    let call = run.call_over(Transport::Rest, "pictures-create", args)?;
    let created = call.by(account).send().await?.ok()?;
    Ok(text(&created, "id")?.to_owned())
}

/// No function's process ends, and no other call fails: neither of the function that is answering,
/// nor of others.
async fn hang_up(run: Scenario) -> Result<()> {
    let account = run.account().await?;
    let large = store(&run, &account, &Format::Png.grown(MAX_PICTURE)).await?;
    let small = store(&run, &account, &Format::Png.tiny()).await?;
    let crashes = control::crashes(run.stack()).await?;
    let done = Cell::new(false);
    let dropped = async {
        try_join3(
            over_http(&run, Transport::Rest, &account, &large),
            over_http(&run, Transport::FacadeRest, &account, &large),
            over_grpc(&run, &account, &large),
        )
        .await?;
        done.set(true);
        Ok(())
    };
    let others = try_join(
        keep_calling(
            &run,
            &account,
            "pictures-get",
            json!({"picture_id": small}),
            &done,
        ),
        keep_calling(
            &run,
            &account,
            "users-get",
            json!({"user_id": account.id}),
            &done,
        ),
    );
    let ((), (same, other)) = try_join(dropped, others).await?;
    ensure!(same > 0 && other > 0, "{same} and {other} calls");
    // Every process has answered once more, the one that was left last too.
    for _ in 0..8 {
        let call = run.call_over(
            Transport::Rest,
            "pictures-get",
            json!({"picture_id": large}),
        )?;
        call.by(&account).send().await?.ok()?;
    }
    let ended = control::crashes(run.stack()).await? - crashes;
    ensure!(ended == 0, "{ended} processes have ended");
    Ok(())
}

/// Reads the beginning of the answer, and closes the connection.
async fn over_http(
    run: &Scenario,
    transport: Transport,
    account: &Account,
    picture: &str,
) -> Result<()> {
    let base = transport.base_url(run.stack()).context("a base URL")?;
    let address = base.strip_prefix("http://").context("an http URL")?;
    let (address, prefix) = address
        .split_once('/')
        .map_or((address, String::new()), |it| (it.0, format!("/{}", it.1)));
    let request = format!(
        "GET {prefix}/pictures/{picture} HTTP/1.1\r\nhost: localhost\r\n\
         authorization: Bearer {}\r\n\r\n",
        account.token
    );
    for time in 0..TIMES {
        let begin = async {
            let mut stream = TcpStream::connect(address).await?;
            stream.write_all(request.as_bytes()).await?;
            let mut beginning = vec![0; READ];
            stream.read_exact(&mut beginning).await?;
            Ok::<_, std::io::Error>(beginning)
        };
        let beginning = timeout(PATIENCE, begin)
            .await
            .with_context(|| format!("{transport}, {time}: no answer"))?
            .with_context(|| format!("{transport}, {time}"))?;
        ensure!(
            beginning.starts_with(b"HTTP/1.1 200 "),
            "{transport}, {time}: {}",
            String::from_utf8_lossy(&beginning[..200])
        );
    }
    Ok(())
}

/// Cancels the call, sooner or later.
async fn over_grpc(run: &Scenario, account: &Account, picture: &str) -> Result<()> {
    for time in 1..=TIMES {
        let args = json!({"picture_id": picture});
        let call = run.call_over(Transport::Grpc, "pictures-get", args)?;
        let call = call.by(account).send_once();
        if let Ok(reply) = timeout(LONGEST * time / TIMES, call).await {
            reply?.ok()?;
        }
        // Cancelled calls run to their end: more of them at a time would take the function's
        // processes from the other callers.
        let call = run.call_over(
            Transport::Grpc,
            "pictures-get",
            json!({"picture_id": picture}),
        )?;
        call.by(account).send().await?.ok()?;
    }
    Ok(())
}

/// Calls a function over REST and gRPC until `done`; how often.
async fn keep_calling(
    run: &Scenario,
    account: &Account,
    function: &str,
    args: Value,
    done: &Cell<bool>,
) -> Result<usize> {
    let mut calls = 0;
    while !done.get() {
        for transport in [Transport::Rest, Transport::FacadeRest, Transport::Grpc] {
            let call = run.call_over(transport, function, args.clone())?;
            let reply = call.by(account).send().await?;
            reply
                .ok()
                .with_context(|| format!("{function} over {transport}, call {calls}"))?;
            calls += 1;
        }
    }
    Ok(calls)
}
