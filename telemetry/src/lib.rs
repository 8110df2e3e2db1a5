//! Traces and logs of the gateway and the functions.
//!
//! Reading order: [`Trace`] is the context that processes exchange, [`start`] sets up a process,
//! and [`Spans`] exports its spans. Spans are `tracing` spans. Those of the workspace's own
//! crates are exported and follow OpenTelemetry's semantic conventions, version 1.42.

mod client;
pub mod emf;
mod export;
mod ids;
mod json;
mod levels;
mod logs;
mod sampler;
mod setup;
mod span;
mod trace;

pub use export::Spans;
pub use json::line;
pub use setup::{Service, Telemetry, start};
pub use span::{failed, rename, set, set_list};
pub use trace::{Origin, Trace};
