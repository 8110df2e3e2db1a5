//! Call logs: what was called, over which transport, and with which outcome, in Postgres.
//!
//! [`Analytics`] is the domain, with one method for each operation: [`log`](Analytics::log) and
//! [`read`](Analytics::read) for callers, [`ingest`](Analytics::ingest) for the service's own
//! logs. It is independent of Lambda and HTTP. [`batch`] has the events and the response of
//! `analytics-ingest`, and [`cloudformation`] those of `analytics-migrate`. [`schema`] has the
//! migrations, which run as a deployment step and never in a call, and [`mod@upkeep`] what is done to
//! the tables after them and on a schedule.

mod analytics;
pub mod batch;
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
mod kafka;
mod log;
mod observation;
mod read;
pub mod schema;
mod sqs;
mod store;
mod totals;
pub mod upkeep;
mod wiring;

pub use analytics::Analytics;
pub use database::{Database, DatabaseError, DatabaseSource};
pub use error::Error;
pub use ingest::{Position, Record, Refusal, Refused};
