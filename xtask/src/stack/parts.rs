//! The parts of a stack: their commands, readiness checks and stop signals.

use std::{fs, process::Command, time::Duration};

use anyhow::{Context as _, Result};
use rustix::process::Signal;

use super::{Stack, description::Description, kafka};
use crate::{
    deploy::LOCAL_CREDENTIALS,
    http,
    observe::{self, prometheus},
    port, tools,
    workspace::{binary, root},
};

/// The function that stores call logs, in batches.
const INGEST: &str = "analytics-ingest";

/// The function that makes derivatives of a picture, and the size of its batches as in
/// `template.yaml`: a picture that ends the process delays no other.
const DERIVE: &str = "pictures-derive,1";

/// A part of the stack.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Part {
    Traces,
    Prometheus,
    Ministack,
    Kafka,
    Postgres,
    Cache,
    SecondCache,
    Functions,
    Api,
    EventSource,
    Gateway,
}

impl Part {
    /// All parts in the order of their start.
    pub(crate) const ALL: [Self; 11] = [
        Self::Traces,
        Self::Prometheus,
        Self::Ministack,
        Self::Kafka,
        Self::Postgres,
        Self::Cache,
        Self::SecondCache,
        Self::Functions,
        Self::Api,
        Self::EventSource,
        Self::Gateway,
    ];

    /// The name in messages, of the log and on the control socket.
    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::Traces => "traces",
            Self::Prometheus => "prometheus",
            Self::Ministack => "ministack",
            Self::Kafka => "kafka",
            Self::Postgres => "postgres",
            Self::Cache => "cache",
            Self::SecondCache => "cache-2",
            Self::Functions => "functions",
            Self::Api => "api",
            Self::EventSource => "event-source",
            Self::Gateway => "gateway",
        }
    }

    /// The parts that observe the stack.
    pub(crate) fn watchers(stack: &Stack) -> Vec<Self> {
        let store = stack.observe().filter(|observe| observe.store);
        let prometheus = stack.observe().and_then(|observe| observe.prometheus);
        let parts = [
            store.map(|_| Self::Traces),
            prometheus.map(|_| Self::Prometheus),
        ];
        parts.into_iter().flatten().collect()
    }

    pub(crate) fn from_name(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|part| part.name() == name)
    }

    /// The signal for a graceful stop. For Postgres, SIGINT is a fast shutdown.
    pub(crate) fn stop_signal(self) -> Signal {
        match self {
            Self::Postgres => Signal::INT,
            _ => Signal::TERM,
        }
    }

    /// Time allowed for stopping.
    pub(crate) fn stop_timeout(self) -> Duration {
        Duration::from_secs(match self {
            // It drains for up to ten seconds.
            Self::Gateway => 15,
            _ => 10,
        })
    }

    /// The command that starts it.
    pub(crate) fn command(self, stack: &Stack) -> Result<Command> {
        let ports = stack.ports;
        let state = |name: &str| stack.state.join(name);
        let mut command;
        match self {
            Self::Traces => {
                let observe = stack.observe().context("nothing watches this stack")?;
                command = Command::new(binary("trace-store"));
                command
                    .arg("serve")
                    .arg(observe::traces(&stack.state))
                    .arg(format!("127.0.0.1:{}", observe.otlp));
            }
            Self::Prometheus => {
                let prometheus = stack
                    .observe()
                    .and_then(|observe| observe.prometheus)
                    .context("no Prometheus watches this stack")?;
                command = prometheus::command(prometheus, &stack.state, ports.admin)?;
            }
            Self::Ministack => {
                let folder = state("ministack");
                fs::create_dir_all(&folder)?;
                command = tools::ministack();
                command
                    // It knows these keys only, and checks them in presigned requests.
                    .envs(LOCAL_CREDENTIALS)
                    .env("GATEWAY_PORT", ports.aws.to_string())
                    .env("BIND_HOST", "127.0.0.1")
                    .env("SERVICES", "dynamodb,s3,secretsmanager,sqs")
                    .env("PERSIST_STATE", "1")
                    .env("STATE_DIR", &folder)
                    .env("S3_PERSIST", "1")
                    .env("S3_DATA_DIR", state("s3"))
                    // For its pid file.
                    .env("TMPDIR", folder)
                    // Unused services that would listen on further ports.
                    .env("IOT_MTLS_ENABLED", "0")
                    .env("SFTP_ENABLED", "0");
                stack.run_functions_in(&mut command);
            }
            Self::Kafka => {
                command = match &stack.apache {
                    Some(apache) => apache.command()?,
                    None => {
                        let mut command = Command::new(stack.program("local-kafka"));
                        command
                            .arg(format!("127.0.0.1:{}", ports.kafka))
                            .arg(state("kafka"));
                        command
                    }
                };
            }
            Self::Postgres => command = stack.cluster.server(ports.postgres),
            Self::Cache | Self::SecondCache => {
                let cache = stack.cache().context("this stack has no cache")?;
                command = cache.server.command(cache.ports[self.node()]);
            }
            Self::Functions => {
                command = tools::cargo_lambda();
                // Only the APIs: otherwise it starts each function through cargo, which takes
                // minutes for all of them.
                command
                    .args(["watch", "--only-lambda-apis", "--disable-cors"])
                    .args(["--invoke-address", "127.0.0.1"])
                    .args(["--invoke-port", &ports.lambda.to_string()])
                    .current_dir(root());
            }
            Self::Api => {
                command = Command::new(stack.program("local-api"));
                command
                    .arg(format!("127.0.0.1:{}", ports.rest))
                    .arg(stack.cargo_lambda());
            }
            Self::EventSource => {
                let description = stack.description();
                command = Command::new(stack.program("event-source"));
                command
                    .arg(format!("{}={INGEST}", description.call_log_queue_url))
                    .arg(format!("{}={DERIVE}", description.derive_queue_url))
                    .envs(stack.environment()?);
            }
            Self::Gateway => {
                let variables = gateway_variables(stack)?;
                command = match stack.image() {
                    Some(image) => image.command(&variables),
                    None => {
                        let mut command = Command::new(stack.program("gateway"));
                        command.envs(variables);
                        command
                    }
                };
            }
        }
        Ok(command)
    }

    /// The position of a node of the cache.
    fn node(self) -> usize {
        usize::from(self == Self::SecondCache)
    }

    /// Whether it is ready.
    pub(crate) fn is_ready(self, stack: &Stack) -> bool {
        let ports = stack.ports;
        match self {
            Self::Traces => stack
                .observe()
                .is_some_and(|observe| port::accepts(observe.otlp)),
            Self::Prometheus => stack
                .observe()
                .and_then(|observe| observe.prometheus)
                .is_some_and(|prometheus| http::is_ok(&prometheus::ready_url(prometheus.port))),
            Self::Ministack => {
                http::is_ok(&format!("http://127.0.0.1:{}/_ministack/ready", ports.aws))
            }
            Self::Kafka => port::accepts(ports.kafka),
            Self::Postgres => stack.cluster.is_ready(ports.postgres),
            Self::Cache | Self::SecondCache => stack
                .cache()
                .is_some_and(|cache| port::accepts(cache.ports[self.node()])),
            Self::Functions => port::accepts(ports.lambda),
            Self::Api => port::accepts(ports.rest),
            // It waits for the others by itself.
            Self::EventSource => true,
            // Version 0.1 has no other port for it.
            Self::Gateway if stack.two_versions => {
                http::is_ok(&format!("http://127.0.0.1:{}/readyz", ports.gateway))
            }
            Self::Gateway => http::is_ok(&format!("http://127.0.0.1:{}/readyz", ports.admin)),
        }
    }
}

