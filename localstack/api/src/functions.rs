//! Invoking functions through cargo-lambda's Invoke API.

use std::{
    collections::HashMap,
    sync::{
        Arc, Mutex, PoisonError,
        atomic::{AtomicUsize, Ordering},
    },
    time::Duration,
};

use bytes::{Bytes, BytesMut};
use http::{Request, StatusCode, header::CONTENT_TYPE};
use http_body_util::{BodyExt as _, Full};
use hyper_util::{
    client::legacy::{Client, connect::HttpConnector},
    rt::{TokioExecutor, TokioTimer},
};
use serde::{Deserialize, de::IgnoredAny};
use tokio::{
    sync::{OwnedSemaphorePermit, Semaphore},
    time::timeout,
};
use tokio_util::task::TaskTracker;
use trichrome_startup::error_chain;
use url::Url;

use crate::limits::{IN_FLIGHT, MAX_INVOCATION, MAX_PAYLOAD, WAIT_TIMEOUT, WAITING};

/// The timeout for connecting to cargo-lambda.
const CONNECT_TIMEOUT: Duration = Duration::from_secs(2);

/// An answer over the limit is read to its end all the same, up to this many bytes.
const MAX_DISCARDED: usize = 64 * 1024 * 1024;

/// What a function has returned.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Answer {
    /// Its response.
    Success(Bytes),
    /// Its error, as `{"errorType", "errorMessage"}`: it failed, or its process ended.
    Failed(Bytes),
}

/// Why a function was not invoked, or has no answer.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub(crate) enum InvokeError {
    #[error("there is no function {0}")]
    Missing(String),
    #[error("too many invocations of this function are waiting")]
    Throttled,
    #[error("the event has {0} bytes; at most {1} are allowed")]
    TooLarge(usize, usize),
    #[error("could not parse the request body as JSON")]
    NotJson,
    #[error("cargo-lambda can't be reached, or ended during the call")]
    Unreachable,
}

/// The functions behind cargo-lambda.
pub(crate) struct Functions {
    client: Client<HttpConnector, Full<Bytes>>,
    /// Without a trailing slash.
    base: String,
    lanes: Mutex<HashMap<String, Arc<Lane>>>,
    /// Invocations that have begun, and asynchronous events.
    running: TaskTracker,
}

/// The invocations of one function.
struct Lane {
    slots: Arc<Semaphore>,
    waiting: AtomicUsize,
}

impl Default for Lane {
    fn default() -> Self {
        Self {
            slots: Arc::new(Semaphore::new(IN_FLIGHT)),
            waiting: AtomicUsize::new(0),
        }
    }
}

/// A place among those who wait, given up on drop.
struct Waiting<'a>(&'a AtomicUsize);

impl<'a> Waiting<'a> {
    fn begin(count: &'a AtomicUsize) -> Result<Self, InvokeError> {
        let place = Self(count);
        match count.fetch_add(1, Ordering::Relaxed) {
            0..WAITING => Ok(place),
            _ => Err(InvokeError::Throttled),
        }
    }
}

impl Drop for Waiting<'_> {
    fn drop(&mut self) {
        self.0.fetch_sub(1, Ordering::Relaxed);
    }
}

impl Functions {
    /// The functions that `cargo lambda watch` at `lambda` serves.
    pub(crate) fn new(lambda: &Url) -> Self {
        let mut connector = HttpConnector::new();
        connector.set_nodelay(true);
        connector.set_connect_timeout(Some(CONNECT_TIMEOUT));
        Self {
            client: Client::builder(TokioExecutor::new())
                .pool_timer(TokioTimer::new())
                .build(connector),
            base: lambda.as_str().trim_end_matches('/').to_owned(),
            lanes: Mutex::default(),
            running: TaskTracker::new(),
        }
    }

    /// Tracks a task that [`Self::finish`] waits for.
    pub(crate) fn spawn(&self, task: impl Future<Output = ()> + Send + 'static) {
        self.running.spawn(task);
    }

    /// Waits for everything that has begun.
    pub(crate) async fn finish(&self) {
        self.running.close();
        self.running.wait().await;
    }

