//! Kafka: commands in, results out, call logs in batches to their function.
//!
//! Reading order: [`tracker`] (what may be committed), [`envelope`] (what a record says),
//! [`commands`] (a command's whole way), [`results`] (who awaits an answer), [`trigger`]
//! (batches).

pub mod batch;
pub mod client;
pub mod commands;
pub mod consumer;
pub mod dlq;
pub mod envelope;
pub mod log_sink;
pub mod producer;
pub mod results;
pub mod tracker;
pub mod trigger;

/// The topic that answers to commands go to.
pub const RESULTS: &str = "results";
/// The key of every answer.
pub const RESPONSE_KEY: &str = "response";
/// The header of an answer that holds its HTTP status.
pub const STATUS: &str = "status";

#[cfg(test)]
mod tests;
