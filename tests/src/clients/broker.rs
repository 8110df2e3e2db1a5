//! Where the broker is, and how tests log in to it.

use std::{collections::BTreeMap, fs, path::PathBuf};

use anyhow::{Context as _, Result};
use rdkafka::ClientConfig;
use serde::Deserialize;
use trichrome_proto::wire::limits::MAX_RECORD;
use uuid::Uuid;

use crate::stack::Description;

/// The users of a broker with logins.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum User {
    /// A client of the service, who may do what `deploy/kafka/acls.sh` allows.
    Client,
    /// Someone who may do everything.
    Admin,
}

impl User {
    /// The name with which it logs in.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Client => "client",
            Self::Admin => "admin",
        }
    }
}

/// The logins of a broker that has TLS and ACLs.
#[derive(Clone, Debug, Deserialize)]
pub struct Access {
    protocol: String,
    mechanism: String,
    ca_file: PathBuf,
    /// The files with the users' passwords.
    password_files: BTreeMap<String, PathBuf>,
    /// Brokers that take anything from anyone, in plain text.
    internal_brokers: String,
}

impl Access {
    /// A user's password.
    pub fn password(&self, user: User) -> Result<String> {
        let file = self.password_files.get(user.name());
        let file = file.with_context(|| format!("no password of {}", user.name()))?;
        Ok(fs::read_to_string(file)?)
    }
}

/// A broker.
#[derive(Clone, Debug)]
pub struct Broker {
    brokers: String,
    access: Option<Access>,
}

impl Broker {
    pub(crate) fn new(description: &Description) -> Self {
        Self {
            brokers: description.kafka_brokers.clone(),
            access: description.kafka_access.clone(),
        }
    }

    /// Where batches are written without a client.
    pub fn internal(&self) -> &str {
        let access = self.access.as_ref();
        access.map_or(&self.brokers, |access| &access.internal_brokers)
    }

    /// The settings of a client. Without logins, the user doesn't matter.
    pub fn config(&self, user: User) -> Result<ClientConfig> {
        let mut config = ClientConfig::new();
        config
            .set("bootstrap.servers", &self.brokers)
            .set("client.id", "trichrome-tests")
            .set("message.max.bytes", MAX_RECORD.to_string())
            .set("reconnect.backoff.ms", "100")
            .set("reconnect.backoff.max.ms", "1000")
            // Errors are expected while a test has stopped the broker.
            .set("log_level", "2");
        if let Some(access) = &self.access {
            config
                .set("security.protocol", &access.protocol)
                .set("sasl.mechanism", &access.mechanism)
                .set("ssl.ca.location", access.ca_file.display().to_string())
                .set("sasl.username", user.name())
                .set("sasl.password", access.password(user)?);
        }
        Ok(config)
    }
}

/// A name for a group or for transactions, as the ACLs allow it to clients.
pub fn own_name() -> String {
    format!("client-tests-{}", Uuid::new_v4())
}
