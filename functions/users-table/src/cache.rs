//! What the process knows of users, so that a token is checked against the table once in a while.

use std::{
    collections::HashMap,
    sync::{Arc, Mutex, PoisonError},
    time::{Duration, SystemTime},
};

use tokio::sync::Mutex as AsyncMutex;

/// What the table says of a user.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum UserState {
    /// The user exists and revoked their tokens so often.
    Exists {
        /// The generation of new tokens.
        generation: u64,
    },
    /// The user doesn't exist or is being deleted.
    Gone,
}

impl UserState {
    /// Whether a token of this generation counts. A higher one is newer than what is known.
    pub(crate) fn accepts(self, token_generation: u64) -> bool {
        match self {
            Self::Exists { generation } => token_generation >= generation,
            Self::Gone => false,
        }
    }
}

/// A state, and when it was read.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Known {
    pub(crate) state: UserState,
    pub(crate) read_at: SystemTime,
}

impl Known {
    /// Whether the state still decides about a token of this generation. A refusal always does:
    /// ids aren't used again and generations only grow.
    pub(crate) fn decides(
        &self,
        token_generation: u64,
        now: SystemTime,
        max_age: Duration,
    ) -> bool {
        // By the wall clock, because the monotonic one may stop while Lambda freezes the process.
        // A clock that was set back makes the state too old.
        let age = now.duration_since(self.read_at);
        !self.state.accepts(token_generation) || age.is_ok_and(|age| age < max_age)
    }
}

/// A user's place. Locked while the user is read, so that concurrent calls read once.
pub(crate) type Slot = Arc<AsyncMutex<Option<Known>>>;

/// A bounded number of users.
#[derive(Debug)]
pub(crate) struct Cache {
    slots: Mutex<HashMap<String, Slot>>,
    capacity: usize,
}

impl Cache {
    pub(crate) fn new(capacity: usize) -> Self {
        Self {
            slots: Mutex::default(),
            capacity,
        }
    }

    /// The user's slot. A new one displaces all others where there is no room: it is rare, and
    /// costs one read for each.
    pub(crate) fn slot(&self, user_id: &str) -> Slot {
        let mut slots = self.slots.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(slot) = slots.get(user_id) {
            return Arc::clone(slot);
        }
        if slots.len() >= self.capacity {
            slots.clear();
        }
        let slot = Slot::default();
        slots.insert(user_id.to_owned(), Arc::clone(&slot));
        slot
    }
}
