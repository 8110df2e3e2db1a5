//! Configuration from the environment, with the names that the functions use.

use std::{path::PathBuf, time::Duration};

use trichrome_analytics::{DatabaseSource, upkeep::Retention};
use trichrome_kafka::Connection;
use trichrome_startup::{InvalidEnvironment, Variables};

use crate::{schema::Schema, steps::Step, topics::Layout};

/// The default of `PREPARE_TIMEOUT_SECONDS`.
const TIMEOUT: Duration = Duration::from_secs(60);

/// The configuration of the requested steps.
#[derive(Debug)]
pub struct Config {
    /// For `storage`.
    pub storage: Option<Storage>,
    /// For `keys`.
    pub keys: Option<Keys>,
    /// For `key-files`.
    pub key_files: Option<KeyFiles>,
    /// For `topics`.
    pub topics: Option<Topics>,
    /// For `topic-commands`: `KAFKA_TOPIC_PARTITIONS` and `KAFKA_TOPIC_REPLICATION`
    pub topic_commands: Option<Layout>,
    /// For `schema`.
    pub database: Option<Schema>,
    /// `PREPARE_TIMEOUT_SECONDS`: time allowed for each dependency to become available.
    pub timeout: Duration,
}

/// The tables, the bucket and the queues.
#[derive(Debug)]
pub struct Storage {
    /// `USERS_TABLE`
    pub users_table: String,
    /// `PICTURES_TABLE`
    pub pictures_table: String,
    /// `PICTURES_BUCKET`
    pub pictures_bucket: String,
    /// The name in `CALL_LOG_QUEUE_URL`.
    pub call_log_queue: String,
    /// The name in `DERIVE_QUEUE_URL`.
    pub derive_queue: String,
    /// `WEB_ORIGINS`: the origins whose pages upload and download pictures. None by default.
    pub web_origins: Vec<String>,
}

/// The Kafka topics.
#[derive(Debug)]
pub struct Topics {
    /// `KAFKA_BROKERS`, and the variables for TLS and the login.
    pub connection: Connection,
    /// `KAFKA_TOPIC_PARTITIONS` and `KAFKA_TOPIC_REPLICATION`
    pub layout: Layout,
    /// `KAFKA_TOPICS_CORRECT`: `on` or `off` (default). Whether to change the settings of existing
    /// topics to ours.
    pub correct: bool,
}

/// The token key in Secrets Manager.
#[derive(Debug)]
pub struct Keys {
    /// `TOKEN_KEY_SECRET_ID`
    pub secret: String,
    /// `TOKEN_JWKS_FILE`: where to write the public keys, for `TOKEN_JWKS`.
    pub jwks_file: PathBuf,
    /// `TOKEN_KEY_FILE`: where to keep a copy of the private key, for tests that sign tokens
    /// and for a local AWS that loses its secrets. Optional.
    pub key_file: Option<PathBuf>,
}

/// The token key in files.
#[derive(Debug)]
pub struct KeyFiles {
    /// `TOKEN_KEY_FILE`: the private key; an existing one is kept.
    pub key_file: PathBuf,
    /// `TOKEN_JWKS_FILE`: where to write the public keys, for `TOKEN_JWKS`.
    pub jwks_file: PathBuf,
}

impl Config {
    /// Reads the variables of `steps` from `lookup`.
    ///
    /// # Errors
    ///
    /// Every variable that is missing or wrong, at once.
    pub fn read(
        steps: &[Step],
        lookup: impl Fn(&str) -> Option<String>,
    ) -> Result<Self, InvalidEnvironment> {
        let mut vars = Variables::new(lookup);
        let wanted = |step| steps.contains(&step);
        let config = Self {
            storage: wanted(Step::Storage).then(|| Storage {
                users_table: vars.required("USERS_TABLE"),
                pictures_table: vars.required("PICTURES_TABLE"),
                pictures_bucket: vars.required("PICTURES_BUCKET"),
                call_log_queue: queue(&mut vars, "CALL_LOG_QUEUE_URL"),
                derive_queue: queue(&mut vars, "DERIVE_QUEUE_URL"),
                web_origins: origins(vars.optional("WEB_ORIGINS").as_deref().unwrap_or_default()),
            }),
            keys: wanted(Step::Keys).then(|| Keys {
                secret: vars.required("TOKEN_KEY_SECRET_ID"),
                jwks_file: vars.required("TOKEN_JWKS_FILE").into(),
                key_file: vars.optional("TOKEN_KEY_FILE").map(Into::into),
            }),
            key_files: wanted(Step::KeyFiles).then(|| KeyFiles {
                key_file: vars.required("TOKEN_KEY_FILE").into(),
                jwks_file: vars.required("TOKEN_JWKS_FILE").into(),
            }),
            topics: wanted(Step::Topics).then(|| Topics {
                connection: connection(&mut vars),
                layout: Layout::read(&mut vars),
                correct: vars.switch_or("KAFKA_TOPICS_CORRECT", false),
            }),
            topic_commands: wanted(Step::TopicCommands).then(|| Layout::read(&mut vars)),
            database: wanted(Step::Schema)
                .then(|| {
                    let retention = Retention::read(&mut vars);
                    DatabaseSource::read(&mut vars).map(|source| Schema { source, retention })
                })
                .flatten(),
            timeout: vars.seconds_or("PREPARE_TIMEOUT_SECONDS", TIMEOUT),
        };
        vars.check()?;
        Ok(config)
    }
}

