//! The contract's rate limits. They apply to this process, and with a cache to all gateways together.

mod shared;

use std::{collections::HashMap, num::NonZeroU32, sync::Arc, time::Duration};

use governor::{DefaultDirectRateLimiter, Quota, RateLimiter};
use trichrome_cache::Nodes;
use trichrome_proto::{
    contract::{OPERATIONS, Operation},
    error::{ApiError, ErrorCode},
};

use self::shared::SharedLimits;
use crate::ops::metrics::Metrics;

/// The limiters of operations that have a limit, by function name.
pub(crate) struct RateLimits {
    own: HashMap<&'static str, DefaultDirectRateLimiter>,
    /// `None` without a cache.
    shared: Option<SharedLimits>,
}

impl RateLimits {
    /// The limits of this process.
    pub(crate) fn from_contract() -> Self {
        let own = OPERATIONS
            .iter()
            .filter_map(|operation| {
                let limit = NonZeroU32::new(operation.rate_limit)?;
                let limiter = RateLimiter::direct(Quota::per_second(limit));
                Some((operation.function, limiter))
            })
            .collect();
        Self { own, shared: None }
    }

    /// The same limits for all gateways that name these nodes and this stack.
    pub(crate) fn shared_through(
        self,
        nodes: Option<Arc<Nodes>>,
        stack: &str,
        metrics: Arc<Metrics>,
    ) -> Self {
        let shared = nodes.map(|nodes| SharedLimits::new(nodes, stack, metrics));
        Self { shared, ..self }
    }

    /// Counts a call against the operation's limit: first this process' own, so that a flood doesn't
    /// reach the cache, then the shared one. Without an answer of the cache, the own limit decides.
    ///
    /// # Errors
    ///
    /// `RESOURCE_EXHAUSTED` if a limit is exceeded.
    pub(crate) async fn check(&self, operation: &Operation) -> Result<(), ApiError> {
        let Some(own) = self.own.get(operation.function) else {
            return Ok(());
        };
        let mut allowed = own.check().is_ok();
        if let (true, Some(shared)) = (allowed, &self.shared) {
            allowed = shared.allows(operation).await;
        }
        if allowed {
            return Ok(());
        }
        Err(ApiError::new(
            ErrorCode::ResourceExhausted,
            format!(
                "at most {} calls per second are allowed; try again shortly",
                operation.rate_limit
            ),
        )
        .retrying_after(Duration::from_secs(1)))
    }
}
