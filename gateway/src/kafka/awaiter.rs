//! Calls that wait for an answer to a command.

use std::{
    collections::HashMap,
    sync::{
        Arc, Mutex, MutexGuard, PoisonError,
        atomic::{AtomicBool, Ordering},
    },
};

use tokio::sync::oneshot;
use trichrome_proto::error::{ApiError, ErrorCode};

use crate::ops::metrics::Metrics;

/// The maximum number of calls that wait for an answer.
const MAX_AWAITED: usize = 4096;

/// The answer to a command.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Answer {
    pub(crate) status: u16,
    /// The response message, or the error, as JSON text.
    pub(crate) data: String,
    /// The header `retry-after`.
    pub(crate) retry_after: Option<String>,
}

/// A call that waits for an answer.
struct Waiting {
    /// The operation's status on success.
    success: u16,
    sender: oneshot::Sender<Answer>,
}

impl Waiting {
    /// Whether a gateway can have answered the call with this status.
    fn accepts(&self, status: u16) -> bool {
        status == self.success || ErrorCode::ALL.iter().any(|code| code.http() == status)
    }
}

/// The calls that wait for an answer, by EventId.
pub(crate) struct Awaiter {
    awaited: Mutex<HashMap<String, Waiting>>,
    /// Whether answers are being read; until then, no call may wait for one.
    reading: AtomicBool,
    metrics: Arc<Metrics>,
}

impl Awaiter {
    pub(crate) fn new(metrics: Arc<Metrics>) -> Arc<Self> {
        Arc::new(Self {
            awaited: Mutex::default(),
            reading: AtomicBool::new(false),
            metrics,
        })
    }

    /// Whether answers are being read: when Kafka was last reachable, it had the topic.
    pub(crate) fn is_reading(&self) -> bool {
        self.reading.load(Ordering::Acquire)
    }

    /// Starts to wait for the answer to a command that is about to be produced, whose operation
    /// has the status `success` on success.
    ///
    /// # Errors
    ///
    /// `UNAVAILABLE` if answers are not being read yet, or if too many calls wait.
    pub(crate) fn expect(
        self: &Arc<Self>,
        event_id: &str,
        success: u16,
    ) -> Result<Awaited, ApiError> {
        if !self.is_reading() {
            return Err(ApiError::new(
                ErrorCode::Unavailable,
                "Kafka cannot be reached, or has no topic \"results\"; try again shortly",
            ));
        }
        let (sender, receiver) = oneshot::channel();
        {
            let mut awaited = self.lock();
            if awaited.len() >= MAX_AWAITED {
                return Err(ApiError::new(
                    ErrorCode::Unavailable,
                    "too many calls wait for an answer; try again shortly",
                ));
            }
            awaited.insert(event_id.to_owned(), Waiting { success, sender });
            self.metrics.set_awaited(awaited.len());
        }
        Ok(Awaited {
            event_id: event_id.to_owned(),
            receiver,
            awaiter: Arc::clone(self),
        })
    }

    /// Notes whether answers are being read. Returns whether they were before.
    pub(super) fn set_reading(&self, reading: bool) -> bool {
        self.reading.swap(reading, Ordering::AcqRel)
    }

    /// Whether a call of this replica waits for this answer.
    pub(super) fn awaits(&self, event_id: &str) -> bool {
        self.lock().contains_key(event_id)
    }

    /// Passes an answer to the call that waits for it, if any. Drops one that no gateway can have
    /// given: the call goes on waiting.
    pub(super) fn deliver(&self, event_id: &str, answer: Answer) {
        let waiting = {
            let mut awaited = self.lock();
            match awaited.get(event_id) {
                None => return,
                Some(waiting) if waiting.accepts(answer.status) => awaited.remove(event_id),
                Some(_) => None,
            }
        };
        match waiting {
            // Sending fails if the call has just been cancelled.
            Some(waiting) => drop(waiting.sender.send(answer)),
            None => self.drop_foreign(event_id),
        }
    }

