//! CPU and heap profiles of the running gateway in pprof's format.
//!
//! They are served on the operator's port: a profile costs time and reveals the program's
//! internals.
//!
//! - `GET /debug/pprof/profile?seconds=10`: CPU profile of all running threads.
//! - `GET /debug/pprof/heap`: live allocations. This requires a build with the feature
//!   `heap-profiles`, because every build would otherwise have to compile jemalloc's C code, and
//!   `_RJEM_MALLOC_CONF=prof:true` to start its sampling.
//!
//! `go tool pprof` reads both. Take a heap profile first: a process's first CPU profile leaves
//! 80 MB of the profiler's own and the program's symbols in memory, which the heap profile shows.

use std::{sync::Arc, thread, time::Duration};

use axum::{
    Router,
    extract::{Query, State},
    response::{IntoResponse, Response},
    routing::get,
};
use http::{StatusCode, header::CONTENT_TYPE};
use pprof::{ProfilerGuardBuilder, protos::Message as _};
use serde::Deserialize;
use tokio::sync::Semaphore;

/// Samples per second. Not a multiple of usual timer frequencies, to avoid sampling in step with
/// periodic work.
const FREQUENCY: i32 = 99;

/// The maximum duration of a CPU profile in seconds.
const MAX_SECONDS: u64 = 60;

/// The default duration of a CPU profile in seconds.
const DEFAULT_SECONDS: u64 = 10;

/// The routes of the profiles.
pub(crate) fn router() -> Router {
    // The sampling timer is shared by the whole process, so only one profile runs at a time.
    let slot = Arc::new(Semaphore::new(1));
    Router::new()
        .route("/debug/pprof/profile", get(cpu).with_state(slot))
        .route("/debug/pprof/heap", get(heap))
}

#[derive(Deserialize)]
struct ProfileQuery {
    seconds: Option<u64>,
}

/// Why a profile cannot be taken.
#[derive(Debug, thiserror::Error)]
enum ProfileError {
    #[error("seconds must be 1 to {MAX_SECONDS}")]
    Seconds,
    #[error("another profile is in progress")]
    Busy,
    #[error("the profile failed: {0}")]
    Failed(String),
    #[error("{0}")]
    Unavailable(&'static str),
}

impl IntoResponse for ProfileError {
    fn into_response(self) -> Response {
        let status = match self {
            Self::Seconds => StatusCode::BAD_REQUEST,
            Self::Busy => StatusCode::CONFLICT,
            Self::Failed(_) => StatusCode::INTERNAL_SERVER_ERROR,
            Self::Unavailable(_) => StatusCode::NOT_IMPLEMENTED,
        };
        (status, format!("{self}\n")).into_response()
    }
}

async fn cpu(
    State(slot): State<Arc<Semaphore>>,
    Query(query): Query<ProfileQuery>,
) -> Result<Response, ProfileError> {
    let seconds = query.seconds.unwrap_or(DEFAULT_SECONDS);
    if !(1..=MAX_SECONDS).contains(&seconds) {
        return Err(ProfileError::Seconds);
    }
    let slot = slot.try_acquire_owned().map_err(|_| ProfileError::Busy)?;
    // Runs to its end even if the caller disconnects, so that it frees the slot only then.
    let profile = tokio::task::spawn_blocking(move || {
        let profile = sample(Duration::from_secs(seconds));
        drop(slot);
        profile
    });
    let profile = profile.await.map_err(failed)?.map_err(failed)?;
    Ok(file(profile))
}

fn sample(time: Duration) -> Result<Vec<u8>, Box<dyn std::error::Error + Send + Sync>> {
    let profiler = ProfilerGuardBuilder::default()
        .frequency(FREQUENCY)
        // Unwinding inside these isn't safe.
        .blocklist(&["libc", "libgcc", "pthread", "vdso"])
        .build()?;
    thread::sleep(time);
    Ok(profiler.report().build()?.pprof()?.write_to_bytes()?)
}

#[cfg(feature = "heap-profiles")]
async fn heap() -> Result<Response, ProfileError> {
    let profiler = jemalloc_pprof::PROF_CTL.as_ref();
    let profiler = profiler.ok_or(ProfileError::Unavailable(
        "start the gateway with _RJEM_MALLOC_CONF=prof:true,lg_prof_sample:19",
    ))?;
    let mut profiler = profiler.lock().await;
    profiler.dump_pprof().map(file).map_err(failed)
}

#[cfg(not(feature = "heap-profiles"))]
async fn heap() -> Result<Response, ProfileError> {
    Err(ProfileError::Unavailable(
        "this gateway was built without the feature heap-profiles",
    ))
}

fn failed(error: impl std::fmt::Display) -> ProfileError {
    ProfileError::Failed(error.to_string())
}

fn file(profile: Vec<u8>) -> Response {
    ([(CONTENT_TYPE, "application/octet-stream")], profile).into_response()
}

#[cfg(test)]
mod tests {
    use std::sync::atomic::{AtomicBool, Ordering};

    use axum::body::Body;
    use http::Request;
    use http_body_util::BodyExt as _;
    use pprof::protos::Profile;
    use tower::ServiceExt as _;

    use super::*;

    async fn ask(path: &str) -> (StatusCode, Vec<u8>) {
        let request = Request::get(path).body(Body::empty()).unwrap();
        let response = router().oneshot(request).await.unwrap();
        let status = response.status();
        let body = response.into_body().collect().await.unwrap();
        (status, body.to_bytes().to_vec())
    }

    #[tokio::test]
    async fn a_profile_has_samples() {
        static STOP: AtomicBool = AtomicBool::new(false);
        let busy = thread::spawn(|| {
            let mut sum = 0_u64;
            while !STOP.load(Ordering::Relaxed) {
                sum = std::hint::black_box(sum.wrapping_mul(31).wrapping_add(7));
            }
        });
        let (status, body) = ask("/debug/pprof/profile?seconds=1").await;
        STOP.store(true, Ordering::Relaxed);
        busy.join().unwrap();
        assert_eq!(status, StatusCode::OK);
        let profile = Profile::parse_from_bytes(&body).unwrap();
        assert!(!profile.sample.is_empty());
    }

    #[tokio::test]
    async fn unavailable_profiles_are_refused() {
        let (status, _) = ask("/debug/pprof/profile?seconds=0").await;
        assert_eq!(status, StatusCode::BAD_REQUEST);
        let (status, body) = ask("/debug/pprof/heap").await;
        assert_eq!(status, StatusCode::NOT_IMPLEMENTED, "{body:?}");
    }
}
