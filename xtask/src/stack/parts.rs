//! The parts of the stack: how each is started, when it is ready, and how it is stopped.

use std::{process::Command, time::Duration};

use anyhow::Result;
use rustix::process::Signal;

use super::{Stack, ports, postgres::Cluster};
use crate::{
    http, tools,
    workspace::{binary, cargo, root},
};

/// One process of the stack, with its children.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Part {
    Ministack,
    Kafka,
    Postgres,
    Functions,
    Gateway,
}

/// Instances of one function at a time: beyond it, calls queue.
const FUNCTION_CONCURRENCY: &str = "8";

impl Part {
    /// In the order in which they start.
    pub(crate) const ALL: [Self; 5] = [
        Self::Ministack,
        Self::Kafka,
        Self::Postgres,
        Self::Functions,
        Self::Gateway,
    ];

    /// Its name, in messages, logs and on the control socket.
    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::Ministack => "ministack",
            Self::Kafka => "kafka",
            Self::Postgres => "postgres",
            Self::Functions => "functions",
            Self::Gateway => "gateway",
        }
    }

    pub(crate) fn from_name(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|part| part.name() == name)
    }

    /// What asks it to end in good order; for Postgres that is a fast shutdown.
    pub(crate) fn stop_signal(self) -> Signal {
        match self {
            Self::Postgres => Signal::INT,
            _ => Signal::TERM,
        }
    }

    /// How long it may take to end.
    pub(crate) fn stop_timeout(self) -> Duration {
        Duration::from_secs(match self {
            // Its own drain takes up to ten.
            Self::Gateway => 15,
            _ => 10,
        })
    }

    /// How to start it.
    pub(crate) fn command(self, stack: &Stack) -> Result<Command> {
        let ports = stack.ports;
        let state = |name: &str| stack.state.join(name);
        let mut command;
        match self {
            Self::Ministack => {
                command = Command::new(tools::ministack());
                command
                    .env("GATEWAY_PORT", ports.aws.to_string())
                    .env("BIND_HOST", "127.0.0.1")
                    .env("PERSIST_STATE", "1")
                    .env("STATE_DIR", state("ministack"))
                    .env("S3_PERSIST", "1")
                    .env("S3_DATA_DIR", state("s3"))
                    // Services that nobody here asks for, with ports of their own.
                    .env("IOT_MTLS_ENABLED", "0")
                    .env("SFTP_ENABLED", "0");
            }
            Self::Kafka => {
                command = Command::new(&stack.broker);
                command
                    .arg(format!("127.0.0.1:{}", ports.kafka))
                    .arg(state("kafka"));
            }
            Self::Postgres => command = Cluster::open(stack)?.server(ports.postgres),
            Self::Functions => {
                command = Command::new(cargo());
                command
                    .args(["lambda", "watch", "--ignore-changes", "--disable-cors"])
                    .args(["--invoke-address", "127.0.0.1"])
                    .args(["--invoke-port", &ports.lambda.to_string()])
                    .args(["--concurrency", FUNCTION_CONCURRENCY])
                    .current_dir(root())
                    .env("PATH", tools::cargo_lambda_path())
                    .envs(stack.environment()?);
            }
            Self::Gateway => {
                let description = stack.description();
                command = Command::new(binary("gateway"));
                command
                    .env("GATEWAY_HTTP_ADDR", format!("127.0.0.1:{}", ports.gateway))
                    .env("GATEWAY_GRPC_ADDR", format!("127.0.0.1:{}", ports.grpc))
                    .env("REST_URL", description.rest_url)
                    .env("WEB_ORIGINS", "http://localhost:5173,http://127.0.0.1:5173")
                    .envs(stack.environment()?);
                let web = root().join("web/dist");
                if web.join("index.html").exists() {
                    command.env("WEB_ROOT", web);
                }
            }
        }
        Ok(command)
    }

    /// Whether it serves.
    pub(crate) fn is_ready(self, stack: &Stack) -> bool {
        let ports = stack.ports;
        match self {
            Self::Ministack => {
                http::is_ok(&format!("http://127.0.0.1:{}/_ministack/ready", ports.aws))
            }
            Self::Kafka => ports::accepts(ports.kafka),
            Self::Postgres => Cluster::open(stack)
                .and_then(|cluster| cluster.create_database(ports.postgres))
                .is_ok(),
            Self::Functions => ports::accepts(ports.lambda),
            Self::Gateway => http::is_ok(&format!("http://127.0.0.1:{}/readyz", ports.gateway)),
        }
    }
}
