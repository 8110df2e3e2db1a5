//! The gateway: gRPC, Kafka and an HTTP facade in front of the functions.
//!
//! Reading order: `call` is the path that every call takes, with `call::event`, `call::invoke`
//! and `call::answer` as its steps. `grpc` and `kafka` lead into it. `http::facade` forwards
//! HTTP requests to either of them, or to API Gateway. `ops` has health, metrics and profiles.
//! `app` starts the parts, and stops them in order.

mod app;
mod call;
mod config;
mod grpc;
mod http;
mod kafka;
mod ops;

pub use app::{StartError, run};
pub use config::Config;
