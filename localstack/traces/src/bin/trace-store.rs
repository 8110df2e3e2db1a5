//! `trace-store <address> <folder>`: takes spans over OTLP/HTTP and keeps the newest traces
//! in files, until it is asked to stop. `cargo xtask up --observe` runs it.

use std::{
    net::SocketAddr,
    path::PathBuf,
    process::ExitCode,
    sync::{Mutex, PoisonError},
};

use tokio::signal::unix::{SignalKind, signal};
use trichrome_otlp::{Receiver, Store};
use trichrome_startup::{EX_USAGE, error_chain};

/// Traces kept; each has some ten KB.
const MOST: usize = 2000;

fn main() -> ExitCode {
    let mut arguments = std::env::args_os().skip(1);
    let (Some(address), Some(folder)) = (arguments.next(), arguments.next()) else {
        eprintln!("usage: trace-store <address> <folder>");
        return ExitCode::from(EX_USAGE);
    };
    let Some(address) = address.to_str().and_then(|text| text.parse().ok()) else {
        eprintln!("trace-store: the address must be one such as 127.0.0.1:4318");
        return ExitCode::from(EX_USAGE);
    };
    match run(address, folder.into()) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("trace-store: {}", error_chain(error.as_ref()));
            ExitCode::FAILURE
        }
    }
}

fn run(address: SocketAddr, folder: PathBuf) -> Result<(), Box<dyn std::error::Error>> {
    let store = Mutex::new(Store::open(folder, MOST)?);
    let receiver = Receiver::start(address, move |request| {
        let mut store = store.lock().unwrap_or_else(PoisonError::into_inner);
        if let Err(error) = store.put(request) {
            eprintln!("spans were not kept: {error}");
        }
    })?;
    eprintln!("listening on {}", receiver.address());
    tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()?
        .block_on(async {
            let mut interrupted = signal(SignalKind::interrupt())?;
            let mut terminated = signal(SignalKind::terminate())?;
            tokio::select! {
                _ = interrupted.recv() => {}
                _ = terminated.recv() => {}
            }
            Ok(())
        })
}
