//! `InvocationType: Event`: invocations whose caller doesn't wait.
//!
//! Lambda repeats an event that its function failed on twice, after one and two minutes, and one
//! that it could not deliver for up to six hours, with growing pauses. (AWS, "How Lambda handles
//! errors and retries with asynchronous invocation".) Lambda keeps its queue on disk; this one is
//! in memory: when the program ends, what waits is delivered at once, and lost if that fails.

use std::{sync::Arc, time::Duration};

use bytes::Bytes;
use tokio::{
    sync::Semaphore,
    time::{Instant, timeout},
};
use tokio_util::sync::CancellationToken;

use crate::{
    functions::{Answer, Functions, InvokeError},
    limits::{BACKGROUND_BYTES, MAX_ASYNC_PAYLOAD},
};

/// The pauses before the repetitions of an event that its function failed on.
const RETRIES: [Duration; 2] = [Duration::from_secs(60), Duration::from_secs(120)];

/// The first and the longest pause before an event that was not delivered is tried again.
const FIRST_PAUSE: Duration = Duration::from_secs(1);
const LONGEST_PAUSE: Duration = Duration::from_secs(300);

/// How long an event is kept.
const MAX_AGE: Duration = Duration::from_secs(6 * 60 * 60);

/// The least that an event counts for, in bytes: its task needs memory too.
const MIN_WEIGHT: usize = 1024;

/// Takes events. Cheap to clone.
#[derive(Clone)]
pub(crate) struct Background {
    functions: Arc<Functions>,
    room: Arc<Semaphore>,
    stop: CancellationToken,
}

impl Background {
    /// Invokes `functions`. Pauses end at `stop`.
    pub(crate) fn new(functions: Arc<Functions>, stop: CancellationToken) -> Self {
        Self {
            functions,
            room: Arc::new(Semaphore::new(BACKGROUND_BYTES)),
            stop,
        }
    }

    /// Accepts an event, to be delivered later.
    pub(crate) fn accept(&self, name: &str, event: Bytes) -> Result<(), InvokeError> {
        if event.len() > MAX_ASYNC_PAYLOAD {
            return Err(InvokeError::TooLarge(event.len(), MAX_ASYNC_PAYLOAD));
        }
        if serde_json::from_slice::<serde::de::IgnoredAny>(&event).is_err() {
            return Err(InvokeError::NotJson);
        }
        let weight = u32::try_from(event.len().max(MIN_WEIGHT)).unwrap_or(u32::MAX);
        let room = Arc::clone(&self.room)
            .try_acquire_many_owned(weight)
            .map_err(|_| InvokeError::Throttled)?;
        let (own, name) = (self.clone(), name.to_owned());
        self.functions.spawn(async move {
            if let Err(why) = own.deliver(&name, event).await {
                eprintln!("an event of {name} is lost: {why}");
            }
            drop(room);
        });
        Ok(())
    }

    /// Delivers an event, or says why it can't.
    async fn deliver(&self, name: &str, event: Bytes) -> Result<(), String> {
        let accepted = Instant::now();
        let mut retries = RETRIES.into_iter();
        let mut pause = FIRST_PAUSE;
        loop {
            let last = self.stop.is_cancelled();
            let (wait, why) = match self.functions.invoke(name, event.clone()).await {
                Ok(Answer::Success(_)) => return Ok(()),
                Ok(Answer::Failed(error)) => {
                    let why = String::from_utf8_lossy(&error).into_owned();
                    (retries.next(), why)
                }
                Err(error @ (InvokeError::Throttled | InvokeError::Unreachable)) => {
                    let wait = pause;
                    pause = (2 * pause).min(LONGEST_PAUSE);
                    (Some(wait), error.to_string())
                }
                Err(error) => (None, error.to_string()),
            };
            match wait {
                Some(wait) if !last && accepted.elapsed() + wait < MAX_AGE => {
                    let _ended_early = timeout(wait, self.stop.cancelled()).await;
                }
                _ => return Err(why),
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::functions::tests::{Script, functions};

    const FAILED: &str = r#"{"errorType":"UNAVAILABLE","errorMessage":"m"}"#;

    fn accept(script: Script) -> (Background, tokio::sync::watch::Receiver<usize>) {
        let (functions, calls) = functions(script);
        let background = Background::new(Arc::new(functions), CancellationToken::new());
        background.accept("f", "{}".into()).unwrap();
        (background, calls)
    }

    async fn called(calls: &mut tokio::sync::watch::Receiver<usize>, count: usize) {
        let waited = timeout(
            Duration::from_secs(10),
            calls.wait_for(|made| *made >= count),
        );
        waited.await.unwrap().unwrap();
    }

    #[tokio::test]
    async fn a_failed_event_is_repeated_after_a_pause_and_at_the_end() {
        let (background, mut calls) = accept(Script::new(|_| (500, FAILED.into())));
        called(&mut calls, 1).await;
        background.stop.cancel();
        background.functions.finish().await;
        assert_eq!(*calls.borrow(), 2, "once more, and no further");
        assert_eq!(background.room.available_permits(), BACKGROUND_BYTES);
    }

    #[tokio::test]
    async fn an_undelivered_event_is_tried_again() {
        let (background, mut calls) = accept(Script::new(|call| match call {
            1 => (503, String::new()),
            _ => (200, "{}".into()),
        }));
        called(&mut calls, 2).await;
        background.functions.finish().await;
        assert_eq!(*calls.borrow(), 2);
    }

    #[tokio::test]
    async fn events_that_can_not_be_kept_are_refused() {
        let (functions, _calls) = functions(Script::new(|_| (200, "{}".into())));
        let background = Background::new(Arc::new(functions), CancellationToken::new());
        let large = Bytes::from(vec![b' '; MAX_ASYNC_PAYLOAD + 1]);
        let refused = background.accept("f", large).unwrap_err();
        assert!(matches!(refused, InvokeError::TooLarge(..)));
        assert_eq!(
            background.accept("f", "{".into()),
            Err(InvokeError::NotJson)
        );
        let room = u32::try_from(BACKGROUND_BYTES).unwrap();
        let _taken = background.room.acquire_many(room).await.unwrap();
        assert_eq!(
            background.accept("f", "{}".into()),
            Err(InvokeError::Throttled)
        );
    }
}
