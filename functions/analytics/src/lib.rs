//! Call logs: what was called, over which transport, and how it went. Kept in Postgres.
//!
//! [`Analytics`] is the domain, an operation a method: [`log`](Analytics::log) and
//! [`read`](Analytics::read) for callers, [`record`](Analytics::record) and
//! [`ingest`](Analytics::ingest) for the service's own logs. It knows nothing of Lambda or
//! HTTP. [`kafka`] is the edge of `analytics-ingest`: AWS's batch event, and its answer.
//! [`schema`] holds the migrations, which run as a step of their own and never in a call.

mod analytics;
mod buckets;
pub mod cloudformation;
mod cursor;
mod database;
mod entry;
mod error;
mod filter;
mod ids;
mod ingest;
mod instant;
pub mod kafka;
mod log;
mod observation;
mod read;
pub mod schema;
mod store;
mod totals;
mod transport;
mod wiring;

pub use analytics::Analytics;
pub use database::{Database, DatabaseError};
pub use error::Error;
pub use ingest::{Position, Record, Refusal, Refused};
