//! Prepares what the functions and the gateway need: tables, a bucket, the key that signs
//! tokens, topics and the database's schema.
//!
//! Every step looks first and makes what is missing, so all of them may be repeated, against
//! the embedded stack of `cargo xtask up` as well as against containers. On AWS the template
//! makes these things instead.

pub mod aws;
pub mod bucket;
pub mod config;
pub mod key;
pub mod keyring;
pub mod no_route;
pub mod retry;
pub mod schema;
pub mod secret;
pub mod steps;
pub mod tables;
pub mod topics;
