//! A Kafka-compatible broker for the local stack.
//!
//! It implements Kafka's protocol (messages from the `kafka-protocol` crate), stores record
//! batches as clients send them, and coordinates consumer groups. It has one node, and no
//! replication, transactions, static members, compaction or access control: it is for development
//! only. What it doesn't support it refuses, so that a client gets an error at once.

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

use std::{io, path::Path, sync::Arc, time::Duration};

use tokio::{net::TcpListener, task::JoinSet};

use broker::Broker;

/// How often old records are deleted.
const EXPIRY_INTERVAL: Duration = Duration::from_secs(1);

/// Serves the topics in `directory`. Dropping the future closes all connections.
///
/// # Errors
///
/// The directory can't be read or written, or the listener fails.
pub async fn serve(listener: TcpListener, directory: &Path) -> io::Result<()> {
    let broker = Arc::new(Broker::open(directory, listener.local_addr()?)?);
    let mut tasks = JoinSet::new();
    let watched = Arc::clone(&broker);
    tasks.spawn(async move { watched.groups().watch().await });
    let expiring = Arc::clone(&broker);
    tasks.spawn(async move {
        loop {
            tokio::time::sleep(EXPIRY_INTERVAL).await;
            expiring.store().expire();
        }
    });
    loop {
        tokio::select! {
            accepted = listener.accept() => {
                let (stream, peer) = accepted?;
                tasks.spawn(connection::serve(Arc::clone(&broker), stream, peer));
            }
            // Removes connections that have ended.
            Some(_) = tasks.join_next() => {}
        }
    }
}
