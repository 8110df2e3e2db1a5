use std::fmt;
use std::str::FromStr;

use sqlx::postgres::PgConnectOptions;

/// Which Postgres database, and how to reach it: the value of `DATABASE_URL`.
///
/// `postgres://user:password@host:5432/name`, or a Unix socket as
/// `postgres:///name?host=/run/postgresql`. TLS is the URL's to ask for: `?sslmode=require`
/// encrypts, `?sslmode=verify-full` also checks the server's name, against the public
/// authorities or those of `sslrootcert=<file>` (Amazon RDS signs with its own).
#[derive(Clone)]
pub struct Database(PgConnectOptions);

/// Why a text is no [`Database`]. Never holds the text, which has a password in it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("must be a Postgres URL such as postgres://user:password@host:5432/name")]
pub struct DatabaseError;

impl Database {
    /// Stands where a URL is missing or wrong, until the start fails for it.
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
        // The driver takes any scheme, and for a host or a name that is missing takes what
        // the environment or the user happens to be called.
        let rest = ["postgres://", "postgresql://"]
            .into_iter()
            .find_map(|scheme| url.strip_prefix(scheme))
            .ok_or(DatabaseError)?;
        let (place, query) = rest.split_once('?').unwrap_or((rest, ""));
        let (host, name) = place.split_once('/').unwrap_or((place, ""));
        let asks = |key: &str| query.split('&').any(|pair| pair.starts_with(key));
        if (host.is_empty() && !asks("host=")) || (name.is_empty() && !asks("dbname=")) {
            return Err(DatabaseError);
        }
        let options: PgConnectOptions = url.parse().map_err(|_| DatabaseError)?;
        Ok(Self(match options.get_application_name() {
            Some(_) => options,
            None => options.application_name("trichrome-analytics"),
        }))
    }
}

/// Without the password.
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
    fn urls_are_read() {
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
    fn what_is_no_postgres_url_is_refused() {
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
    fn the_password_is_never_shown() {
        let database: Database = "postgres://u:hunter2@host/analytics".parse().unwrap();
        assert!(!format!("{database:?}").contains("hunter2"));
        assert!(!DatabaseError.to_string().contains("hunter2"));
    }
}
