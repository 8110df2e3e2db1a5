//! Deleting a user and everything they own.

use std::future::Future;

use trichrome_proto::error::Fault;

use crate::{Error, Users};

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
    /// Deleting a user who doesn't exist succeeds: the token proves that they once did, and a
    /// command that is delivered twice must not fail the second time.
    ///
    /// # Errors
    /// [`Error::Conflict`], [`Error::Purge`] and the store's failures.
    pub async fn delete(&self, user_id: &str, pictures: &impl Purge) -> Result<(), Error> {
        let Some(record) = self.store.get(user_id).await? else {
            return Ok(());
        };
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
        self.store.remove(user_id).await
    }
}

#[cfg(test)]
mod tests;
