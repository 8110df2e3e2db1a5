//! `local-api <host:port> <url>` serves the REST API and the Invoke API; `url` is where
//! `cargo lambda watch` listens.

use std::{env, net::SocketAddr, process::ExitCode};

use tokio::{
    net::TcpListener,
    signal::unix::{SignalKind, signal},
};
use tokio_util::sync::CancellationToken;
use trichrome_startup::{EX_USAGE, error_chain};
use url::Url;

#[tokio::main]
async fn main() -> ExitCode {
    let arguments: Vec<_> = env::args().skip(1).collect();
    let parsed = match arguments.as_slice() {
        [address, lambda] => address.parse().ok().zip(lambda.parse().ok()),
        _ => None,
    };
    let Some((address, lambda)) = parsed else {
        eprintln!("usage: local-api <host:port> <url>");
        return ExitCode::from(EX_USAGE);
    };
    match serve(address, &lambda).await {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("local-api: {}", error_chain(&error));
            ExitCode::FAILURE
        }
    }
}

/// Serves until SIGINT or SIGTERM.
async fn serve(address: SocketAddr, lambda: &Url) -> std::io::Result<()> {
    let mut interrupt = signal(SignalKind::interrupt())?;
    let mut terminate = signal(SignalKind::terminate())?;
    let listener = TcpListener::bind(address).await?;
    eprintln!("serving the REST API and the Invoke API on {address}, functions from {lambda}");
    let stop = CancellationToken::new();
    let serving = local_api::serve(listener, lambda, stop.clone());
    tokio::pin!(serving);
    tokio::select! {
        () = &mut serving => return Ok(()),
        _ = interrupt.recv() => {}
        _ = terminate.recv() => {}
    }
    stop.cancel();
    serving.await;
    Ok(())
}
