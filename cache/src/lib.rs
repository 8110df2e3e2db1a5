//! The nodes of the optional cache, which are servers of Valkey or Redis.
//!
//! Each key belongs to one node, chosen by rendezvous hashing: a node that is added or removed moves
//! only its own keys. A node that fails isn't asked for a while, and its keys stay with it. On another
//! node they would be out of the reach of a program that still finds the first one.
//!
//! Nothing here is needed for a correct answer. Every request has a time limit of [`TIMEOUT`] for the
//! connection and the same for each command, and a failure is a [`CacheError`] that the caller treats
//! as a miss.

mod breaker;
mod node;
mod nodes;
mod rendezvous;

pub use node::{CacheError, Node, TIMEOUT};
pub use nodes::{InvalidNodes, Nodes};
pub use redis::{FromRedisValue, Script};
