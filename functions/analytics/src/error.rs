use trichrome_proto::error::{ErrorCode, Fault};

use crate::entry::{MAX_DURATION_MS, METHOD_MAX, SERVICE_MAX};

/// What can go wrong with the call log.
///
/// The first group is the caller's to change and reads as the caller gets it; the second is
/// the service's, for its log.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// A transport that does not exist.
    #[error("transport must be rest, grpc or events")]
    Transport,
    /// A service or method name that can't be one.
    #[error("{field} must be 1 to {max} characters, without control characters")]
    Name {
        /// Which of the two.
        field: &'static str,
        /// The most characters.
        max: usize,
    },
    /// A status that HTTP does not have.
    #[error("status must be 100 to 599; leave it out where it is not known or does not matter")]
    Status,
    /// A duration that no call takes.
    #[error("duration_ms must be 0 to {MAX_DURATION_MS}, which is a day")]
    Duration,
    /// A trace id that is none.
    #[error("trace_id must be 32 hexadecimal digits, not all of them zero")]
    TraceId,
    /// A cursor that this service did not write.
    #[error("cursor must be the next_cursor of the page before; leave it out for the first page")]
    Cursor,
    /// A time outside the calendar.
    #[error("{field} must be a time of the years 1 to 9999")]
    Time {
        /// The field's name.
        field: &'static str,
    },
    /// A range of time without a moment in it.
    #[error("since must be before until")]
    Range,

    /// Postgres can't be reached, or is starting, stopping, or out of connections.
    #[error("the database is not available")]
    Unavailable(#[source] sqlx::Error),
    /// Postgres stopped a statement that took too long.
    #[error("the database stopped a statement that took too long; a narrower range of time helps")]
    Slow(#[source] sqlx::Error),
    /// Postgres did not answer in time.
    #[error("the database did not answer in time")]
    Silent,
    /// There is no table.
    #[error("the database lacks the call log's table; run the migrations")]
    NotMigrated(#[source] sqlx::Error),
    /// Anything else: a bug here, or a database that is set up differently.
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
            Self::Transport
            | Self::Name { .. }
            | Self::Status
            | Self::Duration
            | Self::TraceId
            | Self::Cursor
            | Self::Time { .. }
            | Self::Range => ErrorCode::InvalidArgument,
            Self::Unavailable(_) => ErrorCode::Unavailable,
            Self::Slow(_) | Self::Silent => ErrorCode::DeadlineExceeded,
            Self::NotMigrated(_) | Self::Database(_) => ErrorCode::Internal,
        }
    }
}

impl From<sqlx::Error> for Error {
    fn from(error: sqlx::Error) -> Self {
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
            Some("call_logs_transport_check") => return Self::Transport,
            Some("call_logs_service_check") => return Self::SERVICE,
            Some("call_logs_method_check") => return Self::METHOD,
            Some("call_logs_status_check") => return Self::Status,
            Some("call_logs_duration_ms_check") => return Self::Duration,
            _ => {}
        }
        match Condition::of(database.code().as_deref().unwrap_or_default()) {
            Condition::Passing => Self::Unavailable(error),
            Condition::Canceled => Self::Slow(error),
            Condition::NoTable => Self::NotMigrated(error),
            Condition::Other => Self::Database(error),
        }
    }
}

/// What a SQLSTATE (PostgreSQL's manual, appendix A) means for the call.
#[derive(Debug, PartialEq, Eq)]
enum Condition {
    /// The same statement may succeed later, on this server or the one that takes over.
    Passing,
    /// A time limit, or an operator, stopped the statement.
    Canceled,
    NoTable,
    Other,
}

impl Condition {
    fn of(state: &str) -> Self {
        match state {
            "57014" => Self::Canceled,
            "42P01" => Self::NoTable,
            // Serialization failure and deadlock; a lock not to be had; a server that a
            // failover has made read-only.
            "40001" | "40P01" | "55P03" | "25006" => Self::Passing,
            // Connection exceptions; insufficient resources (too many connections, a full
            // disk); shutting down, crashed, or starting up.
            _ if ["08", "53", "57P"]
                .iter()
                .any(|class| state.starts_with(class)) =>
            {
                Self::Passing
            }
            _ => Self::Other,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_state_says_whether_to_try_again() {
        for state in [
            "57P01", "57P03", "53300", "53100", "08006", "40P01", "25006",
        ] {
            assert_eq!(Condition::of(state), Condition::Passing, "{state}");
        }
        assert_eq!(Condition::of("57014"), Condition::Canceled);
        assert_eq!(Condition::of("42P01"), Condition::NoTable);
        for state in ["", "28P01", "3D000", "42601", "22021", "23505"] {
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
