//! Kafka: reads commands, produces results, and passes call logs in batches to their function.
//!
//! Reading order: [`tracker`] (which offsets may be committed), [`reader`] (reading past what can't
//! be decoded), [`envelope`] (a record's format), [`lanes`] (queues of commands), [`turns`] (their
//! order), [`commands`] (serving one), [`answers`] (answering it), [`awaiter`] (waiting for an
//! answer), [`results`] (reading it), [`trigger`] (batches).

pub(crate) mod answers;
pub(crate) mod awaiter;
pub(crate) mod batch;
pub(crate) mod caller;
pub(crate) mod client_config;
pub(crate) mod commands;
pub(crate) mod consumer;
pub(crate) mod dead_letters;
pub(crate) mod envelope;
pub(crate) mod format;
pub(crate) mod headers;
pub(crate) mod inspect;
pub(crate) mod known_topics;
pub(crate) mod lanes;
pub(crate) mod log_sink;
pub(crate) mod operation;
pub(crate) mod producer;
pub(crate) mod reader;
pub(crate) mod relogin;
pub(crate) mod replaceable;
pub(crate) mod results;
pub(crate) mod tracker;
pub(crate) mod trigger;
pub(crate) mod turns;
pub(crate) mod watch;

#[cfg(test)]
mod tests;
