//! The rate limits that the contract sets, of this process.

use std::{collections::HashMap, num::NonZeroU32};

use governor::{DefaultDirectRateLimiter, Quota, RateLimiter};
use trichrome_proto::{
    contract::{OPERATIONS, Operation},
    error::{ApiError, ErrorCode},
};

/// One limiter for each operation that has a limit, by function name.
pub(crate) struct RateLimits(HashMap<&'static str, DefaultDirectRateLimiter>);

impl RateLimits {
    /// The limits of the operation table.
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

    /// Counts a call.
    ///
    /// # Errors
    ///
    /// `RESOURCE_EXHAUSTED` where the operation was called too often within a second.
    pub(crate) fn check(&self, operation: &Operation) -> Result<(), ApiError> {
        match self.0.get(operation.function).map(RateLimiter::check) {
            None | Some(Ok(())) => Ok(()),
            Some(Err(_)) => Err(ApiError::new(
                ErrorCode::ResourceExhausted,
                format!(
                    "this takes {} calls a second; try again shortly",
                    operation.rate_limit
                ),
            )),
        }
    }
}
