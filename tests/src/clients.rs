//! One client for each kind of transport, driven by the contract's table.

pub mod broker;
pub mod codec;
pub mod grpc;
pub mod http;
pub mod kafka;
pub mod raw_batch;
pub(crate) mod rest;
pub mod results;
