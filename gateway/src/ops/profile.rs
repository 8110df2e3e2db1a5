//! Profiles of the running gateway, in pprof's format: where its time goes, and its memory.
//!
//! On a port of their own that is off unless `GATEWAY_ADMIN_ADDR` names one, and on loopback
//! alone: a profile costs time, and tells what the process is made of.
//!
//! - `GET /debug/pprof/profile?seconds=10`: CPU, by samples of all threads that run.
//! - `GET /debug/pprof/heap`: what was allocated and is still held. Only in a build with the
//!   feature `heap-profiles`: it takes another allocator, jemalloc, whose C code every build
//!   would have to compile; and only where `_RJEM_MALLOC_CONF=prof:true` starts its sampling.
//!
//! Both are for `go tool pprof`, or anything else that reads its files. A process's first CPU
//! profile leaves the profiler's own 80 MB and the program's symbols in memory, where the heap
//! profile shows them: it is better taken first.

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

/// Samples a second: no multiple of what timers do, so that it does not beat with them.
const FREQUENCY: i32 = 99;

/// How long a CPU profile may take, in seconds; ten unless said.
const LONGEST: u64 = 60;
const USUAL: u64 = 10;

/// The pages of the admin port.
pub(crate) fn router() -> Router {
    // The timer that samples is the process's, and there is one.
    let turn = Arc::new(Semaphore::new(1));
    Router::new()
        .route("/debug/pprof/profile", get(cpu).with_state(turn))
        .route("/debug/pprof/heap", get(heap))
}

#[derive(Deserialize)]
struct Asked {
    seconds: Option<u64>,
}

/// Why there is no profile.
#[derive(Debug, thiserror::Error)]
enum ProfileError {
    #[error("seconds must be 1 to {LONGEST}")]
    Seconds,
    #[error("another profile is being taken")]
    Busy,
    #[error("no profile: {0}")]
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
    State(turn): State<Arc<Semaphore>>,
    Query(asked): Query<Asked>,
) -> Result<Response, ProfileError> {
    let seconds = asked.seconds.unwrap_or(USUAL);
    if !(1..=LONGEST).contains(&seconds) {
        return Err(ProfileError::Seconds);
    }
    let turn = turn.try_acquire_owned().map_err(|_| ProfileError::Busy)?;
    // Goes on to its end though its caller goes away: the next must not find it running.
    let taken = tokio::task::spawn_blocking(move || {
        let profile = sample(Duration::from_secs(seconds));
        drop(turn);
        profile
    });
    let profile = taken.await.map_err(failed)?.map_err(failed)?;
    Ok(file(profile))
}

fn sample(time: Duration) -> Result<Vec<u8>, Box<dyn std::error::Error + Send + Sync>> {
    let profiler = ProfilerGuardBuilder::default()
        .frequency(FREQUENCY)
        // Unwinding in the midst of these is not safe.
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
    async fn a_profile_shows_what_runs() {
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
    async fn what_cannot_be_had_is_said() {
        let (status, _) = ask("/debug/pprof/profile?seconds=0").await;
        assert_eq!(status, StatusCode::BAD_REQUEST);
        let (status, body) = ask("/debug/pprof/heap").await;
        assert_eq!(status, StatusCode::NOT_IMPLEMENTED, "{body:?}");
    }
}
