//! The gateway's process: configuration, log, exit status.

use std::{process::ExitCode, time::Duration};

use tracing_subscriber::EnvFilter;
use trichrome_gateway::{app, call::error_chain, config::Config};

/// The exit status of a wrong configuration (`EX_USAGE` of sysexits.h).
const BAD_CONFIGURATION: u8 = 64;

fn main() -> ExitCode {
    tracing_subscriber::fmt()
        .json()
        .flatten_event(true)
        .with_env_filter(
            EnvFilter::try_from_default_env().unwrap_or_else(|_| EnvFilter::new("info")),
        )
        .init();
    let config = match Config::from_env() {
        Ok(config) => config,
        Err(error) => {
            tracing::error!(%error, "the gateway cannot start");
            return ExitCode::from(BAD_CONFIGURATION);
        }
    };
    let runtime = match tokio::runtime::Builder::new_multi_thread()
        .enable_all()
        .build()
    {
        Ok(runtime) => runtime,
        Err(error) => {
            tracing::error!(%error, "the gateway cannot start");
            return ExitCode::FAILURE;
        }
    };
    let result = runtime.block_on(app::run(config));
    // What still blocks, a Kafka client that does not close, must not hold the exit up.
    runtime.shutdown_timeout(Duration::from_millis(100));
    match result {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            tracing::error!(error = error_chain(&error), "the gateway cannot start");
            ExitCode::FAILURE
        }
    }
}
