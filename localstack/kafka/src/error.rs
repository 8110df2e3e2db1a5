//! Why a request is refused.

use std::io;

use kafka_protocol::error::ResponseError;

/// A request that is refused, with the reason that Kafka has a code for.
#[derive(Debug, thiserror::Error)]
pub(crate) enum Error {
    /// The client's mistake, or its turn to try again.
    #[error("{0}")]
    Refused(ResponseError),
    /// A file could not be read or written: `KAFKA_STORAGE_ERROR`.
    #[error("storage: {0}")]
    Storage(#[from] io::Error),
}

impl From<ResponseError> for Error {
    fn from(error: ResponseError) -> Self {
        Self::Refused(error)
    }
}

impl Error {
    /// Kafka's number for it; trouble with the storage is written to the log.
    pub(crate) fn code(&self) -> i16 {
        match self {
            Self::Refused(error) => error.code(),
            Self::Storage(error) => {
                eprintln!("storage: {error}");
                ResponseError::KafkaStorageError.code()
            }
        }
    }
}

/// 0, or the error's number.
pub(crate) fn code<T>(outcome: &Result<T, Error>) -> i16 {
    outcome.as_ref().err().map_or(0, Error::code)
}
