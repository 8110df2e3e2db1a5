//! A counter of failures, and the delays that they cause.

use std::time::Duration;

/// How long a failure is remembered.
pub(crate) const MEMORY: Duration = Duration::from_secs(15 * 60);

/// The longest delay.
pub(crate) const LONGEST: Duration = Duration::from_secs(60);

/// How long a block of addresses is known after a login.
pub(crate) const KNOWN: Duration = Duration::from_secs(90 * 24 * 60 * 60);

/// Milliseconds since 1970.
pub(crate) type Millis = u64;

pub(crate) fn millis(duration: Duration) -> Millis {
    u64::try_from(duration.as_millis()).unwrap_or(u64::MAX)
}

/// How many failures cause no delay.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Free(pub(crate) u32);

impl Free {
    /// One block of addresses, or Kafka.
    pub(crate) const ONE: Self = Self(10);
    /// All blocks where the user is unknown.
    pub(crate) const STRANGERS: Self = Self(50);

    /// The delay after so many failures.
    fn delay(self, failures: u32) -> Duration {
        match failures.checked_sub(self.0) {
            None => Duration::ZERO,
            Some(more) => Duration::from_secs(1 << more.min(6)).min(LONGEST),
        }
    }
}

/// The failures of one origin.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Counter {
    /// The failures since [`MEMORY`] passed without one.
    pub(crate) failures: u32,
    /// When the next attempt may be made.
    pub(crate) blocked_until: Millis,
    /// When the failures are forgotten.
    pub(crate) forgotten_at: Millis,
    /// Until when the user is known here.
    pub(crate) known_until: Millis,
}

impl Counter {
    pub(crate) fn is_known(&self, now: Millis) -> bool {
        self.known_until > now
    }

    /// The counter with one more failure.
    ///
    /// # Errors
    /// The time until an attempt may be made.
    pub(crate) fn count(self, free: Free, now: Millis) -> Result<Self, Duration> {
        let failures = if self.forgotten_at <= now {
            0
        } else {
            self.failures
        };
        if failures > 0 && self.blocked_until > now {
            return Err(Duration::from_millis(self.blocked_until - now));
        }
        let failures = failures.saturating_add(1);
        let blocked_until = now.saturating_add(millis(free.delay(failures)));
        Ok(Self {
            failures,
            blocked_until,
            forgotten_at: blocked_until.saturating_add(millis(MEMORY)),
            ..self
        })
    }

    /// The counter after a login.
    pub(crate) fn known(now: Millis) -> Self {
        Self {
            known_until: now.saturating_add(millis(KNOWN)),
            ..Self::default()
        }
    }

    /// When the counter says no more than a new one, in seconds since 1970.
    pub(crate) fn expires_at(&self) -> u64 {
        self.forgotten_at.max(self.known_until).div_ceil(1000)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn delays_double_up_to_a_minute() {
        let mut counter = Counter::default();
        let mut now = 1_000_000;
        let mut delays = Vec::new();
        for _ in 0..18 {
            counter = counter.count(Free::ONE, now).unwrap();
            delays.push((counter.blocked_until - now) / 1000);
            now = counter.blocked_until;
        }
        assert_eq!(delays[..9], [0; 9]);
        assert_eq!(delays[9..], [1, 2, 4, 8, 16, 32, 60, 60, 60]);
    }

    #[test]
    fn an_attempt_during_the_delay_changes_nothing() {
        let counter = Counter {
            failures: 12,
            blocked_until: 5000,
            forgotten_at: 90_000,
            known_until: 0,
        };
        let refused = counter.count(Free::ONE, 3800);
        assert_eq!(refused, Err(Duration::from_millis(1200)));
        assert!(counter.count(Free::ONE, 5000).is_ok());
    }

    #[test]
    fn failures_are_forgotten() {
        let counter = Counter {
            failures: 30,
            blocked_until: 5000,
            forgotten_at: 5000 + millis(MEMORY),
            known_until: u64::MAX,
        };
        let now = counter.forgotten_at;
        assert_eq!(counter.count(Free::ONE, now - 1).unwrap().failures, 31);
        let fresh = counter.count(Free::ONE, now).unwrap();
        assert_eq!((fresh.failures, fresh.blocked_until), (1, now));
        // That the user is known here isn't.
        assert!(fresh.is_known(now));
    }

    #[test]
    fn an_item_expires_once_it_says_nothing() {
        let counter = Counter::default().count(Free::ONE, 1_000_001).unwrap();
        assert_eq!(counter.expires_at(), 1001 + MEMORY.as_secs());
        let known = Counter::known(1_000_000);
        assert_eq!(known.expires_at(), 1000 + KNOWN.as_secs());
        assert_eq!(known.failures, 0);
    }
}
