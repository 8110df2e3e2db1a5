//! The value of `DATABASE_URL`.

use std::{fmt, str::FromStr};

use sqlx::postgres::PgConnectOptions;

/// A Postgres database and how to reach it.
///
/// Parsed from `postgres://user:password@host:5432/name`, or for a Unix socket from
/// `postgres:///name?host=/run/postgresql`. The URL chooses TLS: `?sslmode=require` encrypts,
/// `?sslmode=verify-full` also checks the server's name, with the public authorities or those in
/// `sslrootcert=<file>` (Amazon RDS has its own).
#[derive(Clone)]
pub struct Database(PgConnectOptions);

/// A text is not a [`Database`]. The text isn't included, because it contains a password.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("must be a Postgres URL such as postgres://user:password@host:5432/name")]
pub struct DatabaseError;

impl Database {
    /// Takes the place of a missing or invalid URL until the start fails.
    pub(crate) fn placeholder() -> Self {
        Self(PgConnectOptions::new_without_pgpass())
    }

    /// The driver's options.
    pub(crate) fn options(&self) -> PgConnectOptions {
        self.0.clone()
    }
}

impl FromStr for Database {
    type Err = DatabaseError;

    fn from_str(url: &str) -> Result<Self, DatabaseError> {
        // The driver accepts any scheme, and takes a missing host or name from the environment
        // or the system user.
        let rest = ["postgres://", "postgresql://"]
            .into_iter()
            .find_map(|scheme| url.strip_prefix(scheme))
            .ok_or(DatabaseError)?;
        let (place, query) = rest.split_once('?').unwrap_or((rest, ""));
        let (host, name) = place.split_once('/').unwrap_or((place, ""));
        let has = |key: &str| query.split('&').any(|pair| pair.starts_with(key));
        if (host.is_empty() && !has("host=")) || (name.is_empty() && !has("dbname=")) {
            return Err(DatabaseError);
        }
        let options: PgConnectOptions = url.parse().map_err(|_| DatabaseError)?;
        Ok(Self(match options.get_application_name() {
            Some(_) => options,
            None => options.application_name("trichrome-analytics"),
        }))
    }
}

/// Redacted: without the password.
impl fmt::Debug for Database {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Database")
            .field("host", &self.0.get_host())
            .field("port", &self.0.get_port())
            .field("name", &self.0.get_database())
            .finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn postgres_urls_are_accepted() {
        for url in [
            "postgres://u:p@127.0.0.1:54320/analytics",
            "postgresql://u@db.internal/analytics?sslmode=verify-full",
            "postgres:///analytics?host=/run/postgresql",
            "postgres://u:p%40ss@[::1]/analytics",
        ] {
            assert!(url.parse::<Database>().is_ok(), "{url}");
        }
    }

    #[test]
    fn other_texts_are_refused() {
        for url in [
            "",
            "analytics",
            "mysql://u:p@host/analytics",
            "http://host/analytics",
            "postgres://",
            "postgres:///analytics",
            "postgres://host",
            "postgres://host:port/analytics",
            "postgres://host/analytics?sslmode=perhaps",
        ] {
            assert!(url.parse::<Database>().is_err(), "{url}");
        }
    }

    #[test]
    fn the_password_is_redacted() {
        let database: Database = "postgres://u:hunter2@host/analytics".parse().unwrap();
        assert!(!format!("{database:?}").contains("hunter2"));
        assert!(!DatabaseError.to_string().contains("hunter2"));
    }
}
