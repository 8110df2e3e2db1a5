//! A name or password that changes while the gateway runs.

use std::{sync::Arc, time::Duration};

use rdkafka::error::KafkaError;
use tokio::sync::watch;
use trichrome_startup::error_chain;

use super::producer::{self, Client};
use crate::{config::Config, ops::metrics::Metrics};

/// The timeout for trying a login.
const TRY_TIMEOUT: Duration = Duration::from_secs(5);

/// The wait between tries.
const RETRY_INTERVAL: Duration = Duration::from_secs(2);

/// Notices a login that has changed, and tries it. Clients keep the login they were created with,
/// and an operator may change the file before the broker: so the gateway goes on with the clients
/// that it has until a broker accepts the other login.
pub(crate) struct Relogin {
    config: Config,
    metrics: Arc<Metrics>,
    changes: watch::Receiver<()>,
    /// Whether the login has changed and wasn't accepted yet.
    pending: bool,
}

impl Relogin {
    pub(crate) fn new(config: &Config, metrics: Arc<Metrics>) -> Self {
        Self {
            changes: config.kafka.changes(),
            config: config.clone(),
            metrics,
            pending: false,
        }
    }

    /// Waits until the login changes and a broker accepts it. Returns a producer that uses it.
    /// Cancel safe.
    pub(crate) async fn next(&mut self) -> Client {
        if !self.pending {
            if self.changes.changed().await.is_err() {
                // The sender lives as long as the connection in `config`.
                std::future::pending::<()>().await;
            }
            self.pending = true;
        }
        loop {
            self.changes.mark_unchanged();
            match self.attempt().await {
                Ok(client) => {
                    self.pending = false;
                    self.config.kafka.change_accepted();
                    return client;
                }
                Err(error) => {
                    let error = error_chain(&error);
                    tracing::debug!(
                        error,
                        "kafka: the login that has changed isn't accepted yet"
                    );
                }
            }
            tokio::time::sleep(RETRY_INTERVAL).await;
        }
    }

    async fn attempt(&self) -> Result<Client, KafkaError> {
        let client = producer::client(&self.config, Arc::clone(&self.metrics))?;
        // Both the request and closing a client block.
        let probe = move || producer::probe(&client, TRY_TIMEOUT).map(|()| client);
        let probing = tokio::task::spawn_blocking(probe);
        probing.await.map_err(|_| KafkaError::Canceled)?
    }
}
