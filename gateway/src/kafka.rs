//! Kafka: reads commands, produces results, and passes call logs in batches to their function.
//!
//! Reading order: [`tracker`] (which offsets may be committed), [`envelope`] (a record's
//! format), [`commands`] (serving a command), [`results`] (waiting for an answer), [`trigger`]
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

#[cfg(test)]
mod tests;
