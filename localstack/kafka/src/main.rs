//! `local-kafka <host:port> <directory>` runs the broker.

use std::{env, net::SocketAddr, path::Path, process::ExitCode};

use tokio::{
    net::TcpListener,
    signal::unix::{SignalKind, signal},
};
use trichrome_startup::{EX_USAGE, error_chain};

#[tokio::main]
async fn main() -> ExitCode {
    let mut arguments = env::args_os().skip(1);
    let (Some(address), Some(directory), None) =
        (arguments.next(), arguments.next(), arguments.next())
    else {
        eprintln!("usage: local-kafka <host:port> <directory>");
        return ExitCode::from(EX_USAGE);
    };
    match serve(&address.to_string_lossy(), Path::new(&directory)).await {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("local-kafka: {}", error_chain(error.as_ref()));
            ExitCode::FAILURE
        }
    }
}

/// Serves until SIGINT or SIGTERM. Acknowledged records are in their files, so nothing has to
/// be flushed.
async fn serve(address: &str, directory: &Path) -> anyhow::Result<()> {
    let address: SocketAddr = address.parse()?;
    let mut interrupt = signal(SignalKind::interrupt())?;
    let mut terminate = signal(SignalKind::terminate())?;
    let listener = TcpListener::bind(address).await?;
    eprintln!("serving Kafka on {address} from {}", directory.display());
    tokio::select! {
        ended = local_kafka::serve(listener, directory) => Ok(ended?),
        _ = interrupt.recv() => Ok(()),
        _ = terminate.recv() => Ok(()),
    }
}
