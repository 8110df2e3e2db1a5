//! The errors of the call log.

use trichrome_proto::{
    error::{ErrorCode, Fault},
    wire::UnknownTransport,
};

use crate::{
    database::{DatabaseError, refuses_login},
    entry::{MAX_DURATION_MS, METHOD_MAX, SERVICE_MAX},
};

/// Why an operation on the call log failed.
///
/// The messages of the first group are returned to the caller, those of the second are logged.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// An unknown transport.
    #[error(transparent)]
    Transport(#[from] UnknownTransport),
    /// An invalid service or method name.
    #[error("{field} must be 1 to {max} characters, without control characters")]
    Name {
        /// `service` or `method`.
        field: &'static str,
        /// The limit of characters.
        max: usize,
    },
    /// A status outside HTTP's range.
    #[error("status must be 100 to 599; leave it out where it is not known or does not matter")]
    Status,
    /// A negative duration, or one over a day.
    #[error("duration_ms must be 0 to {MAX_DURATION_MS}, which is a day")]
    Duration,
    /// An invalid trace id.
    #[error("trace_id must be 32 hexadecimal digits, not all of them zero")]
    TraceId,
    /// A cursor that this service did not write.
    #[error("cursor must be the next_cursor of the page before; leave it out for the first page")]
    Cursor,
    /// A time outside the years 1 to 9999.
    #[error("{field} must be a time of the years 1 to 9999")]
    Time {
        /// The field's name.
        field: &'static str,
    },
    /// An empty range of time.
    #[error("since must be before until")]
    Range,

    /// The database's address, or a login, is unavailable for now.
    #[error("the database's login is unavailable")]
    NoLogin(#[source] DatabaseError),
    /// The secret with the database's address is missing or wrong.
    #[error("the database's address is wrong; check what DATABASE_URL_SOURCE names")]
    Address(#[source] DatabaseError),
    /// Postgres refuses the login, which may be changing at this moment.
    #[error("the database refuses the login")]
    Login(#[source] sqlx::Error),
    /// Postgres can't be reached, is starting or stopping, or has no connection left.
    #[error("the database is unavailable")]
    Unavailable(#[source] sqlx::Error),
    /// Postgres canceled a statement that took too long.
    #[error("the database canceled a slow statement; read a shorter range of time")]
    Slow(#[source] sqlx::Error),
    /// Postgres did not respond in time.
    #[error("the database did not respond in time")]
    Timeout,
    /// The table is missing.
    #[error("the call log's table is missing; run the migrations")]
    NotMigrated(#[source] sqlx::Error),
    /// Anything else: a bug, or a database with another configuration.
    #[error("the database refused a statement")]
    Database(#[source] sqlx::Error),
}

impl Error {
    pub(crate) const SERVICE: Self = Self::Name {
        field: "service",
        max: SERVICE_MAX,
    };
    pub(crate) const METHOD: Self = Self::Name {
        field: "method",
        max: METHOD_MAX,
    };
}

impl Fault for Error {
    fn code(&self) -> ErrorCode {
        match self {
            Self::Transport(_)
            | Self::Name { .. }
            | Self::Status
            | Self::Duration
            | Self::TraceId
            | Self::Cursor
            | Self::Time { .. }
            | Self::Range => ErrorCode::InvalidArgument,
            Self::Unavailable(_) | Self::NoLogin(_) | Self::Login(_) => ErrorCode::Unavailable,
            Self::Slow(_) | Self::Timeout => ErrorCode::DeadlineExceeded,
            Self::Address(_) | Self::NotMigrated(_) | Self::Database(_) => ErrorCode::Internal,
        }
    }
}

impl From<DatabaseError> for Error {
    fn from(error: DatabaseError) -> Self {
        if error.is_transient() {
            Self::NoLogin(error)
        } else {
            Self::Address(error)
        }
    }
}

impl From<sqlx::Error> for Error {
    fn from(error: sqlx::Error) -> Self {
        if refuses_login(&error) {
            return Self::Login(error);
        }
        let Some(database) = error.as_database_error() else {
            return match error {
                sqlx::Error::Io(_)
                | sqlx::Error::Tls(_)
                | sqlx::Error::PoolTimedOut
                | sqlx::Error::PoolClosed
                | sqlx::Error::WorkerCrashed => Self::Unavailable(error),
                _ => Self::Database(error),
            };
        };
        match database.constraint() {
            Some("call_logs_transport_check") => return Self::Transport(UnknownTransport),
            Some("call_logs_service_check") => return Self::SERVICE,
            Some("call_logs_method_check") => return Self::METHOD,
            Some("call_logs_status_check") => return Self::Status,
            Some("call_logs_duration_ms_check") => return Self::Duration,
            _ => {}
        }
        match Condition::of(database.code().as_deref().unwrap_or_default()) {
            Condition::Transient => Self::Unavailable(error),
            Condition::Canceled => Self::Slow(error),
            Condition::NoTable => Self::NotMigrated(error),
            Condition::Other => Self::Database(error),
        }
    }
}

/// The code of a failed statement that no caller's input caused.
pub(crate) fn code_of(error: &sqlx::Error) -> ErrorCode {
    let Some(database) = error.as_database_error() else {
        return match error {
            sqlx::Error::Io(_) | sqlx::Error::Tls(_) => ErrorCode::Unavailable,
            _ => ErrorCode::Internal,
        };
    };
    let state = database.code();
    match Condition::of(state.as_deref().unwrap_or_default()) {
        Condition::Transient => ErrorCode::Unavailable,
        Condition::Canceled => ErrorCode::DeadlineExceeded,
        Condition::NoTable | Condition::Other if refuses_login(error) => ErrorCode::Unavailable,
        Condition::NoTable | Condition::Other => ErrorCode::Internal,
    }
}

/// The code if the database's address or login can't be read.
pub(crate) const fn code_of_address(error: &DatabaseError) -> ErrorCode {
    match error.is_transient() {
        true => ErrorCode::Unavailable,
        false => ErrorCode::Internal,
    }
}

/// What a SQLSTATE (PostgreSQL manual, appendix A) means for the call.
#[derive(Debug, PartialEq, Eq)]
enum Condition {
    /// The same statement may succeed later, on this server or after a failover.
    Transient,
    /// A timeout or an operator canceled the statement.
    Canceled,
    NoTable,
    Other,
}

impl Condition {
    fn of(state: &str) -> Self {
        match state {
            "57014" => Self::Canceled,
            "42P01" => Self::NoTable,
            // Serialization failure, deadlock, lock not available, and a server that a failover
            // made read-only.
            "40001" | "40P01" | "55P03" | "25006" => Self::Transient,
            // Connection exceptions, insufficient resources (connections, disk space), and
            // shutdown, crash or start-up.
            _ if ["08", "53", "57P"]
                .iter()
                .any(|class| state.starts_with(class)) =>
            {
                Self::Transient
            }
            _ => Self::Other,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_sqlstate_tells_what_is_transient() {
        for state in [
            "57P01", "57P03", "53300", "53100", "08006", "40P01", "25006",
        ] {
            assert_eq!(Condition::of(state), Condition::Transient, "{state}");
        }
        assert_eq!(Condition::of("57014"), Condition::Canceled);
        assert_eq!(Condition::of("42P01"), Condition::NoTable);
        for state in ["", "3D000", "42601", "22021", "23505"] {
            assert_eq!(Condition::of(state), Condition::Other, "{state}");
        }
    }

    #[test]
    fn an_unreachable_database_is_unavailable() {
        let refused = sqlx::Error::Io(std::io::ErrorKind::ConnectionRefused.into());
        assert_eq!(Error::from(refused).code(), ErrorCode::Unavailable);
        let full = sqlx::Error::PoolTimedOut;
        assert_eq!(Error::from(full).code(), ErrorCode::Unavailable);
        assert_eq!(
            Error::from(sqlx::Error::RowNotFound).code(),
            ErrorCode::Internal
        );
    }

    #[test]
    fn a_message_names_the_limit() {
        assert_eq!(
            Error::SERVICE.to_string(),
            "service must be 1 to 64 characters, without control characters"
        );
        assert_eq!(
            Error::Duration.to_string(),
            "duration_ms must be 0 to 86400000, which is a day"
        );
    }
}
