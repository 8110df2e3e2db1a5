//! The gateway's process: configuration, logging and exit status.

use std::{process::ExitCode, time::Duration};

use trichrome_gateway::Config;
use trichrome_startup::error_chain;
use trichrome_telemetry::Service;
use uuid::Uuid;

/// Samples allocations for heap profiles.
#[cfg(feature = "heap-profiles")]
#[global_allocator]
static ALLOCATOR: tikv_jemallocator::Jemalloc = tikv_jemallocator::Jemalloc;

fn main() -> ExitCode {
    let telemetry = trichrome_telemetry::start(Service {
        name: "gateway".to_owned(),
        version: env!("CARGO_PKG_VERSION"),
        attributes: vec![("service.instance.id", Uuid::new_v4().to_string())],
        lambda: false,
    });
    let config = match Config::from_env() {
        Ok(config) => config,
        Err(error) => {
            tracing::error!(%error, "the gateway cannot start");
            return error.exit_code();
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
    let result = runtime.block_on(trichrome_gateway::run(config, telemetry));
    // A blocked thread, such as a Kafka client that doesn't close, must not delay the exit.
    runtime.shutdown_timeout(Duration::from_millis(100));
    match result {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            tracing::error!(error = error_chain(&error), "the gateway cannot start");
            ExitCode::FAILURE
        }
    }
}
