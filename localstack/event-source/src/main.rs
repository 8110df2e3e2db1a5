//! `event-source <queue url>=<function>[,<batch size>] …` invokes functions with the messages of
//! queues.

use std::{env, process::ExitCode};

use event_source::{Mapping, Services, serve};
use tokio::{
    signal::unix::{SignalKind, signal},
    sync::watch,
};
use trichrome_startup::{EX_USAGE, Variables, error_chain};

#[tokio::main(flavor = "current_thread")]
async fn main() -> ExitCode {
    let mappings: Result<Vec<Mapping>, _> = env::args().skip(1).map(|text| text.parse()).collect();
    let mappings = match mappings {
        Ok(mappings) if !mappings.is_empty() => mappings,
        Ok(_) => {
            eprintln!("usage: event-source <queue url>=<function>[,<batch size>] …");
            return ExitCode::from(EX_USAGE);
        }
        Err(error) => {
            eprintln!("event-source: {error}");
            return ExitCode::from(EX_USAGE);
        }
    };
    let services = match Services::from_variables(Variables::from_process()) {
        Ok(services) => services,
        Err(error) => {
            eprintln!("event-source: {error}");
            return error.exit_code();
        }
    };
    match run(&services, mappings).await {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("event-source: {}", error_chain(error.as_ref()));
            ExitCode::FAILURE
        }
    }
}

/// Serves until SIGINT or SIGTERM.
async fn run(services: &Services, mappings: Vec<Mapping>) -> anyhow::Result<()> {
    let mut interrupt = signal(SignalKind::interrupt())?;
    let mut terminate = signal(SignalKind::terminate())?;
    let (stop, stopped) = watch::channel(false);
    let signals = async {
        tokio::select! {
            _ = interrupt.recv() => {}
            _ = terminate.recv() => {}
        }
        stop.send_replace(true);
    };
    tokio::join!(signals, serve(services, mappings, stopped));
    Ok(())
}
