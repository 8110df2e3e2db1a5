//! The limit that all gateways have together, counted in the cache.

use std::sync::{Arc, LazyLock};

use trichrome_cache::{Nodes, Script};
use trichrome_proto::contract::Operation;

use crate::ops::metrics::{LimitOutcome, Metrics};

/// The generic cell rate algorithm, as in `governor`: a second's calls may come at once. The key has
/// the time, in microseconds by the node's clock, at which the calls so far would have come evenly.
static COUNT: LazyLock<Script> = LazyLock::new(|| {
    Script::new(
        "local time = redis.call('TIME')
        local now = time[1] * 1000000 + time[2]
        local due = math.max(tonumber(redis.call('GET', KEYS[1]) or 0), now)
        due = due + 1000000 / tonumber(ARGV[1])
        if due - now > 1000000 then return 0 end
        redis.call('SET', KEYS[1], string.format('%.0f', due), 'PX', 2000)
        return 1",
    )
});

/// The limits in the cache. An operation's calls are counted by one node.
pub(super) struct SharedLimits {
    nodes: Arc<Nodes>,
    /// Keeps several stacks apart.
    prefix: String,
    metrics: Arc<Metrics>,
}

impl SharedLimits {
    pub(super) fn new(nodes: Arc<Nodes>, stack: &str, metrics: Arc<Metrics>) -> Self {
        Self {
            nodes,
            prefix: format!("trichrome:{stack}:limit:"),
            metrics,
        }
    }

    /// Whether there is room for a call, or no answer.
    pub(super) async fn allows(&self, operation: &Operation) -> bool {
        let key = format!("{}{}", self.prefix, operation.function);
        let limit = operation.rate_limit.to_string();
        let node = self.nodes.of(&key);
        let outcome = match node.run(&COUNT, &key, &[limit.as_bytes()]).await {
            Ok(true) => LimitOutcome::Allowed,
            Ok(false) => LimitOutcome::Refused,
            Err(error) => {
                tracing::debug!(%error, "the shared limit isn't known");
                LimitOutcome::Unknown
            }
        };
        self.metrics.shared_limit(outcome);
        outcome != LimitOutcome::Refused
    }
}
