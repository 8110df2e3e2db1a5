//! Responses from the cache, and those that must not be.

use std::{
    collections::HashMap,
    sync::{
        Mutex,
        atomic::{AtomicBool, AtomicU64, AtomicUsize},
    },
};

use trichrome_proto::pictures::DeleteUserPictureRequest;

use super::*;
use crate::Found;

/// The state that functions and cache share.
#[derive(Default)]
struct World {
    /// The caller's revision, as the table has it.
    revision: AtomicU64,
    lists: AtomicUsize,
    /// By user: the ticket, and the entries.
    kept: Mutex<HashMap<String, (String, Entries)>>,
    tickets: AtomicU64,
    loses_evictions: AtomicBool,
    is_down: AtomicBool,
}

type Entries = HashMap<String, Vec<u8>>;

type Shared = &'static World;

fn world() -> Shared {
    Box::leak(Box::default())
}

#[derive(Debug, thiserror::Error)]
#[error("the cache is down")]
struct Down;

struct Memory(Shared);

impl Memory {
    fn up(&self) -> Result<(), Down> {
        match self.0.is_down.load(Ordering::Relaxed) {
            true => Err(Down),
            false => Ok(()),
        }
    }
}

impl ResponseCache for Memory {
    type Error = Down;

    fn build(_: &mut Env) -> Option<Self> {
        None
    }

    fn is_up(&self, _: &str) -> bool {
        true
    }

    async fn find(&self, user_id: &str, request: &str) -> Result<Found, Down> {
        self.up()?;
        let mut kept = self.0.kept.lock().unwrap();
        let (ticket, entries) = kept.entry(user_id.to_owned()).or_insert_with(|| {
            let ticket = self.0.tickets.fetch_add(1, Ordering::Relaxed);
            (ticket.to_string(), HashMap::new())
        });
        Ok(Found {
            entry: entries.get(request).cloned(),
            ticket: ticket.clone(),
        })
    }

    async fn keep(
        &self,
        user: &str,
        request: &str,
        ticket: &str,
        entry: &[u8],
    ) -> Result<(), Down> {
        self.up()?;
        if let Some((current, entries)) = self.0.kept.lock().unwrap().get_mut(user)
            && current == ticket
        {
            entries.insert(request.to_owned(), entry.to_vec());
        }
        Ok(())
    }

    async fn evict(&self, user_id: &str) -> Result<(), Down> {
        self.up()?;
        if !self.0.loses_evictions.load(Ordering::Relaxed) {
            self.0.kept.lock().unwrap().remove(user_id);
        }
        Ok(())
    }
}

struct Anyone;

impl TokenCheck for Anyone {
    type Error = ApiError;

    fn build(_: &mut Env) -> Self {
        Self
    }

    async fn counts(&self, _: &Claims, key: Option<&str>) -> Result<bool, ApiError> {
        Ok(key != Some("revoked"))
    }
}

/// Answers with the number of calls so far.
struct CountedList(Shared);

impl Function for CountedList {
    const NAME: &'static str = "pictures-list";
    type Input = GetUserPicturesRequest;
    type Output = PicturesMessage;
    type Error = ApiError;
    type Tokens = Anyone;

    fn build(_: &mut Env) -> Self {
        Self(world())
    }

    async fn call(&self, call: &Call, input: Self::Input) -> Result<Self::Output, ApiError> {
        let calls = self.0.lists.fetch_add(1, Ordering::Relaxed) + 1;
        if input.limit == 13 {
            return Err(ApiError::new(ErrorCode::Unavailable, "down"));
        }
        if input.limit == 17 {
            // A write of the caller, while this call reads.
            Memory(self.0).evict(call.caller()).await.unwrap();
        }
        Ok(PicturesMessage {
            pictures: vec![PictureMessage {
                user_id: input.user_id,
                size_bytes: u32::try_from(calls).unwrap(),
                ..Default::default()
            }],
            next_cursor: "next".to_owned(),
        })
    }

