//! Receives spans over OTLP, as a collector would: for tests, and for people who want to
//! look at a trace without running one.
//!
//! Takes OTLP/HTTP with protobuf bodies (OpenTelemetry Protocol 1.x, "OTLP/HTTP"), which is
//! what the gateway and the functions send.

mod receiver;
mod span;
mod store;

pub use opentelemetry_proto::tonic::collector::trace::v1::ExportTraceServiceRequest;
pub use receiver::{Receiver, TRACES_PATH};
pub use span::{Kind, Link, Span, spans};
pub use store::Store;
