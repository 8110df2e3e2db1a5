//! A secret that is read again when it may have changed.

use std::{fmt, sync::Arc, time::Duration};

use tokio::{sync::Mutex, time::Instant};
use trichrome_startup::error_chain;
use zeroize::Zeroizing;

use crate::{
    error::{Failed, SecretError},
    open::Reader,
    value::Value,
};

/// How long a value that was read over the network counts as current. A lease that ends earlier
/// shortens it.
const FRESH: Duration = Duration::from_secs(300);
/// The same for a file, which costs next to nothing to read.
const FRESH_FILE: Duration = Duration::from_secs(5);
/// How long a value is used while it can't be read again. A lease that ends earlier shortens it.
const USABLE: Duration = Duration::from_secs(3600);
/// How long a value is used after a failed attempt, before the next one.
const RETRY: Duration = Duration::from_secs(30);
/// How long a caller waits for another value while the one from before may be used.
const PATIENCE: Duration = Duration::from_secs(1);
/// The shortest time between reads because a service refused the value: callers of a service that
/// refuses every value don't flood the store.
const REFRESH: Duration = Duration::from_secs(5);

/// A secret and where it comes from. Cheap to clone; clones share the value.
#[derive(Clone)]
pub struct Secret(Arc<Inner>);

struct Inner {
    /// The variable that names the source.
    variable: String,
    reader: Reader,
    /// Locked while the source is read, so that concurrent callers read it once.
    state: Mutex<State>,
}

#[derive(Default)]
struct State {
    held: Option<Held>,
    /// The version of the last value, which may not be held any more.
    version: u64,
}

struct Held {
    value: Value,
    /// When to read it again.
    due: Instant,
    /// When it may not be used any more.
    end: Instant,
    /// When the source was read last, with or without success.
    read: Instant,
}

/// What a source returned.
pub(crate) struct Fetched {
    pub(crate) text: Zeroizing<String>,
    /// How long the login that read it may use it.
    pub(crate) lease: Option<Duration>,
}

impl fmt::Debug for Secret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Secret({})", self.0.variable)
    }
}

impl Secret {
    pub(crate) fn new(variable: String, reader: Reader) -> Self {
        Self(Arc::new(Inner {
            variable,
            reader,
            state: Mutex::default(),
        }))
    }

    /// A secret whose value is known and never changes.
    #[must_use]
    pub fn fixed(variable: &str, text: &str) -> Self {
        let text = Zeroizing::new(text.to_owned());
        Self::new(variable.to_owned(), Reader::Value(text))
    }

    /// The variable that names the source.
    #[must_use]
    pub fn variable(&self) -> &str {
        &self.0.variable
    }

    /// Whether the value may change.
    #[must_use]
    pub fn may_change(&self) -> bool {
        !matches!(self.0.reader, Reader::Value(_))
    }

    /// The value: from the source at first, and again after five minutes (a file's after five
    /// seconds), or earlier if the login's lease is shorter. While the source fails, the value from
    /// before is returned until an hour after it was read, or until the lease's end.
    ///
    /// # Errors
    ///
    /// The source fails, and there is no value from before that may still be used.
    pub async fn get(&self) -> Result<Value, SecretError> {
        let mut state = self.0.state.lock().await;
        match &state.held {
            Some(it) if Instant::now() < it.due => Ok(it.value.clone()),
            _ => self.0.read(&mut state).await,
        }
    }

    /// The value after a service has refused `refused`: the one that another caller has read
    /// meanwhile, or else from the source, but not more often than every five seconds. If it is the
    /// same, the returned value has the same version.
    ///
    /// # Errors
    ///
    /// See [`get`](Self::get).
    pub async fn refresh(&self, refused: &Value) -> Result<Value, SecretError> {
        let mut state = self.0.state.lock().await;
        if let Some(it) = &state.held
            && Instant::now() < it.end
            && (it.value.version() != refused.version() || it.read.elapsed() < REFRESH)
        {
            return Ok(it.value.clone());
        }
        self.0.read(&mut state).await
    }
}

impl Inner {
    /// Reads the source, and keeps the value.
    async fn read(&self, state: &mut State) -> Result<Value, SecretError> {
        let usable = |held: &Held| Instant::now() < held.end;
        let fetched = match state.held.as_ref().is_some_and(usable) {
            true => tokio::time::timeout(PATIENCE, self.reader.read())
                .await
                .unwrap_or_else(|_| Err(Failed::transient("no answer within a second"))),
            false => self.reader.read().await,
        };
        match fetched {
            Ok(Fetched { text, .. }) if text.is_empty() => {
                self.failed(state, Failed::lasting("it is empty"))
            }
            Ok(Fetched { text, lease }) => Ok(self.keep(state, text, lease)),
            Err(failed) => self.failed(state, failed),
        }
    }

    fn keep(&self, state: &mut State, text: Zeroizing<String>, lease: Option<Duration>) -> Value {
        let value = match state.held.take() {
            Some(before) if before.value.expose() == text.as_str() => before.value,
            before => {
                if before.is_some() {
                    tracing::info!(secret = self.variable, "the secret has changed");
                }
                state.version += 1;
                Value::new(text, state.version)
            }
        };
        let usable = lease.map_or(USABLE, |lease| lease.min(USABLE));
        let fresh = match &self.reader {
            Reader::Value(_) => USABLE,
            Reader::File(_) => FRESH_FILE,
            // Two thirds, so that a failed attempt leaves time for others.
            _ => FRESH.min(usable * 2 / 3),
        };
        let now = Instant::now();
        state.held = Some(Held {
            value: value.clone(),
            due: now + fresh,
            end: now + usable,
            read: now,
        });
        value
    }

    /// Uses the value from before for a while, if there is one that may be used.
    fn failed(&self, state: &mut State, failed: Failed) -> Result<Value, SecretError> {
        let error = failed.of(&self.variable);
        let now = Instant::now();
        let Some(it) = state.held.as_mut().filter(|it| now < it.end) else {
            // A value that may not be used is not kept in memory.
            state.held = None;
            return Err(error);
        };
        tracing::warn!(
            secret = self.variable,
            error = error_chain(&error),
            "the secret can't be read again; the value from before is used"
        );
        it.read = now;
        it.due = it.end.min(now + RETRY);
        Ok(it.value.clone())
    }
}

#[cfg(test)]
mod tests;
