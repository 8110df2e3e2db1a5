//! The running stack, read from its description file, and a client for each part.

use std::{
    collections::{BTreeMap, BTreeSet},
    path::{Path, PathBuf},
    sync::{Mutex, MutexGuard, PoisonError},
    time::Duration,
};

use anyhow::{Context as _, Result};
use serde::Deserialize;
use sqlx::{PgPool, postgres::PgPoolOptions};

use crate::{
    clients::{
        broker::{Access, Broker},
        grpc::Grpc,
        http::Http,
        kafka::Kafka,
    },
    stored::Stored,
    token::Signer,
    traces::Traces,
};

/// The environment variable with the path of the stack's description file.
const VARIABLE: &str = "TRICHROME_STACK";

/// The description file of `cargo xtask up`, relative to the workspace's root.
const DEFAULT: &str = ".local/up/stack.json";

/// A stack's description file.
#[derive(Clone, Debug, Deserialize)]
pub struct Description {
    /// The REST API.
    pub rest_url: String,
    /// The gateway's HTTP port: the facade and the web app.
    pub gateway_url: String,
    /// The gateway's operator port: health, metrics and profiles.
    pub admin_url: String,
    /// The gateway's gRPC port.
    pub grpc_url: String,
    /// Bootstrap brokers, `host:port`.
    pub kafka_brokers: String,
    /// The folder with the topics of Apache Kafka, if it is the broker.
    #[serde(default)]
    pub apache_kafka: Option<PathBuf>,
    /// The broker's logins, if it has any.
    #[serde(default)]
    pub kafka_access: Option<Access>,
    /// S3, DynamoDB and Secrets Manager.
    pub aws_endpoint: String,
    /// Lambda's Invoke API.
    pub lambda_endpoint: String,
    pub database_url: String,
    /// The DynamoDB table of users.
    pub users_table: String,
    /// The DynamoDB table of pictures.
    pub pictures_table: String,
    /// The S3 bucket of pictures.
    pub pictures_bucket: String,
    /// The SQS queue of call logs.
    pub call_log_queue_url: String,
    /// The SQS queue of S3's events of new pictures.
    pub derive_queue_url: String,
    /// The private key that signs tokens.
    pub token_key_file: PathBuf,
    /// The tokens' issuer.
    pub issuer: String,
    /// The tokens' audience.
    pub audience: String,
    /// The supervisor's socket.
    pub control_socket: PathBuf,
    /// The folder with the log of each part.
    pub logs: PathBuf,
    /// The folder with the data of each part.
    pub state: PathBuf,
    /// The address that the parts send their spans to; the tests listen there.
    #[serde(default)]
    pub otlp_endpoint: Option<String>,
    /// The nodes of the cache, if the stack has one.
    #[serde(default)]
    pub cache_nodes: Option<String>,
    /// Where Jaeger has those spans; the tests then read them there.
    #[serde(default)]
    pub jaeger_url: Option<String>,
    /// The gateway's program, unless it runs in a container.
    #[serde(default)]
    pub gateway_program: Option<PathBuf>,
    /// Whether programs of version 0.1 run in it, too. Their answers lack what is new, and they need
    /// commands that are named by the record's key.
    #[serde(default)]
    pub two_versions: bool,
    /// The gateway's environment.
    #[serde(default)]
    pub gateway_environment: BTreeMap<String, String>,
}

impl Description {
    /// Whether REST is served by API Gateway rather than the local function server.
    pub fn is_deployed(&self) -> bool {
        self.rest_url != self.lambda_endpoint
    }

    /// Reads the file in `TRICHROME_STACK`, or the one of a running `cargo xtask up`.
    pub fn read() -> Result<Self> {
        let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("..");
        let path = root.join(std::env::var_os(VARIABLE).unwrap_or(DEFAULT.into()));
        let text = std::fs::read_to_string(&path).with_context(|| {
            format!(
                "no stack is running: {} doesn't exist; run `cargo xtask test`, or start \
                 `cargo xtask up` first",
                path.display()
            )
        })?;
        serde_json::from_str(&text)
            .with_context(|| format!("{} isn't a valid stack description", path.display()))
    }
}

/// A running stack. Its clients are shared by all tests of a process.
pub struct Stack {
    pub description: Description,
    /// An HTTP client for the REST API and the gateway.
    pub http: Http,
    pub grpc: Grpc,
    pub kafka: Kafka,
    /// The database of the call logs.
    pub postgres: PgPool,
    /// The stores of users and pictures.
    pub stored: Stored,
    /// Signs tokens with the stack's key.
    pub signer: Signer,
    /// The spans sent by the stack's parts.
    pub traces: Traces,
    /// The parts that tests have stopped.
    stopped: Mutex<BTreeSet<String>>,
    /// The users that scenarios share, to delete at the end.
    pub(crate) shared_users: Mutex<Vec<String>>,
}

impl Stack {
    /// Builds the clients. The Kafka client starts reading `results`, so the broker must be
    /// running; the others connect on first use.
    pub async fn connect() -> Result<Self> {
        let description = Description::read()?;
        let postgres = PgPoolOptions::new()
            .max_connections(4)
            .acquire_timeout(Duration::from_secs(15))
            .connect_lazy(&description.database_url)
            .context("database_url is not a Postgres URL")?;
        Ok(Self {
            http: Http::new()?,
            grpc: Grpc::new(&description.grpc_url)?,
            kafka: Kafka::connect(Broker::new(&description)).await?,
            postgres,
            stored: Stored::new(&description),
            signer: Signer::read(&description)?,
            traces: Traces::new(&description)?,
            stopped: Mutex::default(),
            shared_users: Mutex::default(),
            description,
        })
    }

    pub(crate) fn stopped(&self) -> MutexGuard<'_, BTreeSet<String>> {
        self.stopped.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
