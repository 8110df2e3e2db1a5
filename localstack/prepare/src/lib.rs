//! Creates what the functions and the gateway need: tables, a bucket, the key that signs
//! tokens, topics and the database's schema.
//!
//! Every step is idempotent. Both `cargo xtask up` and the containers use them; on AWS the
//! template creates tables and bucket instead.

pub mod aws;
pub mod bucket;
pub mod config;
pub mod key;
pub mod keyring;
pub mod queues;
pub mod retry;
pub mod schema;
pub mod secret;
pub mod steps;
pub mod tables;
pub mod topics;