    /// Invokes a function. Dropping the future before the function is given the event takes the
    /// event back; afterwards, the invocation goes on and its answer is read and discarded.
    pub(crate) async fn invoke(&self, name: &str, event: Bytes) -> Result<Answer, InvokeError> {
        if event.len() > MAX_PAYLOAD {
            return Err(InvokeError::TooLarge(event.len(), MAX_PAYLOAD));
        }
        if serde_json::from_slice::<IgnoredAny>(&event).is_err() {
            return Err(InvokeError::NotJson);
        }
        let slot = self.slot(name).await?;
        let call = call(self.client.clone(), self.url(name), event);
        let task = self.running.spawn(async move {
            let answer = timeout(MAX_INVOCATION, call).await;
            drop(slot);
            answer.unwrap_or_else(|_| Ok(timed_out()))
        });
        let answer = task.await.unwrap_or(Err(InvokeError::Unreachable));
        if answer == Err(InvokeError::Missing(String::new())) {
            self.lanes().remove(name);
            return Err(InvokeError::Missing(name.to_owned()));
        }
        answer
    }

    async fn slot(&self, name: &str) -> Result<OwnedSemaphorePermit, InvokeError> {
        let lane = Arc::clone(self.lanes().entry(name.to_owned()).or_default());
        let _place = Waiting::begin(&lane.waiting)?;
        let slot = Arc::clone(&lane.slots).acquire_owned();
        match timeout(WAIT_TIMEOUT, slot).await {
            Ok(Ok(slot)) => Ok(slot),
            _ => Err(InvokeError::Throttled),
        }
    }

    fn lanes(&self) -> std::sync::MutexGuard<'_, HashMap<String, Arc<Lane>>> {
        self.lanes.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn url(&self, name: &str) -> String {
        format!("{}/2015-03-31/functions/{name}/invocations", self.base)
    }
}

/// Sends an event to cargo-lambda and reads the whole answer.
async fn call(
    client: Client<HttpConnector, Full<Bytes>>,
    url: String,
    event: Bytes,
) -> Result<Answer, InvokeError> {
    let unreachable = |error: &(dyn std::error::Error + 'static)| {
        eprintln!("POST {url}: {}", error_chain(error));
        InvokeError::Unreachable
    };
    let request = Request::post(&url)
        .header(CONTENT_TYPE, "application/json")
        .body(Full::new(event))
        .map_err(|error| unreachable(&error))?;
    let response = client
        .request(request)
        .await
        .map_err(|error| unreachable(&error))?;
    let status = response.status();
    let mut body = response.into_body();
    let (mut bytes, mut length) = (BytesMut::new(), 0);
    while let Some(frame) = body.frame().await {
        let frame = frame.map_err(|error| unreachable(&error))?;
        let data = frame.into_data().unwrap_or_default();
        length += data.len();
        if length <= MAX_PAYLOAD {
            bytes.extend_from_slice(&data);
        } else if length > MAX_DISCARDED {
            break;
        }
    }
    read(status, bytes.freeze(), length)
}

/// Reads cargo-lambda's answer. It answers 500 both for a function's error and for its own.
fn read(status: StatusCode, body: Bytes, length: usize) -> Result<Answer, InvokeError> {
    #[derive(Deserialize)]
    #[serde(rename_all = "camelCase")]
    struct FunctionError {
        #[serde(rename = "errorType")]
        _kind: IgnoredAny,
    }
    match status {
        StatusCode::OK if length > MAX_PAYLOAD => Ok(too_large(length)),
        StatusCode::OK => Ok(Answer::Success(body)),
        // The caller adds the name.
        StatusCode::NOT_FOUND => Err(InvokeError::Missing(String::new())),
        StatusCode::INTERNAL_SERVER_ERROR
            if serde_json::from_slice::<FunctionError>(&body).is_ok() =>
        {
            Ok(Answer::Failed(body))
        }
        _ => Err(InvokeError::Unreachable),
    }
}

fn timed_out() -> Answer {
    failed(
        "Sandbox.Timedout",
        &format!("Task timed out after {} seconds", MAX_INVOCATION.as_secs()),
    )
}

/// As Lambda words it.
fn too_large(length: usize) -> Answer {
    failed(
        "Function.ResponseSizeTooLarge",
        &format!(
            "Response payload size ({length} bytes) exceeded maximum allowed payload size ({MAX_PAYLOAD} bytes)."
        ),
    )
}

fn failed(kind: &str, message: &str) -> Answer {
    let error = serde_json::json!({"errorType": kind, "errorMessage": message});
    Answer::Failed(error.to_string().into())
}

#[cfg(test)]
pub(crate) mod tests;
