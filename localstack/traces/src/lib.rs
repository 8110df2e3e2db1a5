//! Receives spans over OTLP/HTTP with protobuf bodies, as the gateway and the functions send
//! them, keeps them in files and prints them as a tree.
//!
//! Used by tests, and by `cargo xtask up --observe` on machines without a collector.

mod receiver;
mod span;
mod store;
mod trace;
mod tree;

pub use opentelemetry_proto::tonic::collector::trace::v1::ExportTraceServiceRequest;
pub use receiver::{Receiver, TRACES_PATH};
pub use span::{Kind, Link, Span, spans};
pub use store::Store;
pub use trace::{Trace, find, last, list, newest};
pub use tree::render;
