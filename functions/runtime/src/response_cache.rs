//! Keeping responses by user, outside of the process.

use std::error::Error;

use crate::Env;

/// Keeps the responses of operations that the contract marks `cacheable`, by user.
///
/// The shell decides what is kept, and whether what is found still counts. A function that serves such
/// an operation, or one that evicts, chooses a cache by [`run_cached`](crate::run_cached). A failure
/// costs no more than a hit.
pub trait ResponseCache: Sized + Send + Sync + 'static {
    /// Why the cache didn't do what it was asked for.
    type Error: Error + Send + Sync + 'static;

    /// Reads the configuration, as [`Function::build`](crate::Function::build) does. `None` without a
    /// cache.
    fn build(env: &mut Env) -> Option<Self>;

    /// Whether the user's responses are worth asking for: their node hasn't failed a moment ago.
    fn is_up(&self, user_id: &str) -> bool;

    /// Looks for what is kept for a user's request.
    fn find(
        &self,
        user_id: &str,
        request: &str,
    ) -> impl Future<Output = Result<Found, Self::Error>> + Send;

    /// Keeps the entry of a user's request for a minute at most, unless the user's entries were evicted
    /// since [`Self::find`] gave out the ticket.
    fn keep(
        &self,
        user_id: &str,
        request: &str,
        ticket: &str,
        entry: &[u8],
    ) -> impl Future<Output = Result<(), Self::Error>> + Send;

    /// Evicts all entries of a user.
    fn evict(&self, user_id: &str) -> impl Future<Output = Result<(), Self::Error>> + Send;
}

/// What a cache knows of a request.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Found {
    /// The entry, if there is one.
    pub entry: Option<Vec<u8>>,
    /// Needed to keep a new one.
    pub ticket: String,
}

/// What the cache did for a call.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum CacheUse {
    Hit,
    Miss,
    Evicted,
    Failed,
}

impl CacheUse {
    pub(crate) const fn as_str(self) -> &'static str {
        match self {
            Self::Hit => "hit",
            Self::Miss => "miss",
            Self::Evicted => "evicted",
            Self::Failed => "failed",
        }
    }
}

/// No cache. An operation that the contract lets use one can't start with it.
#[derive(Debug)]
pub enum NoCache {}

impl ResponseCache for NoCache {
    type Error = std::convert::Infallible;

    fn build(_: &mut Env) -> Option<Self> {
        None
    }

    fn is_up(&self, _: &str) -> bool {
        match *self {}
    }

    async fn find(&self, _: &str, _: &str) -> Result<Found, Self::Error> {
        match *self {}
    }

    async fn keep(&self, _: &str, _: &str, _: &str, _: &[u8]) -> Result<(), Self::Error> {
        match *self {}
    }

    async fn evict(&self, _: &str) -> Result<(), Self::Error> {
        match *self {}
    }
}
