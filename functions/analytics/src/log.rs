//! Logging single calls.

use time::OffsetDateTime;
use trichrome_proto::analytics::{AnalyticsEntryMessage, LogDataRequest};
use uuid::Uuid;

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

    /// Logs a call that another function served, with the id, caller and time of the message.
    /// Repeated messages with the same id log one entry.
    ///
    /// # Errors
    ///
    /// `INVALID_ARGUMENT` if the message is invalid, `UNAVAILABLE` or `DEADLINE_EXCEEDED` if the
    /// database doesn't respond.
    pub async fn record(&self, message: AnalyticsEntryMessage) -> Result<(), Error> {
        let now = OffsetDateTime::now_utc();
        let entry = Entry::observed(message.into(), Uuid::now_v7, now, now)?;
        self.store.insert(vec![entry]).await
    }
}
