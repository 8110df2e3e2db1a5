//! One node, and its connection.

use std::time::Duration;

use redis::{
    AsyncConnectionConfig, Client, Cmd, FromRedisValue, RedisError, RedisResult, Script,
    ScriptInvocation, aio::MultiplexedConnection,
};
use tokio::{sync::Mutex, time::timeout};
use trichrome_startup::error_chain;

use crate::breaker::Breaker;

/// The time limit for a connection, and the one for each command.
pub const TIMEOUT: Duration = Duration::from_millis(50);

/// Why a node didn't do what it was asked for.
#[derive(Debug, thiserror::Error)]
pub enum CacheError {
    /// It failed a moment ago, so it wasn't asked.
    #[error("the node {node} failed a moment ago")]
    Down {
        /// `host:port`.
        node: String,
    },
    /// It can't be reached, or doesn't answer within [`TIMEOUT`].
    #[error("the node {node} can't be reached")]
    Unreachable {
        /// `host:port`.
        node: String,
        /// The client's error; `None` if the time ran out while a connection was opened.
        source: Option<RedisError>,
    },
    /// It answered with an error, such as when its memory is full.
    #[error("the node {node} refused")]
    Refused {
        /// `host:port`.
        node: String,
        /// The node's error.
        source: RedisError,
    },
}

/// One server. Connects with the first command.
pub struct Node {
    name: String,
    client: Client,
    connection: Mutex<Option<MultiplexedConnection>>,
    breaker: Breaker,
}

/// What is sent to a node.
enum Request<'a> {
    Script(ScriptInvocation<'a>),
    Command(Cmd),
}

impl Request<'_> {
    async fn send<T: FromRedisValue>(&self, mut to: MultiplexedConnection) -> RedisResult<T> {
        match self {
            Self::Script(call) => call.invoke_async(&mut to).await,
            Self::Command(command) => command.query_async(&mut to).await,
        }
    }
}

impl Node {
    pub(crate) fn new(name: String, url: &str) -> RedisResult<Self> {
        Ok(Self {
            name,
            client: Client::open(url)?,
            connection: Mutex::default(),
            breaker: Breaker::default(),
        })
    }

    /// `host:port`.
    #[must_use]
    pub fn name(&self) -> &str {
        &self.name
    }

    /// Whether the node is asked: it hasn't failed within the last five seconds.
    #[must_use]
    pub fn is_up(&self) -> bool {
        self.breaker.is_closed()
    }

    /// Runs a script on one key, unless the node failed a moment ago.
    ///
    /// # Errors
    /// Every [`CacheError`].
    pub async fn run<T: FromRedisValue>(
        &self,
        script: &Script,
        key: &str,
        arguments: &[&[u8]],
    ) -> Result<T, CacheError> {
        if !self.is_up() {
            return Err(CacheError::Down {
                node: self.name.clone(),
            });
        }
        let mut call = script.key(key);
        for argument in arguments {
            call.arg(*argument);
        }
        self.send(&Request::Script(call)).await
    }

    /// Deletes a key, also if the node failed a moment ago: it may be reachable for others.
    ///
    /// # Errors
    /// [`CacheError::Unreachable`] and [`CacheError::Refused`].
    pub async fn delete(&self, key: &str) -> Result<(), CacheError> {
        // UNLINK frees the memory in the background.
        let mut command = Cmd::new();
        command.arg("UNLINK").arg(key);
        self.send(&Request::Command(command)).await
    }

    /// Sends a request. A connection that the other side has closed meanwhile, such as while Lambda
    /// froze the process, is replaced once.
    async fn send<T: FromRedisValue>(&self, request: &Request<'_>) -> Result<T, CacheError> {
        let outcome = match self.connection(true).await {
            Ok((connection, was_open)) => match request.send(connection).await {
                Err(error) if was_open && is_closed(&error) => match self.connection(false).await {
                    Ok((connection, _)) => self.sorted(request.send(connection).await),
                    Err(error) => Err(error),
                },
                outcome => self.sorted(outcome),
            },
            Err(error) => Err(error),
        };
        match &outcome {
            Ok(_) | Err(CacheError::Refused { .. }) => self.breaker.succeeded(),
            Err(error) => {
                if self.is_up() {
                    let error = error_chain(error);
                    tracing::warn!(error, "a node of the cache fails");
                }
                self.breaker.failed();
                // Whatever is behind it, the next command shouldn't wait for it.
                if let Ok(mut connection) = self.connection.try_lock() {
                    *connection = None;
                }
            }
        }
        outcome
    }

    /// The connection, and whether it was open already. Concurrent calls open one.
    async fn connection(&self, keep: bool) -> Result<(MultiplexedConnection, bool), CacheError> {
        let opened = async {
            let mut known = self.connection.lock().await;
            if let Some(connection) = known.as_ref().filter(|_| keep) {
                return Ok((connection.clone(), true));
            }
            *known = None;
            let settings = AsyncConnectionConfig::new()
                .set_connection_timeout(Some(TIMEOUT))
                .set_response_timeout(Some(TIMEOUT));
            let opened = self
                .client
                .get_multiplexed_async_connection_with_config(&settings)
                .await?;
            *known = Some(opened.clone());
            Ok((opened, false))
        };
        let source = match timeout(TIMEOUT, opened).await {
            Ok(Ok(connection)) => return Ok(connection),
            Ok(Err(error)) => Some(error),
            Err(_) => None,
        };
        Err(CacheError::Unreachable {
            node: self.name.clone(),
            source,
        })
    }

    fn sorted<T>(&self, outcome: RedisResult<T>) -> Result<T, CacheError> {
        let node = || self.name.clone();
        outcome.map_err(
            |error| match error.is_io_error() || error.is_unrecoverable_error() {
                true => CacheError::Unreachable {
                    node: node(),
                    source: Some(error),
                },
                false => CacheError::Refused {
                    node: node(),
                    source: error,
                },
            },
        )
    }
}

/// Whether the other side had closed the connection.
fn is_closed(error: &RedisError) -> bool {
    error.is_unrecoverable_error() && !error.is_timeout()
}

#[cfg(test)]
mod tests;