    /// Counts a record that says it is an answer to a waiting call, and can't be one.
    pub(super) fn drop_foreign(&self, event_id: &str) {
        tracing::warn!(
            event_id,
            "a record on \"results\" that is no answer of a gateway was dropped; only gateways \
             should be allowed to write there"
        );
        self.metrics.foreign_result();
    }

    fn lock(&self) -> MutexGuard<'_, HashMap<String, Waiting>> {
        self.awaited.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// A pending answer; dropping it cancels the wait.
pub(crate) struct Awaited {
    event_id: String,
    receiver: oneshot::Receiver<Answer>,
    awaiter: Arc<Awaiter>,
}

impl Awaited {
    /// Waits for the answer. `None` doesn't happen: the sender is kept until then.
    pub(crate) async fn answer(&mut self) -> Option<Answer> {
        (&mut self.receiver).await.ok()
    }
}

impl Drop for Awaited {
    fn drop(&mut self) {
        let mut awaited = self.awaiter.lock();
        awaited.remove(&self.event_id);
        self.awaiter.metrics.set_awaited(awaited.len());
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    fn awaiter() -> Arc<Awaiter> {
        let awaiter = Awaiter::new(Arc::new(Metrics::new()));
        awaiter.set_reading(true);
        awaiter
    }

    fn answer() -> Answer {
        Answer {
            status: 200,
            data: "{}".into(),
            retry_after: None,
        }
    }

    #[tokio::test]
    async fn an_answer_reaches_the_call_that_waits_for_it() {
        let awaiter = awaiter();
        let mut one = awaiter.expect("1", 200).unwrap();
        let mut two = awaiter.expect("2", 200).unwrap();
        awaiter.deliver("2", answer());
        assert_eq!(two.answer().await, Some(answer()));
        let waiting = tokio::time::timeout(Duration::from_millis(10), one.answer());
        assert!(waiting.await.is_err());
    }

    #[tokio::test]
    async fn an_impossible_answer_is_dropped_and_counted() {
        let awaiter = awaiter();
        let mut created = awaiter.expect("1", 201).unwrap();
        let of_status = |status| Answer { status, ..answer() };
        for status in [0, 100, 200, 204, 304, 418, 599, 700, u16::MAX] {
            awaiter.deliver("1", of_status(status));
        }
        awaiter.deliver("1", of_status(201));
        assert_eq!(created.answer().await, Some(of_status(201)));
        let metrics = awaiter.metrics.to_openmetrics();
        let counted = "trichrome_gateway_results_foreign_total 9";
        assert!(metrics.contains(counted), "{metrics}");
        for code in ErrorCode::ALL {
            let mut refused = awaiter.expect("2", 201).unwrap();
            awaiter.deliver("2", of_status(code.http()));
            assert!(refused.answer().await.is_some(), "{code:?}");
        }
    }

    #[tokio::test]
    async fn a_cancelled_wait_is_forgotten() {
        let awaiter = awaiter();
        drop(awaiter.expect("1", 200).unwrap());
        assert!(!awaiter.awaits("1"));
        awaiter.deliver("1", answer());
    }

    #[test]
    fn no_call_waits_before_answers_are_read() {
        let awaiter = Awaiter::new(Arc::new(Metrics::new()));
        let error = awaiter.expect("1", 200).err().unwrap();
        assert_eq!(error.code, ErrorCode::Unavailable);
    }

    #[test]
    fn the_number_of_waiting_calls_is_limited() {
        let awaiter = awaiter();
        let waiting: Vec<_> = (0..MAX_AWAITED)
            .map(|n| awaiter.expect(&n.to_string(), 200).unwrap())
            .collect();
        assert_eq!(
            awaiter.expect("one more", 200).err().unwrap().code,
            ErrorCode::Unavailable
        );
        drop(waiting);
        assert!(awaiter.expect("one more", 200).is_ok());
    }
}
