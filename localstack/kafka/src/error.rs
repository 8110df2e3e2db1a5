//! Errors with Kafka's codes.

use std::io;

use kafka_protocol::error::ResponseError;

/// Why a request failed.
#[derive(Debug, thiserror::Error)]
pub(crate) enum Error {
    /// An error that Kafka has a code for.
    #[error("{0}")]
    Refused(ResponseError),
    /// A topic's configuration isn't supported: `INVALID_CONFIG`.
    #[error("{0}")]
    Config(String),
    /// A file can't be read or written: `KAFKA_STORAGE_ERROR`.
    #[error("storage: {0}")]
    Storage(#[from] io::Error),
}

impl From<ResponseError> for Error {
    fn from(error: ResponseError) -> Self {
        Self::Refused(error)
    }
}

impl Error {
    /// Kafka's error code. Storage errors are logged.
    pub(crate) fn code(&self) -> i16 {
        match self {
            Self::Refused(error) => error.code(),
            Self::Config(_) => ResponseError::InvalidConfig.code(),
            Self::Storage(error) => {
                eprintln!("storage: {error}");
                ResponseError::KafkaStorageError.code()
            }
        }
    }
}

/// The error's code, or 0.
pub(crate) fn code<T>(outcome: &Result<T, Error>) -> i16 {
    outcome.as_ref().err().map_or(0, Error::code)
}
