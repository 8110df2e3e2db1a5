//! The responses that the cache keeps for a user, read and changed beside the functions.

use std::collections::BTreeMap;

use anyhow::{Context as _, Result};
use redis::{Client, Cmd, FromRedisValue, aio::MultiplexedConnection};
use trichrome_cache::Nodes;

use crate::stack::Stack;

/// A user's hash, on the user's node.
pub struct Kept {
    connection: MultiplexedConnection,
    key: String,
}

/// A copy of a user's hash at one time.
pub struct Snapshot(Vec<u8>);

impl Kept {
    /// Connects to the user's node.
    pub async fn of(stack: &Stack, user_id: &str) -> Result<Self> {
        let nodes: Nodes = nodes(stack)?.parse()?;
        Ok(Self {
            connection: connect(nodes.of(user_id).name()).await?,
            key: format!("trichrome:trichrome:responses:{user_id}"),
        })
    }

    async fn send<T: FromRedisValue>(&mut self, command: &str, arguments: &[&[u8]]) -> Result<T> {
        let mut cmd = Cmd::new();
        cmd.arg(command).arg(&self.key);
        for argument in arguments {
            cmd.arg(*argument);
        }
        Ok(cmd.query_async(&mut self.connection).await?)
    }

    /// The entries, by function.
    pub async fn entries(&mut self) -> Result<BTreeMap<String, Vec<u8>>> {
        let fields: BTreeMap<String, Vec<u8>> = self.send("HGETALL", &[]).await?;
        let entry = |(field, entry): (String, _)| {
            let request = field.strip_prefix("request ")?;
            Some((request.split(' ').next()?.to_owned(), entry))
        };
        Ok(fields.into_iter().filter_map(entry).collect())
    }

    /// Replaces a text in all entries, so that a response shows whether it is one of them.
    pub async fn replace(&mut self, from: &str, to: &str) -> Result<()> {
        let fields: BTreeMap<String, String> = self.send("HGETALL", &[]).await?;
        for (field, value) in fields {
            if value.contains(from) {
                let value = value.replace(from, to);
                let arguments = [field.as_bytes(), value.as_bytes()];
                let _added: i64 = self.send("HSET", &arguments).await?;
            }
        }
        Ok(())
    }

    /// A copy of what is kept now.
    pub async fn copy(&mut self) -> Result<Snapshot> {
        let copy: Option<Vec<u8>> = self.send("DUMP", &[]).await?;
        Ok(Snapshot(copy.context("nothing is kept")?))
    }

    /// Puts back what an eviction has removed, as if the eviction had got lost.
    pub async fn lose_eviction(&mut self, copy: &Snapshot) -> Result<()> {
        self.send("RESTORE", &[b"60000", &copy.0, b"REPLACE"]).await
    }

    /// How long the entries may live on, in milliseconds.
    pub async fn ttl(&mut self) -> Result<i64> {
        self.send("PTTL", &[]).await
    }
}

/// `CACHE_NODES` of the stack.
pub fn nodes(stack: &Stack) -> Result<&str> {
    let nodes = stack.description.cache_nodes.as_deref();
    nodes.context("the stack has no cache")
}

/// Sends a command to every node.
pub async fn send_to_all(stack: &Stack, command: &[&str]) -> Result<()> {
    let nodes: Nodes = nodes(stack)?.parse()?;
    for node in nodes.iter() {
        let mut cmd = Cmd::new();
        cmd.arg(command);
        let mut connection = connect(node.name()).await?;
        let _answer: redis::Value = cmd.query_async(&mut connection).await?;
    }
    Ok(())
}

async fn connect(node: &str) -> Result<MultiplexedConnection> {
    let client = Client::open(format!("redis://{node}"))?;
    let connected = client.get_multiplexed_async_connection().await;
    connected.with_context(|| format!("the cache's node {node}"))
}