/// The gateway's environment.
pub(super) fn gateway_variables(stack: &Stack) -> Result<Vec<(&'static str, String)>> {
    let ports = stack.ports;
    let mut variables = vec![
        ("GATEWAY_HTTP_ADDR", format!("127.0.0.1:{}", ports.gateway)),
        ("GATEWAY_GRPC_ADDR", format!("127.0.0.1:{}", ports.grpc)),
        ("GATEWAY_ADMIN_ADDR", format!("127.0.0.1:{}", ports.admin)),
        ("REST_URL", stack.description().rest_url),
        // As in its image.
        ("MALLOC_MMAP_THRESHOLD_", "131072".to_owned()),
        (
            "WEB_ORIGINS",
            "http://localhost:5173,http://127.0.0.1:5173".to_owned(),
        ),
    ];
    variables.extend(stack.environment()?);
    if let Some(access) = stack.access() {
        variables.extend(access.variables(kafka::GATEWAY));
    }
    let web = root().join("web/dist");
    if web.join("index.html").exists() {
        variables.push(("WEB_ROOT", web.display().to_string()));
        variables.push(("PICTURES_ORIGIN", pictures_origin(&stack.description())?));
    }
    Ok(variables)
}

/// The origin of the pictures' presigned links: the endpoint in use, or the bucket's own host on
/// AWS.
fn pictures_origin(description: &Description) -> Result<String> {
    if !description.aws_endpoint.is_empty() {
        return Ok(description.aws_endpoint.trim_end_matches('/').to_owned());
    }
    let region = ["AWS_REGION", "AWS_DEFAULT_REGION"]
        .into_iter()
        .find_map(|name| std::env::var(name).ok())
        .context("AWS_REGION is not set")?;
    let bucket = &description.pictures_bucket;
    Ok(format!("https://{bucket}.s3.{region}.amazonaws.com"))
}
