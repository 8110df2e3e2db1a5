//! Logs: JSON to stdout, one event a line, which is what CloudWatch and collectors read.

use tracing_subscriber::{EnvFilter, fmt};

/// Starts logging; `RUST_LOG` sets the level by target, `info` if unset.
pub(crate) fn start() {
    let filter = EnvFilter::try_from_default_env().unwrap_or_else(|_| EnvFilter::new("info"));
    // Fails only where a subscriber is already set, which then serves.
    let _ = fmt()
        .json()
        .flatten_event(true)
        .with_env_filter(filter)
        .with_current_span(true)
        .with_span_list(false)
        .try_init();
}

/// What caused an error, from the outside in: the JSON format leaves an error's sources out.
pub(crate) fn causes(error: &dyn std::error::Error) -> String {
    std::iter::successors(error.source(), |cause| cause.source())
        .map(ToString::to_string)
        .collect::<Vec<_>>()
        .join(": ")
}