/// The connection to Kafka, by anything but tokens: librdkafka asks for them in an event, which
/// rdkafka's admin client doesn't serve.
fn connection(vars: &mut Variables<'_>) -> Connection {
    let connection = Connection::read(vars);
    if let Some(mechanism) = connection.token_mechanism() {
        vars.problem(
            "KAFKA_SASL_MECHANISM",
            &format!(
                "is {mechanism}, which the step topics can't use: its client can't renew tokens. \
                 The step topic-commands prints commands for Apache Kafka's own tools, which can \
                 (docs/kafka.md)"
            ),
        );
    }
    connection
}

/// The name of the queue whose URL this variable has.
fn queue(vars: &mut Variables<'_>, variable: &str) -> String {
    vars.required_with(variable, "a queue's URL", queue_name)
        .unwrap_or_default()
}

/// Origins that are separated by commas.
fn origins(list: &str) -> Vec<String> {
    let origins = list.split(',').map(str::trim);
    origins
        .filter(|origin| !origin.is_empty())
        .map(str::to_owned)
        .collect()
}

/// The name of the queue with this URL: the last part of its path.
fn queue_name(url: &str) -> Option<String> {
    let (_, name) = url.split_once("://")?.1.rsplit_once('/')?;
    (!name.is_empty()).then(|| name.to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_problem_is_reported_at_once() {
        let error = Config::read(&Step::DEFAULT, |name| match name {
            "DATABASE_URL" => Some("mysql://u:hunter2@h/d".into()),
            "PREPARE_TIMEOUT_SECONDS" => Some("soon".into()),
            "USERS_TABLE" => Some("users".into()),
            _ => None,
        })
        .unwrap_err()
        .to_string();
        for name in [
            "PICTURES_TABLE is not set",
            "KAFKA_BROKERS is not set",
            "TOKEN_JWKS_FILE is not set",
            "DATABASE_URL must be",
            "PREPARE_TIMEOUT_SECONDS must be",
        ] {
            assert!(error.contains(name), "{error}");
        }
        assert!(!error.contains("USERS_TABLE"), "{error}");
        assert!(!error.contains("hunter2"), "{error}");
    }

    #[test]
    fn the_key_file_is_optional() {
        let config = Config::read(&Step::DEFAULT, |name| match name {
            "DATABASE_URL" => Some("postgres://u:p@127.0.0.1:54320/d".into()),
            "CALL_LOG_QUEUE_URL" => Some("http://127.0.0.1:4566/000000000000/logs".into()),
            "DERIVE_QUEUE_URL" => Some("http://127.0.0.1:4566/000000000000/derive".into()),
            "WEB_ORIGINS" => Some("http://localhost:3005, http://localhost:5173,".into()),
            "TOKEN_KEY_FILE" | "PREPARE_TIMEOUT_SECONDS" => None,
            "CALL_LOG_RETENTION_DAYS" => None,
            optional if optional.starts_with("DATABASE_") => None,
            optional if optional.starts_with("KAFKA_") && optional != "KAFKA_BROKERS" => None,
            other => Some(other.to_lowercase()),
        })
        .unwrap();
        let keys = config.keys.unwrap();
        assert_eq!(keys.key_file, None);
        assert_eq!(keys.secret, "token_key_secret_id");
        assert_eq!(config.timeout, Duration::from_secs(60));
        assert!(config.key_files.is_none());
        let storage = config.storage.unwrap();
        assert_eq!(storage.call_log_queue, "logs");
        assert_eq!(storage.derive_queue, "derive");
        let origins = ["http://localhost:3005", "http://localhost:5173"];
        assert_eq!(storage.web_origins, origins);
    }

    #[test]
    fn topics_cannot_be_created_with_a_token() {
        let oauth: &[_] = &[
            ("KAFKA_OAUTH_TOKEN_URL", "https://tokens.example"),
            ("KAFKA_USERNAME", "admin"),
            ("KAFKA_PASSWORD", "secret"),
        ];
        for (mechanism, more) in [("AWS_MSK_IAM", &[][..]), ("OAUTHBEARER", oauth)] {
            let error = Config::read(&[Step::Topics], |name| {
                let value = match name {
                    "KAFKA_BROKERS" => "k:9092",
                    "KAFKA_SECURITY_PROTOCOL" => "SASL_SSL",
                    "KAFKA_SASL_MECHANISM" => mechanism,
                    other => more.iter().find(|(name, _)| *name == other)?.1,
                };
                Some(value.to_owned())
            });
            let error = error.unwrap_err().to_string();
            let expected = format!("KAFKA_SASL_MECHANISM is {mechanism}, which the step topics");
            assert!(error.contains(&expected), "{error}");
            assert!(error.contains("topic-commands"), "{error}");
        }
    }

    #[test]
    fn only_requested_steps_are_configured() {
        let brokers = |name: &str| (name == "KAFKA_BROKERS").then(|| "k:9092".to_owned());
        let config = Config::read(&[Step::Topics], brokers).unwrap();
        assert_eq!(config.topics.unwrap().connection.brokers(), "k:9092");
        assert!(config.storage.is_none() && config.keys.is_none());
        assert!(config.database.is_none());
        let error = Config::read(&[Step::KeyFiles], brokers).unwrap_err();
        assert_eq!(
            error.to_string(),
            "invalid environment: TOKEN_KEY_FILE is not set; TOKEN_JWKS_FILE is not set"
        );
    }
}
