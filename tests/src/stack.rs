//! The running stack, as its description file tells of it, and one client for each part.

use std::{
    collections::BTreeSet,
    path::{Path, PathBuf},
    sync::{Mutex, MutexGuard, PoisonError},
    time::Duration,
};

use anyhow::{Context as _, Result};
use serde::Deserialize;
use sqlx::{PgPool, postgres::PgPoolOptions};

use crate::{
    clients::{grpc::Grpc, http::Http, kafka::Kafka},
    stored::Stored,
    token::Signer,
    traces::Traces,
};

/// Names the description file of the stack to test.
const VARIABLE: &str = "TRICHROME_STACK";

/// Where a running `cargo xtask up` has it, from the workspace's root.
const DEFAULT: &str = ".local/up/stack.json";

/// What a stack says of itself.
#[derive(Clone, Debug, Deserialize)]
pub struct Description {
    /// The REST API.
    pub rest_url: String,
    /// The gateway's HTTP port: the facade, and the pages beside it.
    pub gateway_url: String,
    /// The gateway's gRPC port.
    pub grpc_url: String,
    /// Bootstrap brokers, `host:port`.
    pub kafka_brokers: String,
    /// S3, DynamoDB and Secrets Manager.
    pub aws_endpoint: String,
    /// Lambda's Invoke API.
    pub lambda_endpoint: String,
    /// Postgres.
    pub database_url: String,
    /// The DynamoDB table of users.
    pub users_table: String,
    /// The DynamoDB table of pictures.
    pub pictures_table: String,
    /// The S3 bucket of pictures.
    pub pictures_bucket: String,
    /// The private key that signs tokens.
    pub token_key_file: PathBuf,
    /// The tokens' issuer.
    pub issuer: String,
    /// The tokens' audience.
    pub audience: String,
    /// The supervisor's socket.
    pub control_socket: PathBuf,
    /// Where each part's log is.
    pub logs: PathBuf,
    /// Where its parts send their spans; the tests listen there.
    #[serde(default)]
    pub otlp_endpoint: Option<String>,
}

impl Description {
    /// Whether API Gateway serves REST, and not the functions' own local server.
    pub fn is_deployed(&self) -> bool {
        self.rest_url != self.lambda_endpoint
    }

    /// Reads the file that `TRICHROME_STACK` names, or a running `up`'s.
    ///
    /// # Errors
    ///
    /// There is no such file, or it is no description.
    pub fn read() -> Result<Self> {
        let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("..");
        let path = root.join(std::env::var_os(VARIABLE).unwrap_or(DEFAULT.into()));
        let text = std::fs::read_to_string(&path).with_context(|| {
            format!(
                "no stack is running: {} is not there; run `cargo xtask test`, or start \
                 `cargo xtask up` first",
                path.display()
            )
        })?;
        serde_json::from_str(&text)
            .with_context(|| format!("{} does not describe a stack", path.display()))
    }
}

/// A running stack. Its clients are shared by all tests of a process.
pub struct Stack {
    /// What it says of itself.
    pub description: Description,
    /// HTTP, to the REST API and to the gateway.
    pub http: Http,
    /// gRPC, to the gateway.
    pub grpc: Grpc,
    /// Kafka.
    pub kafka: Kafka,
    /// The call logs' database.
    pub postgres: PgPool,
    /// The users' and pictures' stores.
    pub stored: Stored,
    /// Signs tokens with the stack's own key.
    pub signer: Signer,
    /// The spans that its parts send.
    pub traces: Traces,
    /// Parts that the tests have stopped.
    stopped: Mutex<BTreeSet<String>>,
}

impl Stack {
    /// Builds the clients. Kafka's begins to read `results`, so the broker has to be there;
    /// the others connect when they are first used.
    ///
    /// # Errors
    ///
    /// The description or the token key cannot be read, or Kafka is not there.
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
            kafka: Kafka::connect(&description.kafka_brokers).await?,
            postgres,
            stored: Stored::new(&description),
            signer: Signer::read(&description)?,
            traces: Traces::listen(&description),
            stopped: Mutex::default(),
            description,
        })
    }

    pub(crate) fn stopped(&self) -> MutexGuard<'_, BTreeSet<String>> {
        self.stopped.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
