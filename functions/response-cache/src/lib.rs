//! Responses kept in the nodes of the optional cache, one hash for each user.
//!
//! A hash has the user's entries by request, and a ticket. The ticket is created with the hash, and an
//! entry is stored only under the ticket that was there when it was missed, so what a concurrent write
//! evicts can't be stored afterwards. Evicting deletes the hash. A hash lives for [`TTL`], however
//! often it is used; that bounds how old an entry gets if an eviction is lost.

use std::{sync::LazyLock, time::Duration};

use trichrome_cache::{CacheError, Node, Nodes, Script};
use trichrome_runtime::{Env, Found, ResponseCache};
use uuid::Uuid;

/// How long a user's entries live.
pub const TTL: Duration = Duration::from_secs(60);

/// The largest number of a user's entries. Each is a quarter of a megabyte at most.
const MAX_ENTRIES: usize = 64;

/// Returns the ticket, after creating it where it is missing, and the entry.
static FIND: LazyLock<Script> = LazyLock::new(|| {
    Script::new(
        "local ticket = redis.call('HGET', KEYS[1], 'ticket')
        if not ticket then
            ticket = ARGV[2]
            redis.call('HSET', KEYS[1], 'ticket', ticket)
            redis.call('PEXPIRE', KEYS[1], ARGV[3])
        end
        return {ticket, redis.call('HGET', KEYS[1], ARGV[1])}",
    )
});

/// Stores an entry if the ticket is still the same and there is room.
static KEEP: LazyLock<Script> = LazyLock::new(|| {
    Script::new(
        "if redis.call('HGET', KEYS[1], 'ticket') ~= ARGV[2] then return 0 end
        if redis.call('HLEN', KEYS[1]) > tonumber(ARGV[4]) then return 0 end
        redis.call('HSET', KEYS[1], ARGV[1], ARGV[3])
        return 1",
    )
});

/// The cache of a stack.
#[derive(Debug)]
pub struct NodeCache {
    nodes: Nodes,
    /// Keeps the keys of several stacks apart.
    stack: String,
    ttl: Duration,
}

impl NodeCache {
    /// A cache in these nodes. Opens no connection.
    #[must_use]
    pub fn new(nodes: Nodes, stack: String, ttl: Duration) -> Self {
        Self { nodes, stack, ttl }
    }

    fn key(&self, user_id: &str) -> String {
        format!("trichrome:{}:responses:{user_id}", self.stack)
    }

    fn node(&self, user_id: &str) -> &Node {
        self.nodes.of(user_id)
    }
}

/// The field of a request. No request is called as the ticket is.
fn field(request: &str) -> String {
    format!("request {request}")
}

impl ResponseCache for NodeCache {
    type Error = CacheError;

    /// Reads `CACHE_NODES`, and `STACK_NAME` (default `trichrome`). No cache without nodes.
    fn build(env: &mut Env) -> Option<Self> {
        let variables = env.variables();
        let nodes =
            variables.optional_with("CACHE_NODES", Nodes::EXPECTED, |list| list.parse().ok())?;
        let stack = variables.optional("STACK_NAME");
        let stack = stack.unwrap_or_else(|| "trichrome".to_owned());
        Some(Self::new(nodes, stack, TTL))
    }

    fn is_up(&self, user_id: &str) -> bool {
        self.node(user_id).is_up()
    }

    async fn find(&self, user_id: &str, request: &str) -> Result<Found, CacheError> {
        let (field, ticket) = (field(request), Uuid::new_v4().to_string());
        let ttl = self.ttl.as_millis().to_string();
        let arguments = [field.as_bytes(), ticket.as_bytes(), ttl.as_bytes()];
        let node = self.node(user_id);
        let (ticket, entry) = node.run(&FIND, &self.key(user_id), &arguments).await?;
        Ok(Found { entry, ticket })
    }

    async fn keep(
        &self,
        user_id: &str,
        request: &str,
        ticket: &str,
        entry: &[u8],
    ) -> Result<(), CacheError> {
        let (field, most) = (field(request), MAX_ENTRIES.to_string());
        let arguments = [field.as_bytes(), ticket.as_bytes(), entry, most.as_bytes()];
        let node = self.node(user_id);
        let _kept: bool = node.run(&KEEP, &self.key(user_id), &arguments).await?;
        Ok(())
    }

    async fn evict(&self, user_id: &str) -> Result<(), CacheError> {
        self.node(user_id).delete(&self.key(user_id)).await
    }
}
