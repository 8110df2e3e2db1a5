//! Logging single calls.

use time::OffsetDateTime;
use trichrome_proto::analytics::LogDataRequest;

use crate::{Analytics, Error, entry::Entry};

impl Analytics {
    /// Logs a call that a caller made. Repeated requests with the same idempotency key of the
    /// same caller log one entry; without a key, each request logs one.
    ///
    /// # Errors
    ///
    /// `INVALID_ARGUMENT` if the request is invalid, `UNAVAILABLE` or `DEADLINE_EXCEEDED` if the
    /// database doesn't respond.
    pub async fn log(
        &self,
        request: LogDataRequest,
        caller: &str,
        idempotency_key: Option<&str>,
    ) -> Result<(), Error> {
        let now = OffsetDateTime::now_utc();
        let entry = Entry::requested(request, caller, idempotency_key, now)?;
        self.store.insert(vec![entry]).await
    }
}