    fn revision<'a>(
        &'a self,
        _: &'a Call,
        input: &'a Self::Input,
    ) -> Option<impl Future<Output = Result<Option<String>, ApiError>> + Send + 'a> {
        (!input.metadata_only)
            .then(async || Ok(Some(self.0.revision.load(Ordering::Relaxed).to_string())))
    }
}

/// Succeeds, or fails after it has taken effect.
struct Delete(Shared);

impl Function for Delete {
    const NAME: &'static str = "pictures-delete";
    type Input = DeleteUserPictureRequest;
    type Output = ();
    type Error = ApiError;
    type Tokens = Anyone;

    fn build(_: &mut Env) -> Self {
        Self(world())
    }

    async fn call(&self, call: &Call, _: Self::Input) -> Result<(), ApiError> {
        self.0.revision.fetch_add(1, Ordering::Relaxed);
        match call.idempotency_key.as_deref() {
            Some("fails") => Err(ApiError::new(ErrorCode::Unavailable, "no answer")),
            _ => Ok(()),
        }
    }
}

fn cached<F: Function<Tokens = Anyone>>(function: F, world: Shared) -> Shell<F, Memory> {
    Shell {
        function,
        operation: by_function(F::NAME).unwrap(),
        verifier: Some(crate::token::tests::verifier(&[&key()])),
        tokens: Some(Anyone),
        cache: Some(Memory(world)),
        timeout: Duration::from_secs(9),
        cors_origin: None,
        proxies: TrustedProxies::default(),
        cold: AtomicBool::new(true),
    }
}

/// The body of a user's list, and what the cache did.
async fn list(world: Shared, user: &str, query: &str) -> (String, Option<CacheUse>) {
    let request = request_of(user, GRPC, query, "");
    let handled = cached(CountedList(world), world).handle(request).await;
    let headers = handled.response.headers();
    let body = match handled.response.body() {
        Body::Text(text) => text.clone(),
        _ => String::new(),
    };
    if handled.response.status() == 200 {
        assert_eq!(headers["next-cursor"], "next");
        assert_eq!(headers["content-type"], "application/json");
        assert!(body.contains(&format!("\"user_id\":\"{user}\"")), "{body}");
    }
    let status = headers.get("cache-status").map(|it| it.to_str().unwrap());
    let cache = handled.finished.sample.cache;
    let expected = match cache {
        Some(CacheUse::Hit) => Some("trichrome; hit"),
        Some(CacheUse::Miss) => Some("trichrome; fwd=miss"),
        _ => None,
    };
    assert_eq!(status, expected);
    (body, cache)
}

async fn delete(world: Shared, user: &str, key: &str) -> Option<CacheUse> {
    use lambda_http::RequestExt as _;
    let id = "0190a1b2-0000-7000-8000-000000000abc";
    let parameters = HashMap::from([("picture_id".to_owned(), vec![id.to_owned()])]);
    let mut request = request_of(user, "api", "", "").with_path_parameters(parameters);
    let headers = request.headers_mut();
    headers.insert(header::IDEMPOTENCY_KEY, key.parse().unwrap());
    let handled = cached(Delete(world), world).handle(request).await;
    handled.finished.sample.cache
}

const HIT: Option<CacheUse> = Some(CacheUse::Hit);
const MISS: Option<CacheUse> = Some(CacheUse::Miss);
const FAILED: Option<CacheUse> = Some(CacheUse::Failed);

#[tokio::test]
async fn a_read_is_answered_once_until_a_write() {
    let world = world();
    let (first, cache) = list(world, "u1", "limit=5&raw=true").await;
    assert_eq!(cache, MISS);
    assert_eq!(list(world, "u1", "raw=true&limit=5").await, (first, HIT));
    assert_eq!(list(world, "u1", "limit=6&raw=true").await.1, MISS);
    assert_eq!(delete(world, "u1", "k").await, Some(CacheUse::Evicted));
    assert!(world.kept.lock().unwrap().is_empty());
    assert_eq!(list(world, "u1", "limit=5&raw=true").await.1, MISS);
    assert_eq!(world.lists.load(Ordering::Relaxed), 3);
}

