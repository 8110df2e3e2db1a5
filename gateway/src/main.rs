//! The gateway's process: configuration, log, exit status.

use std::{process::ExitCode, time::Duration};

use trichrome_gateway::{Config, error_chain};
use trichrome_telemetry::Service;
use uuid::Uuid;

/// Samples what is allocated, where it is asked to.
#[cfg(feature = "heap-profiles")]
#[global_allocator]
static ALLOCATOR: tikv_jemallocator::Jemalloc = tikv_jemallocator::Jemalloc;

/// The exit status of a wrong configuration (`EX_USAGE` of sysexits.h).
const BAD_CONFIGURATION: u8 = 64;

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
    let result = runtime.block_on(trichrome_gateway::run(config, telemetry));
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
