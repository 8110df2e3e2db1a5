//! The local stack: its parts, where they listen, and where their state is.

mod cache;
pub(crate) mod control;
mod deployment;
mod description;
pub(crate) mod functions;
mod kafka;
mod leftovers;
mod lock;
pub(crate) mod logs;
mod parts;
mod ports;
mod postgres;
mod relay;
mod reload;
mod running;
mod supervisor;

use std::{collections::BTreeMap, fs, path::PathBuf, process::Command};

use anyhow::{Context as _, Result};

pub(crate) use cache::Cache;
pub(crate) use deployment::{deploy_again, in_use};
pub(crate) use description::Description;
pub(crate) use lock::{Lock, stop_holder};
pub(crate) use ports::Ports;
pub(crate) use postgres::Cluster;
pub(crate) use reload::Reload;
pub(crate) use supervisor::Supervisor;

use deployment::Deployment;
use kafka::{Access, Apache};
use parts::Part;

use crate::{
    docker_image::Image,
    observe::Observe,
    process,
    progress::say,
    tools::{self, ApacheKafka, WebApp},
    workspace::{binary, local},
};

/// The port of Vite's development server.
const VITE: u16 = 5173;

/// A stack, such as `up` or `test`.
pub(crate) struct Stack {
    pub(crate) ports: Ports,
    /// The folder with the state, which outlives a run.
    pub(crate) state: PathBuf,
    pub(crate) logs: PathBuf,
    cluster: Cluster,
    /// Programs that replace those of the debug build.
    programs: BTreeMap<String, PathBuf>,
    /// Apache Kafka, if the stack doesn't use the repository's own broker.
    apache: Option<Apache>,
    /// The gateway's image, if it runs in a container.
    image: Option<Image>,
    observe: Option<Observe>,
    /// The optional cache.
    cache: Option<Cache>,
    /// The deployment of the functions, if the stack doesn't start them.
    deployment: Option<Deployment>,
    /// Whether programs of version 0.1 run in it, too.
    two_versions: bool,
    /// Held until the stack is dropped.
    _lock: Lock,
}

impl Stack {
    /// The folder of a stack's state.
    pub(crate) fn state(name: &str) -> PathBuf {
        local().join(name)
    }

    /// The folder of a stack's logs.
    pub(crate) fn logs(name: &str) -> PathBuf {
        if name == "up" {
            local().join("logs")
        } else {
            Self::state(name).join("logs")
        }
    }

    /// Creates a stack and its folders.
    pub(crate) fn new(name: &str, ports: Ports, lock: Lock) -> Result<Self> {
        let (state, logs) = (Self::state(name), Self::logs(name));
        for folder in [&state, &logs] {
            fs::create_dir_all(folder)
                .with_context(|| format!("cannot create {}", folder.display()))?;
        }
        Ok(Self {
            ports,
            cluster: Cluster::open(&state, &logs)?,
            programs: BTreeMap::new(),
            apache: None,
            image: None,
            observe: None,
            cache: None,
            deployment: None,
            two_versions: false,
            state,
            logs,
            _lock: lock,
        })
    }

    /// Replaces programs of the workspace, by name.
    pub(crate) fn with_programs(self, programs: BTreeMap<String, PathBuf>) -> Self {
        Self { programs, ..self }
    }

    /// Prepares the stack for programs of version 0.1, until version 0.3.
    pub(crate) fn with_two_versions(self) -> Self {
        Self {
            two_versions: true,
            ..self
        }
    }

    /// Replaces programs of the workspace from their next start on.
    pub(crate) fn use_programs(&mut self, programs: BTreeMap<String, PathBuf>) {
        self.programs = programs;
    }

    /// The path of a program.
    pub(crate) fn program(&self, name: &str) -> PathBuf {
        self.programs
            .get(name)
            .cloned()
            .unwrap_or_else(|| binary(name))
    }

    /// Uses Apache Kafka; with `secured`, its clients use TLS, log in and are subject to ACLs.
    pub(crate) fn with_apache(self, program: ApacheKafka, secured: bool) -> Result<Self> {
        let folder = self.state.join("apache-kafka");
        let apache = Apache::open(program, folder, self.ports.kafka, secured, &self.logs)?;
        Ok(Self {
            apache: Some(apache),
            ..self
        })
    }

    /// Who reaches the broker, if not everyone.
    fn access(&self) -> Option<&Access> {
        self.apache.as_ref().and_then(Apache::access)
    }

    /// Runs the gateway in a container of this image.
    pub(crate) fn with_image(self, image: Image) -> Self {
        Self {
            image: Some(image),
            ..self
        }
    }

    pub(crate) fn image(&self) -> Option<&Image> {
        self.image.as_ref()
    }

    /// Sets the observability options.
    pub(crate) fn with_observe(self, observe: Option<Observe>) -> Self {
        Self { observe, ..self }
    }

    pub(crate) fn observe(&self) -> Option<&Observe> {
        self.observe.as_ref()
    }

    /// Adds a cache, which functions and gateway use.
    pub(crate) fn with_cache(self, cache: Option<Cache>) -> Self {
        Self { cache, ..self }
    }

    pub(crate) fn cache(&self) -> Option<&Cache> {
        self.cache.as_ref()
    }

    /// Deletes the state of earlier runs, except for their logs.
    pub(crate) fn wipe(name: &str, _: &Lock) -> Result<()> {
        let (state, logs) = (Self::state(name), Self::logs(name));
        Cluster::wipe(&state)?;
        for entry in fs::read_dir(&state).into_iter().flatten() {
            let path = entry?.path();
            let removed = match path.is_dir() {
                _ if path == logs => Ok(()),
                true => fs::remove_dir_all(&path),
                false => fs::remove_file(&path),
            };
            removed.with_context(|| format!("cannot remove {}", path.display()))?;
        }
        Ok(())
    }

