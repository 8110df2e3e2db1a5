//! What `prepare` reads from its environment, under the names that the functions use.

use std::{fmt, path::PathBuf, time::Duration};

use trichrome_analytics::Database;

/// Without `PREPARE_TIMEOUT_SECONDS`, in seconds.
const TIMEOUT_SECONDS: u64 = 60;

/// The configuration of `prepare`.
#[derive(Debug)]
pub struct Config {
    /// `USERS_TABLE`
    pub users_table: String,
    /// `PICTURES_TABLE`
    pub pictures_table: String,
    /// `PICTURES_BUCKET`
    pub pictures_bucket: String,
    /// `TOKEN_KEY_SECRET_ID`
    pub secret: String,
    /// `TOKEN_JWKS_FILE`: where the public keys are written, for `TOKEN_JWKS`.
    pub jwks_file: PathBuf,
    /// `TOKEN_KEY_FILE`: a copy of the private key, for tests that make tokens of their own
    /// and for a local AWS that forgets its secrets. None is kept unless this is set.
    pub key_file: Option<PathBuf>,
    /// `KAFKA_BROKERS`
    pub kafka_brokers: String,
    /// `DATABASE_URL`
    pub database: Database,
    /// `PREPARE_TIMEOUT_SECONDS`: how long to wait for each dependency to answer.
    pub timeout: Duration,
}

/// All that is wrong with the environment.
#[derive(Debug, PartialEq, Eq)]
pub struct ConfigError(Vec<String>);

impl fmt::Display for ConfigError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0.join("; "))
    }
}

impl std::error::Error for ConfigError {}

impl Config {
    /// Reads the variables from `lookup`.
    ///
    /// # Errors
    ///
    /// Every variable that is missing or wrong, at once.
    pub fn read(lookup: impl Fn(&str) -> Option<String>) -> Result<Self, ConfigError> {
        let mut problems = Vec::new();
        let get = |name: &str| lookup(name).filter(|value| !value.is_empty());
        let mut required = |name: &str| {
            get(name).unwrap_or_else(|| {
                problems.push(format!("{name} is not set"));
                String::new()
            })
        };
        let (users_table, pictures_table) = (required("USERS_TABLE"), required("PICTURES_TABLE"));
        let pictures_bucket = required("PICTURES_BUCKET");
        let secret = required("TOKEN_KEY_SECRET_ID");
        let jwks_file = required("TOKEN_JWKS_FILE").into();
        let kafka_brokers = required("KAFKA_BROKERS");
        let url = required("DATABASE_URL");
        let database = url.parse::<Database>();
        if let (Err(error), false) = (&database, url.is_empty()) {
            problems.push(format!("DATABASE_URL {error}"));
        }
        let seconds = get("PREPARE_TIMEOUT_SECONDS").map(|text| text.parse());
        if let Some(Err(_)) = seconds {
            problems.push("PREPARE_TIMEOUT_SECONDS must be a whole number".to_owned());
        }
        match database {
            Ok(database) if problems.is_empty() => Ok(Self {
                users_table,
                pictures_table,
                pictures_bucket,
                secret,
                jwks_file,
                key_file: get("TOKEN_KEY_FILE").map(Into::into),
                kafka_brokers,
                database,
                timeout: Duration::from_secs(match seconds {
                    Some(Ok(seconds)) => seconds,
                    _ => TIMEOUT_SECONDS,
                }),
            }),
            _ => Err(ConfigError(problems)),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_problem_is_named_at_once() {
        let error = Config::read(|name| match name {
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
    fn the_key_file_may_be_left_out() {
        let config = Config::read(|name| match name {
            "DATABASE_URL" => Some("postgres://u:p@127.0.0.1:54320/d".into()),
            "TOKEN_KEY_FILE" | "PREPARE_TIMEOUT_SECONDS" => None,
            other => Some(other.to_lowercase()),
        })
        .unwrap();
        assert_eq!(config.key_file, None);
        assert_eq!(config.timeout, Duration::from_secs(60));
        assert_eq!(config.secret, "token_key_secret_id");
    }
}
