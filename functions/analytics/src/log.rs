use time::OffsetDateTime;
use trichrome_proto::analytics::{AnalyticsEntryMessage, LogDataRequest};
use uuid::Uuid;

use crate::entry::Entry;
use crate::{Analytics, Error};

impl Analytics {
    /// Logs a call that a caller made. The same idempotency key from the same caller is the
    /// same entry, however often it comes; without one, every call logs an entry.
    ///
    /// # Errors
    ///
    /// `INVALID_ARGUMENT` where the request could not be so, `UNAVAILABLE` or
    /// `DEADLINE_EXCEEDED` where the database does not answer.
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

    /// Logs a call that another function served. Its id, caller and time are the message's;
    /// the same id is the same entry, however often it comes.
    ///
    /// # Errors
    ///
    /// `INVALID_ARGUMENT` where the message names no call, `UNAVAILABLE` or
    /// `DEADLINE_EXCEEDED` where the database does not answer.
    pub async fn record(&self, message: AnalyticsEntryMessage) -> Result<(), Error> {
        let now = OffsetDateTime::now_utc();
        let entry = Entry::observed(message.into(), Uuid::now_v7, now, now)?;
        self.store.insert(vec![entry]).await
    }
}
