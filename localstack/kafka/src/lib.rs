//! A Kafka-compatible broker for the local stack.
//!
//! It implements Kafka's protocol (messages from the `kafka-protocol` crate), stores record
//! batches as clients send them, and coordinates consumer groups. It has one node, and no
//! replication, transactions, compaction or access control: it is for development only.

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
