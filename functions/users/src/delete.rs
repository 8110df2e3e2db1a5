//! Deleting a user and everything they own.

use std::{
    future::Future,
    time::{SystemTime, UNIX_EPOCH},
};

use trichrome_proto::error::Fault;

use crate::{Caller, Error, Users};

/// How long the idempotency key of a deletion is remembered, in seconds: a week, as those of
/// pictures.
const REMEMBERED: u64 = 7 * 24 * 60 * 60;

/// What is deleted along with a user. Deleting what is already gone must succeed, because an
/// interrupted deletion is repeated from the start.
pub trait Purge: Sync {
    /// Why something could not be deleted.
    type Error: Fault + Send + Sync + 'static;

    /// Deletes everything that belongs to this user.
    fn purge(&self, user_id: &str) -> impl Future<Output = Result<(), Self::Error>> + Send;
}

impl Users {
    /// Deletes a user. After a failure, a repeated call continues where the first one stopped:
    ///
    /// 1. One transaction marks the user as being deleted and frees the name. From then on the
    ///    user can't log in, can't be found and gets no new pictures, so the purge misses none.
    /// 2. The pictures are purged.
    /// 3. The user's item is deleted last, because a repeated call needs it.
    ///
    /// A call with the idempotency key of the one that deleted the user succeeds: a command that
    /// is delivered twice must not fail the second time.
    ///
    /// # Errors
    /// [`Error::Revoked`], also for a user who doesn't exist, [`Error::Conflict`],
    /// [`Error::Purge`] and the store's failures.
    pub async fn delete(&self, caller: Caller<'_>, pictures: &impl Purge) -> Result<(), Error> {
        let Caller {
            user_id,
            idempotency_key,
            ..
        } = caller;
        let Some(record) = self.store.get(user_id).await? else {
            return self.deleted_before(caller).await;
        };
        if caller.token_generation < record.generation {
            return Err(Error::Revoked);
        }
        if !record.deleting {
            self.store.mark_deleting(&record.user).await?;
        }
        pictures
            .purge(user_id)
            .await
            .map_err(|fault| Error::Purge {
                code: fault.code(),
                source: fault.into(),
            })?;
        let expires_at = unix_seconds().saturating_add(REMEMBERED);
        self.store
            .remove(user_id, idempotency_key, expires_at)
            .await
    }

    /// Succeeds if the call that deleted the user had the same idempotency key.
    async fn deleted_before(&self, caller: Caller<'_>) -> Result<(), Error> {
        let key = caller.idempotency_key.ok_or(Error::Revoked)?;
        match self.store.deleted_by(caller.user_id).await? {
            Some(known) if known == key => Ok(()),
            _ => Err(Error::Revoked),
        }
    }
}

/// Seconds since 1970.
fn unix_seconds() -> u64 {
    let elapsed = SystemTime::now().duration_since(UNIX_EPOCH);
    elapsed.map_or(0, |elapsed| elapsed.as_secs())
}

#[cfg(test)]
mod tests;
