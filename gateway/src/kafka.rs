//! Kafka: commands in, results out, call logs in batches to their function.
//!
//! Reading order: [`tracker`] (what may be committed), [`envelope`] (what a record says),
//! [`commands`] (a command's whole way), [`results`] (who awaits an answer), [`trigger`]
//! (batches).

pub(crate) mod batch;
pub(crate) mod client_config;
pub(crate) mod commands;
pub(crate) mod consumer;
pub(crate) mod dead_letters;
pub(crate) mod envelope;
pub(crate) mod log_sink;
pub(crate) mod producer;
pub(crate) mod results;
pub(crate) mod tracker;
pub(crate) mod trigger;

/// The topic that answers to commands go to.
pub(crate) const RESULTS: &str = "results";
/// The key of every answer.
pub(crate) const RESPONSE_KEY: &str = "response";
/// The header of an answer that holds its HTTP status.
pub(crate) const STATUS: &str = "status";

#[cfg(test)]
mod tests;
