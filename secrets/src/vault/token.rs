//! A token and its lease.

use std::time::Duration;

use serde_json::{Value as Json, json};
use tokio::time::Instant;
use zeroize::Zeroizing;

use super::http::{self, Http};

/// What a login returned.
pub(super) struct Token {
    value: Zeroizing<String>,
    /// The lease that the login granted; `None` for a token that doesn't expire.
    granted: Option<Duration>,
    lease: Option<Lease>,
    renewable: bool,
}

struct Lease {
    began: Instant,
    duration: Duration,
}

impl Token {
    /// The token in the field `auth` of a login's answer.
    pub(super) fn of_login(answer: &mut Json) -> Option<Self> {
        let auth = &mut answer["auth"];
        let Json::String(value) = auth["client_token"].take() else {
            return None;
        };
        let seconds = auth["lease_duration"].as_u64()?;
        let renewable = auth["renewable"].as_bool().unwrap_or_default();
        Some(Self::new(Zeroizing::new(value), seconds, renewable))
    }

    /// A token with a lease in seconds; 0 means that it has none.
    pub(super) fn new(value: Zeroizing<String>, seconds: u64, renewable: bool) -> Self {
        let granted = (seconds > 0).then(|| Duration::from_secs(seconds));
        let mut token = Self {
            value,
            granted,
            lease: None,
            renewable,
        };
        token.extend(granted);
        token
    }

    fn extend(&mut self, duration: Option<Duration>) {
        self.lease = duration.map(|duration| Lease {
            began: Instant::now(),
            duration,
        });
    }

    pub(super) fn expose(&self) -> &str {
        &self.value
    }

    /// How long the lease lasts; `None` for ever.
    pub(super) fn left(&self) -> Option<Duration> {
        let lease = self.lease.as_ref()?;
        Some(lease.duration.saturating_sub(lease.began.elapsed()))
    }

    pub(super) fn is_over(&self, now: Instant) -> bool {
        let lease = self.lease.as_ref();
        lease.is_some_and(|lease| now.duration_since(lease.began) >= lease.duration)
    }

    /// Whether two thirds of the lease are over.
    pub(super) fn is_due(&self, now: Instant) -> bool {
        let lease = self.lease.as_ref();
        lease.is_some_and(|lease| now.duration_since(lease.began) >= lease.duration * 2 / 3)
    }

    pub(super) const fn is_renewable(&self) -> bool {
        self.renewable
    }

    /// Renews the lease. `false` if Vault no longer grants half of what the login granted: the
    /// token nears its longest lifetime.
    pub(super) async fn renew(&mut self, http: &Http) -> Result<bool, http::Error> {
        let path = "/v1/auth/token/renew-self";
        let answer = http.post(path, Some(self), &json!({})).await?;
        let seconds = answer["auth"]["lease_duration"].as_u64();
        let duration = Duration::from_secs(seconds.unwrap_or_default());
        self.extend(Some(duration));
        Ok(self.granted.is_some_and(|granted| duration >= granted / 2))
    }
}
