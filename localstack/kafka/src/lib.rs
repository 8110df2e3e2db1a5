//! One Kafka-compatible broker for the local stack, where there is no Docker.
//!
//! It speaks Kafka's protocol (messages from the `kafka-protocol` crate), keeps records as
//! the batches that clients send, and coordinates consumer groups as Kafka does, dead
//! members included. One node, no replication, no transactions, no compaction, no access
//! control: a tool for one developer's machine, not a broker to run anything on.

mod admin;
mod batch;
mod broker;
mod connection;
mod dispatch;
mod error;
mod fetch;
mod groups;
mod list_offsets;
mod log;
mod metadata;
mod offsets;
mod produce;
mod sender;
mod store;
mod topics;
mod versions;

use std::{io, path::Path, sync::Arc};

use tokio::{net::TcpListener, task::JoinSet};

use broker::Broker;

/// Serves what `directory` holds, until it is dropped; so are its connections then.
///
/// # Errors
///
/// The directory cannot be read or written, or the listener fails.
pub async fn serve(listener: TcpListener, directory: &Path) -> io::Result<()> {
    let broker = Arc::new(Broker::open(directory, listener.local_addr()?)?);
    let mut tasks = JoinSet::new();
    let watched = Arc::clone(&broker);
    tasks.spawn(async move { watched.groups().watch().await });
    loop {
        tokio::select! {
            accepted = listener.accept() => {
                let (stream, peer) = accepted?;
                tasks.spawn(connection::serve(Arc::clone(&broker), stream, peer));
            }
            // Reaps connections that ended.
            Some(_) = tasks.join_next() => {}
        }
    }
}
