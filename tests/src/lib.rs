//! What the end-to-end tests are made of: clients for every transport, accounts, pictures,
//! tokens, and a view of what the service has stored.
//!
//! Reading order: [`scenario`] (one scenario over one transport), [`request`] and [`reply`]
//! (one call), [`transport`] (how it travels), [`stack`] (what it travels to). The tests are
//! in `tests/`: `contract` needs nothing running, `scenarios` and `faults` a stack.
#![cfg(feature = "stack")]

pub mod account;
pub mod call_logs;
pub mod clients;
pub mod control;
pub mod harness;
pub mod images;
pub mod logs;
pub mod reply;
pub mod request;
pub mod samples;
pub mod scenario;
pub mod stack;
pub mod stored;
pub mod token;
pub mod traces;
pub mod transport;
pub mod wait;
