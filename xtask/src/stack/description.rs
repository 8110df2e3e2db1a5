//! `stack.json`: where a running stack is, for tests and other programs.

use std::{
    collections::BTreeMap,
    fs,
    path::{Path, PathBuf},
};

use anyhow::{Context as _, Result, ensure};
use serde::{Deserialize, Serialize};

use super::{
    Cache, Stack, control,
    kafka::{self, Access, Apache},
};
use crate::observe::Observe;

/// A stack's description for other programs.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(crate) struct Description {
    pub(crate) rest_url: String,
    pub(crate) gateway_url: String,
    pub(crate) admin_url: String,
    pub(crate) grpc_url: String,
    pub(crate) kafka_brokers: String,
    /// The folder with the topics of Apache Kafka, if it is the broker.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) apache_kafka: Option<String>,
    /// Who reaches the broker, if not everyone.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) kafka_access: Option<kafka::Description>,
    pub(crate) aws_endpoint: String,
    pub(crate) lambda_endpoint: String,
    pub(crate) database_url: String,
    pub(crate) users_table: String,
    pub(crate) pictures_table: String,
    pub(crate) pictures_bucket: String,
    pub(crate) call_log_queue_url: String,
    /// The queue of S3's events of new pictures.
    pub(crate) derive_queue_url: String,
    pub(crate) token_jwks_file: String,
    pub(crate) token_key_file: String,
    pub(crate) issuer: String,
    pub(crate) audience: String,
    pub(crate) control_socket: String,
    pub(crate) logs: String,
    pub(crate) state: String,
    /// The OTLP endpoint, if the stack exports spans.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) otlp_endpoint: Option<String>,
    /// The nodes of the cache, if the stack has one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) cache_nodes: Option<String>,
    /// Where Jaeger has those spans, if it has.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) jaeger_url: Option<String>,
    /// The gateway's program, unless it runs in a container.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) gateway_program: Option<String>,
    /// Whether programs of version 0.1 run in it, too.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub(crate) two_versions: bool,
    /// The gateway's environment, for tests that start another one.
    #[serde(default)]
    pub(crate) gateway_environment: BTreeMap<String, String>,
}

impl Stack {
    pub(crate) fn description(&self) -> Description {
        let url = |port: u16| format!("http://127.0.0.1:{port}");
        // With the account that MiniStack uses for other credentials than an account's id.
        let queue = |name: &str| format!("{}/000000000000/{name}", url(self.ports.aws));
        let text = |path: PathBuf| path.display().to_string();
        let mut description = Description {
            rest_url: url(self.ports.rest),
            gateway_url: url(self.ports.gateway),
            admin_url: url(self.ports.admin),
            grpc_url: url(self.ports.grpc),
            kafka_brokers: format!("127.0.0.1:{}", self.ports.kafka),
            apache_kafka: self.apache.as_ref().map(Apache::data).map(text),
            kafka_access: self.access().map(Access::description),
            aws_endpoint: url(self.ports.aws),
            lambda_endpoint: url(self.ports.rest),
            database_url: format!(
                "postgres://trichrome@127.0.0.1:{}/trichrome",
                self.ports.postgres
            ),
            users_table: "trichrome-users".to_owned(),
            pictures_table: "trichrome-pictures".to_owned(),
            pictures_bucket: "trichrome-pictures".to_owned(),
            call_log_queue_url: queue("trichrome-call-logs"),
            derive_queue_url: queue("trichrome-derive"),
            token_jwks_file: self.jwks_file().display().to_string(),
            token_key_file: self.key_file().display().to_string(),
            issuer: "trichrome".to_owned(),
            audience: "trichrome".to_owned(),
            control_socket: control::socket(&self.state).display().to_string(),
            logs: self.logs.display().to_string(),
            state: self.state.display().to_string(),
            otlp_endpoint: self.observe().map(Observe::endpoint),
            cache_nodes: self.cache().map(Cache::nodes),
            jaeger_url: self.observe().and_then(|observe| observe.jaeger).map(url),
            two_versions: self.two_versions,
            gateway_program: None,
            gateway_environment: BTreeMap::new(),
        };
        self.describe_deployment(&mut description);
        description
    }
}

impl Description {
    /// Writes the description once the stack is ready.
    pub(crate) fn write(&self, state: &Path) -> Result<()> {
        fs::write(
            state.join("stack.json"),
            serde_json::to_string_pretty(self)?,
        )?;
        Ok(())
    }

    /// Reads the description of a running stack.
    pub(crate) fn read(name: &str) -> Result<Self> {
        let state = Stack::state(name);
        // Whatever the error is, nothing answers there.
        let runs = control::ask(&state, "status").is_ok();
        ensure!(
            runs,
            "no stack is running: start one with `cargo xtask up`, and wait until it is up"
        );
        let text =
            fs::read_to_string(state.join("stack.json")).context("the stack is not ready yet")?;
        Ok(serde_json::from_str(&text)?)
    }
}
