//! One Kafka-compatible broker for the local stack, where there is no Docker:
//! `local-kafka <host:port> <directory>`.
//!
//! Tansu as a library does the protocol and the consumer groups; the records, topics and
//! offsets are kept by this program (see [`log`] for why). One node, no replication, no
//! transactions: a tool for one developer's machine, not a broker to run anything on.

mod fetch;
mod log;
mod metadata;
mod offsets;
mod routes;
mod storage;
mod store;
mod topics;
mod versions;

use std::{env, error::Error, net::SocketAddr, path::Path, process::ExitCode};

use rama::{Context, Service as _};
use tansu_broker::{NODE_ID, coordinator::group::administrator::Controller};
use tokio::{
    net::{TcpListener, TcpStream},
    signal::unix::{SignalKind, signal},
};
use url::Url;

/// The only cluster this broker serves.
const CLUSTER: &str = "trichrome";

/// `EX_USAGE` of sysexits.h.
const USAGE: u8 = 64;

#[tokio::main]
async fn main() -> ExitCode {
    let mut arguments = env::args_os().skip(1);
    let (Some(address), Some(directory), None) =
        (arguments.next(), arguments.next(), arguments.next())
    else {
        eprintln!("usage: local-kafka <host:port> <directory>");
        return ExitCode::from(USAGE);
    };
    match serve(&address.to_string_lossy(), Path::new(&directory)).await {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("local-kafka: {error}");
            ExitCode::FAILURE
        }
    }
}

/// Serves until SIGINT or SIGTERM. Everything acknowledged is in its file by then, so there
/// is nothing to finish.
async fn serve(address: &str, directory: &Path) -> Result<(), Box<dyn Error>> {
    let address: SocketAddr = address.parse()?;
    let url = Url::parse(&format!("tcp://{address}"))?;
    let store = store::Store::open(directory, CLUSTER, NODE_ID, &url).await?;
    let groups = Controller::with_storage(store.clone())?;
    let mut interrupt = signal(SignalKind::interrupt())?;
    let mut terminate = signal(SignalKind::terminate())?;
    let listener = TcpListener::bind(address).await?;
    println!("serving Kafka on {address} from {}", directory.display());
    loop {
        let stream = tokio::select! {
            accepted = listener.accept() => accepted?.0,
            _ = interrupt.recv() => return Ok(()),
            _ = terminate.recv() => return Ok(()),
        };
        let connection = routes::connection(CLUSTER, &store, &groups)?;
        tokio::spawn(handle(connection, stream));
    }
}

/// One connection, until the client leaves, which Tansu reports as an error too.
async fn handle(connection: routes::Connection, stream: TcpStream) {
    if let Err(error) = stream.set_nodelay(true) {
        eprintln!("no-delay: {error}");
    }
    if let Err(error) = connection.serve(Context::default(), stream).await
        && !matches!(error, tansu_broker::Error::Io(_))
    {
        eprintln!("connection: {error:?}");
    }
}
