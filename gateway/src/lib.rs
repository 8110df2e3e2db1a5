//! gRPC, Kafka and the facade in front of the functions.
//!
//! Reading order: [`call`] is the one path that every call takes, with [`event`],
//! [`invoke`] and [`answer`] as its steps and [`record`] as what it leaves behind.
//! [`grpc`] and [`kafka`] lead into it. [`facade`] turns HTTP into either of them, or goes
//! on to API Gateway. [`app`] puts the parts together, and stops them in order.

pub mod answer;
pub mod app;
pub mod args;
pub mod backoff;
pub mod call;
pub mod call_log;
pub mod config;
pub mod context;
pub mod cors;
pub mod docs;
pub mod event;
pub mod facade;
pub mod fallback;
pub mod fault;
pub mod grpc;
pub mod health;
pub mod http;
pub mod invoke;
pub mod kafka;
pub mod limits;
pub mod metrics;
pub mod profile;
pub mod rate_limit;
pub mod record;
pub mod server;
pub mod shutdown;
pub mod site;
pub mod transport;
