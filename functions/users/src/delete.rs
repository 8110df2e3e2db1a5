//! Deleting a user and all that is theirs.

use std::future::Future;

use trichrome_proto::error::Fault;

use crate::{Error, Users};

/// What else goes when a user goes. Deleting what is already gone must succeed, because an
/// interrupted deletion is repeated from the start.
pub trait Purge: Sync {
    /// Why something is left.
    type Error: Fault + Send + Sync + 'static;

    /// Deletes everything of this user's.
    fn purge(&self, user_id: &str) -> impl Future<Output = Result<(), Self::Error>> + Send;
}

impl Users {
    /// Deletes a user, in steps that a repeated call goes on with after a failure:
    ///
    /// 1. One transaction marks the user and frees the name. From here on nobody can log in
    ///    as them, find them or add a picture of theirs, so nothing can appear behind the
    ///    purge.
    /// 2. Their pictures are purged.
    /// 3. The user goes last, since it is what a repeated call finds its place by.
    ///
    /// A user who is not there is deleted: the caller has proven who they are, and a command
    /// that is delivered twice must not be told that it failed.
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