    /// Takes the lock of a stack, and stops processes left over by a run that was killed. `None`
    /// if another process runs the stack.
    pub(crate) fn lock(name: &str) -> Result<Option<Lock>> {
        let state = Self::state(name);
        let Ok(lock) = Lock::take(&state)? else {
            return Ok(None);
        };
        let left = leftovers::stop(&state);
        if !left.is_empty() {
            say(format!(
                "stopped what an earlier run had left: {}",
                left.join(", ")
            ));
        }
        Ok(Some(lock))
    }

    /// Creates missing tables, bucket, queues, keys, topics and the schema.
    fn prepare(&self) -> Result<()> {
        let description = match self.deployment {
            None => "Tables, bucket, queues, keys, topics and schema",
            Some(_) => "Keys and topics",
        };
        self.run_prepare(self.preparations(), description)?;
        match self.access() {
            Some(access) => access.set_acls(&self.logs.join("kafka-acls.log")),
            None => Ok(()),
        }
    }

    /// Runs steps of `prepare` for a part that has crashed, which is running again.
    fn prepare_again(&self, steps: &[&str]) -> Result<()> {
        self.run_prepare(steps, &format!("checking {}", steps.join(" and ")))
    }

    /// Waits for what would keep a crashed part from starting again.
    fn before_revival(&self, part: Part) {
        if part == Part::Postgres {
            self.cluster.wait_for_orphans();
        }
    }

    /// Runs steps of `prepare`; all of them if none is named.
    fn run_prepare(&self, steps: &[&str], description: &str) -> Result<()> {
        let mut command = Command::new(binary("prepare"));
        command
            .args(steps)
            .envs(self.environment()?)
            .env("WEB_ORIGINS", self.web_origins().join(","));
        if let Some(access) = self.access() {
            command.envs(access.variables(kafka::ADMIN));
        }
        process::run_logged(&mut command, description, &self.logs.join("prepare.log"))
    }

    /// The origins of the web app: served by the gateway, and by Vite.
    fn web_origins(&self) -> Vec<String> {
        [self.ports.gateway, VITE]
            .iter()
            .flat_map(|port| ["localhost", "127.0.0.1"].map(|host| format!("http://{host}:{port}")))
            .collect()
    }

    /// Creates the database on the server that runs, where it is missing.
    fn ensure_database(&self) -> Result<()> {
        self.cluster.ensure_database(self.ports.postgres)
    }

    /// The address of cargo-lambda's APIs.
    fn cargo_lambda(&self) -> String {
        format!("http://127.0.0.1:{}", self.ports.lambda)
    }

    /// The file that `prepare` writes the public keys to.
    pub(crate) fn jwks_file(&self) -> PathBuf {
        self.state.join("token-jwks.json")
    }

    /// The file with a copy of the private key.
    pub(crate) fn key_file(&self) -> PathBuf {
        self.state.join("token-key.json")
    }

    /// Environment variables of all programs of the stack.
    pub(crate) fn environment(&self) -> Result<Vec<(&'static str, String)>> {
        let description = self.description();
        let mut variables = self.aws_variables(&description);
        variables.extend([
            ("USERS_TABLE", description.users_table),
            ("PICTURES_TABLE", description.pictures_table),
            ("PICTURES_BUCKET", description.pictures_bucket),
            ("TOKEN_KEY_SECRET_ID", "trichrome/token-key".to_owned()),
            ("TOKEN_JWKS_FILE", description.token_jwks_file),
            ("TOKEN_KEY_FILE", description.token_key_file),
            ("TOKEN_ISSUER", description.issuer),
            ("TOKEN_AUDIENCE", description.audience),
            // Tests create many users, from several addresses by the header of proxies.
            ("SIGNUPS_PER_ADDRESS", "100000".to_owned()),
            ("SIGNUPS_TOTAL", "100000".to_owned()),
            ("TRUSTED_PROXIES", "127.0.0.0/8".to_owned()),
            ("DATABASE_URL", description.database_url),
            ("CALL_LOG_QUEUE_URL", description.call_log_queue_url),
            ("DERIVE_QUEUE_URL", description.derive_queue_url),
            ("KAFKA_BROKERS", description.kafka_brokers),
            // The local brokers allow it; Apache Kafka's default minimum is 6 s.
            ("KAFKA_SESSION_TIMEOUT_MS", "3000".to_owned()),
        ]);
        if self.two_versions {
            // Its functions hand their call logs to this one.
            variables.push(("CALL_LOG_FUNCTION", "analytics-log".to_owned()));
        }
        if let Some(observe) = self.observe {
            variables.push(("OTEL_EXPORTER_OTLP_ENDPOINT", observe.endpoint()));
        }
        if let Some(cache) = &self.cache {
            variables.push(("CACHE_NODES", cache.nodes()));
        }
        let jwks = self.jwks_file();
        if jwks.exists() {
            variables.push(("TOKEN_JWKS", fs::read_to_string(jwks)?));
        }
        Ok(variables)
    }
}

/// Installs the tools, builds the web app, and runs `build`. Quick if everything is current.
pub(crate) fn set_up<T>(build: impl FnOnce() -> Result<T>) -> Result<T> {
    tools::install()?;
    let web = WebApp::begin()?;
    let built = build()?;
    web.finish()?;
    Ok(built)
}
