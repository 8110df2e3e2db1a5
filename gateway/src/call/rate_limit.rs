//! The contract's rate limits, which apply to this process.

use std::{collections::HashMap, num::NonZeroU32, time::Duration};

use governor::{DefaultDirectRateLimiter, Quota, RateLimiter};
use trichrome_proto::{
    contract::{OPERATIONS, Operation},
    error::{ApiError, ErrorCode},
};

/// The limiters of operations that have a limit, by function name.
pub(crate) struct RateLimits(HashMap<&'static str, DefaultDirectRateLimiter>);

impl RateLimits {
    pub(crate) fn from_contract() -> Self {
        Self(
            OPERATIONS
                .iter()
                .filter_map(|operation| {
                    let limit = NonZeroU32::new(operation.rate_limit)?;
                    let limiter = RateLimiter::direct(Quota::per_second(limit));
                    Some((operation.function, limiter))
                })
                .collect(),
        )
    }

    /// Counts a call against the operation's limit.
    ///
    /// # Errors
    ///
    /// `RESOURCE_EXHAUSTED` if the limit is exceeded.
    pub(crate) fn check(&self, operation: &Operation) -> Result<(), ApiError> {
        match self.0.get(operation.function).map(RateLimiter::check) {
            None | Some(Ok(())) => Ok(()),
            Some(Err(_)) => Err(ApiError::new(
                ErrorCode::ResourceExhausted,
                format!(
                    "at most {} calls per second are allowed; try again shortly",
                    operation.rate_limit
                ),
            )
            .retrying_after(Duration::from_secs(1))),
        }
    }
}