#[tokio::test]
async fn users_have_their_own_responses() {
    let world = world();
    let (of_one, _) = list(world, "u1", "").await;
    let (of_two, cache) = list(world, "u2", "").await;
    assert_eq!(cache, MISS);
    delete(world, "u2", "k").await;
    world.revision.store(0, Ordering::Relaxed);
    assert_eq!(list(world, "u1", "").await, (of_one, HIT));
    assert_ne!(list(world, "u2", "").await.0, of_two);
    // Even if the cache mixes up its keys.
    let mix_up = || {
        let mut kept = world.kept.lock().unwrap();
        let of_one = kept["u1"].clone();
        kept.insert("u2".to_owned(), of_one);
    };
    mix_up();
    assert_eq!(list(world, "u2", "").await.1, MISS);
}

#[tokio::test]
async fn what_was_deleted_is_not_answered_though_the_eviction_is_lost() {
    let world = world();
    world.loses_evictions.store(true, Ordering::Relaxed);
    let (before, _) = list(world, "u1", "").await;
    delete(world, "u1", "k").await;
    assert!(!world.kept.lock().unwrap().is_empty());
    let (after, cache) = list(world, "u1", "").await;
    assert_eq!(cache, MISS);
    assert_ne!(before, after);
    assert_eq!(list(world, "u1", "").await, (after, HIT));
}

#[tokio::test]
async fn a_write_that_failed_evicts_too() {
    let world = world();
    list(world, "u1", "").await;
    assert_eq!(delete(world, "u1", "fails").await, Some(CacheUse::Evicted));
    assert!(world.kept.lock().unwrap().is_empty());
}

#[tokio::test]
async fn what_was_read_during_a_write_is_not_kept() {
    let world = world();
    assert_eq!(list(world, "u1", "limit=17").await.1, MISS);
    assert_eq!(list(world, "u1", "limit=17").await.1, MISS);
}

#[tokio::test]
async fn failures_and_requests_without_a_revision_are_not_kept() {
    let world = world();
    for _ in 0..2 {
        assert_eq!(list(world, "u1", "limit=13").await.1, MISS);
        assert_eq!(list(world, "u1", "metadata_only=true").await.1, None);
    }
    assert_eq!(world.lists.load(Ordering::Relaxed), 4);
}

#[tokio::test]
async fn a_cache_that_is_down_costs_only_hits() {
    let world = world();
    list(world, "u1", "").await;
    world.is_down.store(true, Ordering::Relaxed);
    let (body, cache) = list(world, "u1", "").await;
    assert_eq!(cache, FAILED);
    assert!(body.contains("\"size_bytes\":2"), "{body}");
    assert_eq!(delete(world, "u1", "k").await, FAILED);
    // What is still there when it is back has another revision.
    world.is_down.store(false, Ordering::Relaxed);
    assert_eq!(list(world, "u1", "").await.1, MISS);
}

#[tokio::test]
async fn a_revoked_token_gets_no_hit() {
    let world = world();
    list(world, "u1", "").await;
    let mut request = request_of("u1", "api", "", "");
    let headers = request.headers_mut();
    headers.insert(header::IDEMPOTENCY_KEY, "revoked".parse().unwrap());
    let handled = cached(CountedList(world), world).handle(request).await;
    assert_eq!(handled.response.status(), 401);
    assert_eq!(handled.finished.sample.cache, None);
}

#[test]
fn an_operation_that_keeps_responses_does_not_start_without_a_cache() {
    let mut env = Env::from_fn(|_| None);
    crate::start::check_cache::<crate::NoCache>(by_function("pictures-list"), &mut env);
    assert!(env.check().is_err());
    let mut env = Env::from_fn(|_| None);
    crate::start::check_cache::<crate::NoCache>(by_function("users-get"), &mut env);
    crate::start::check_cache::<Memory>(by_function("pictures-delete"), &mut env);
    assert!(env.check().is_ok());
}
