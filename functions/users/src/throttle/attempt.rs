//! One attempt to give a password.

use std::{
    future::Future,
    net::IpAddr,
    time::{Duration, SystemTime, UNIX_EPOCH},
};

use trichrome_startup::error_chain;

use super::{
    address::{Origin, digest},
    counter::{Counter, Free, Millis, millis},
};
use crate::Error;

/// How often a count is tried while others change the same counter.
const TRIES: u32 = 16;

/// The delay when it is still not counted: as many attempts are made at once.
const CONTENDED: Duration = Duration::from_secs(1);

/// Where counters are kept.
pub(crate) trait Counters: Sync {
    /// A counter, read consistently.
    fn get(&self, id: &str) -> impl Future<Output = Result<Option<Counter>, Error>> + Send;

    /// Stores a counter if the stored one is `seen`. Returns whether it was.
    fn replace(
        &self,
        id: &str,
        seen: Option<Counter>,
        next: Counter,
    ) -> impl Future<Output = Result<bool, Error>> + Send;

    /// Stores a counter in any case.
    fn set(&self, id: &str, next: Counter) -> impl Future<Output = Result<(), Error>> + Send;
}

/// Admits attempts to give passwords.
#[derive(Clone, Debug)]
pub(crate) struct Throttle<C> {
    counters: C,
    clock: fn() -> SystemTime,
}

/// An attempt that was admitted, and counted as a failure until it succeeds.
#[derive(Debug)]
pub(crate) struct Attempt<'a, C> {
    throttle: &'a Throttle<C>,
    own: Counted,
    strangers: Option<Counted>,
    origin: Origin,
}

/// A counter that was changed.
#[derive(Debug)]
struct Counted {
    id: String,
    before: Counter,
    after: Counter,
}

impl<C: Counters> Throttle<C> {
    pub(crate) fn new(counters: C) -> Self {
        Self {
            counters,
            clock: SystemTime::now,
        }
    }

    /// Admits an attempt for this username.
    ///
    /// # Errors
    /// [`Error::Throttled`] and the store's failures.
    pub(crate) async fn admit(
        &self,
        username: &str,
        address: Option<IpAddr>,
    ) -> Result<Attempt<'_, C>, Error> {
        let origin = Origin::of(address);
        let own = self.count(own_id(username, origin), Free::ONE).await?;
        let is_stranger = origin != Origin::Unknown && !own.before.is_known(self.now());
        let strangers = if is_stranger {
            match self.count(strangers_id(username), Free::STRANGERS).await {
                Ok(counted) => Some(counted),
                Err(refused) => {
                    // Not an attempt, so no failure either.
                    self.take_back(&own).await;
                    return Err(refused);
                }
            }
        } else {
            None
        };
        Ok(Attempt {
            throttle: self,
            own,
            strangers,
            origin,
        })
    }

    /// Remembers that the user signed up from here. A failure to do so is only logged.
    pub(crate) async fn welcome(&self, username: &str, address: Option<IpAddr>) {
        let origin = Origin::of(address);
        if origin != Origin::Unknown {
            self.reset(&own_id(username, origin), origin).await;
        }
    }

    async fn count(&self, id: String, free: Free) -> Result<Counted, Error> {
        for _ in 0..TRIES {
            let seen = self.counters.get(&id).await?;
            let before = seen.unwrap_or_default();
            let after = before
                .count(free, self.now())
                .map_err(|retry_after| Error::Throttled { retry_after })?;
            if self.counters.replace(&id, seen, after).await? {
                return Ok(Counted { id, before, after });
            }
        }
        Err(Error::Throttled {
            retry_after: CONTENDED,
        })
    }

    /// Takes a count back, unless the counter has changed since.
    async fn take_back(&self, counted: &Counted) {
        let Counted { id, before, after } = counted;
        if let Err(error) = self.counters.replace(id, Some(*after), *before).await {
            tracing::warn!(error = error_chain(&error), "an attempt stays counted");
        }
    }

    async fn reset(&self, id: &str, origin: Origin) {
        let next = match origin {
            Origin::Block(_) => Counter::known(self.now()),
            Origin::Unknown => Counter::default(),
        };
        if let Err(error) = self.counters.set(id, next).await {
            tracing::warn!(error = error_chain(&error), "an attempt stays counted");
        }
    }

    fn now(&self) -> Millis {
        let elapsed = (self.clock)().duration_since(UNIX_EPOCH);
        elapsed.map_or(0, millis)
    }
}

impl<C: Counters> Attempt<'_, C> {
    /// The password was right: forgets the failures from here. A failure to do so is only logged.
    pub(crate) async fn succeeded(self) {
        self.throttle.reset(&self.own.id, self.origin).await;
        if let Some(strangers) = &self.strangers {
            self.throttle.take_back(strangers).await;
        }
    }

    /// The password was wrong.
    pub(crate) fn failed(self) {
        let delay = self
            .own
            .after
            .blocked_until
            .saturating_sub(self.throttle.now());
        if delay > 0 {
            tracing::info!(
                failures = self.own.after.failures,
                delay_ms = delay,
                "passwords are being guessed; the next attempt is delayed"
            );
        }
    }
}

fn own_id(username: &str, origin: Origin) -> String {
    let user = digest(&[username.as_bytes()]);
    match origin {
        Origin::Block(block) => {
            let block = digest(&[username.as_bytes(), &block.octets()]);
            format!("guess#{user}#{block}")
        }
        Origin::Unknown => format!("guess#{user}#kafka"),
    }
}

fn strangers_id(username: &str) -> String {
    format!("guess#{}#strangers", digest(&[username.as_bytes()]))
}

#[cfg(test)]
pub(crate) mod tests;
