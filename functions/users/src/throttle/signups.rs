//! Limiting how many users are created.

use std::{
    future::Future,
    net::IpAddr,
    time::{Duration, SystemTime, UNIX_EPOCH},
};

use super::address::{Origin, digest};
use crate::Error;

/// The length of a window, in seconds. Windows begin with the hours of UTC.
const WINDOW: u64 = 60 * 60;

/// How many users may be created in an hour.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct SignupLimits {
    /// From one block of addresses: an IPv4 /24 or an IPv6 /56. Kafka has no addresses.
    pub per_address: u32,
    /// In all.
    pub total: u32,
}

/// Where the signups of a window are counted.
pub(crate) trait Windows: Sync {
    /// Adds one, unless there are as many as the limit. Returns whether it did. `expires_at` is in
    /// seconds since 1970.
    fn add(
        &self,
        id: &str,
        limit: u32,
        expires_at: u64,
    ) -> impl Future<Output = Result<bool, Error>> + Send;
}

/// Admits signups.
#[derive(Clone, Debug)]
pub(crate) struct Signups<W> {
    windows: W,
    limits: SignupLimits,
    clock: fn() -> SystemTime,
}

impl<W: Windows> Signups<W> {
    pub(crate) fn new(windows: W, limits: SignupLimits) -> Self {
        Self {
            windows,
            limits,
            clock: SystemTime::now,
        }
    }

    /// Counts a signup. One that fails afterwards stays counted: it took as much time.
    ///
    /// # Errors
    /// [`Error::TooManySignups`] and the store's failures.
    pub(crate) async fn admit(&self, address: Option<IpAddr>) -> Result<(), Error> {
        let now = (self.clock)().duration_since(UNIX_EPOCH);
        let now = now.map_or(0, |now| now.as_secs());
        let window = now / WINDOW;
        let end = (window + 1) * WINDOW;
        if let Origin::Block(block) = Origin::of(address) {
            let block = digest(&[&block.octets()]);
            let id = format!("signup#{window}#{block}");
            self.add("address", &id, self.limits.per_address, now, end)
                .await?;
        }
        let id = format!("signup#{window}#all");
        self.add("total", &id, self.limits.total, now, end).await
    }

    async fn add(
        &self,
        limit: &'static str,
        id: &str,
        most: u32,
        now: u64,
        end: u64,
    ) -> Result<(), Error> {
        if self.windows.add(id, most, end).await? {
            return Ok(());
        }
        tracing::warn!(limit, most, "signups are limited");
        Err(Error::TooManySignups {
            retry_after: Duration::from_secs(end - now),
        })
    }
}

#[cfg(test)]
mod tests;
