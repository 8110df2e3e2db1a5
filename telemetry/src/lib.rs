//! Traces and logs, alike in the gateway and the functions.
//!
//! Reading order: [`Trace`] is what travels between processes, [`start`] sets a process up,
//! [`Spans`] sends what it recorded. Spans are `tracing` spans; those of the workspace's own
//! crates are exported, by OpenTelemetry's semantic conventions, version 1.42.

mod client;
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
