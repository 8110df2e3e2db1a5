//! Keeps the newest traces in a folder of files, and prints them. `cargo xtask up --observe`
//! and `cargo xtask trace` run it.

use std::{
    ffi::OsStr,
    io::{Write as _, stdout},
    net::SocketAddr,
    path::Path,
    process::ExitCode,
    sync::{Mutex, PoisonError},
    time::SystemTime,
};

use tokio::signal::unix::{SignalKind, signal};
use trichrome_startup::{EX_USAGE, error_chain};
use trichrome_traces::{Receiver, Store, Trace, find, last, list, newest, render};

type Error = Box<dyn std::error::Error>;

const USAGE: &str = "usage: trace-store serve FOLDER ADDRESS (such as 127.0.0.1:4318)
       trace-store list FOLDER
       trace-store last FOLDER
       trace-store show FOLDER ID";

/// Number of traces kept, at about 10 KB each.
const CAPACITY: usize = 2000;

/// Number of traces listed.
const LISTED: usize = 20;

fn main() -> ExitCode {
    let arguments: Vec<_> = std::env::args_os().skip(1).collect();
    let arguments: Vec<&OsStr> = arguments.iter().map(AsRef::as_ref).collect();
    let [command, folder, rest @ ..] = arguments.as_slice() else {
        return usage();
    };
    let folder = Path::new(folder);
    let outcome = match (command.to_str(), rest) {
        (Some("serve"), [address]) => match address.to_str().and_then(|text| text.parse().ok()) {
            Some(address) => serve(folder, address),
            None => return usage(),
        },
        (Some("list"), []) => some(folder).map(|traces| print(&list(&traces, SystemTime::now()))),
        (Some("last"), []) => some(folder).map(|traces| {
            print(&last(&traces).map(render).unwrap_or_default());
        }),
        (Some("show"), [id]) => find(folder, &id.to_string_lossy())
            .map(|trace| print(&render(&trace)))
            .map_err(Into::into),
        _ => return usage(),
    };
    match outcome {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("{}", error_chain(error.as_ref()));
            ExitCode::FAILURE
        }
    }
}

fn usage() -> ExitCode {
    eprintln!("{USAGE}");
    ExitCode::from(EX_USAGE)
}

/// Prints a text. A reader such as `head` may close its end early.
fn print(text: &str) {
    let _ = stdout().write_all(text.as_bytes());
}

/// The newest traces, if there are any.
fn some(folder: &Path) -> Result<Vec<Trace>, Error> {
    let traces = newest(folder, LISTED);
    if traces.is_empty() {
        return Err("no traces yet: start `cargo xtask up --observe` and make a call".into());
    }
    Ok(traces)
}

/// Receives spans until SIGINT or SIGTERM.
fn serve(folder: &Path, address: SocketAddr) -> Result<(), Error> {
    let store = Mutex::new(Store::open(folder.to_owned(), CAPACITY)?);
    let receiver = Receiver::start(address, move |request| {
        let mut store = store.lock().unwrap_or_else(PoisonError::into_inner);
        if let Err(error) = store.put(request) {
            eprintln!("cannot store spans: {error}");
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
