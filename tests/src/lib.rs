//! Support for the end-to-end tests: clients for every transport, accounts, pictures, tokens, and
//! access to stored data.
//!
//! Reading order: `scenario` (one scenario over one transport), `request` and `reply` (one
//! call), `transport` (how the call is sent), `stack` (where it is sent). The tests are in
//! `tests/`.
#![cfg(feature = "stack")]
#![allow(missing_docs, reason = "only this package's own tests use the crate")]

pub mod account;
pub mod call_logs;
pub mod clients;
pub mod control;
pub mod gateway;
pub mod harness;
pub mod images;
pub mod kept;
pub mod logs;
pub mod reply;
pub mod request;
pub mod samples;
pub mod scenario;
pub mod stack;
pub mod stored;
pub mod token;
pub mod token_endpoint;
pub mod traces;
pub mod transport;
pub mod wait;
