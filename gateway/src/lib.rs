//! gRPC, Kafka and the facade in front of the functions.
//!
//! Reading order: `call` is the one path that every call takes, with `call::event`,
//! `call::invoke` and `call::answer` as its steps and `call::call_guard` as what it
//! leaves behind. `grpc` and `kafka` lead into it. `http::facade` turns HTTP into
//! either of them, or goes on to API Gateway. `app` puts the parts together, and stops
//! them in order; `ops` is what an operator watches.

mod app;
mod call;
mod config;
mod grpc;
mod http;
mod kafka;
mod ops;

pub use app::{StartError, run};
pub use call::fault::error_chain;
pub use config::{Config, ConfigError};
