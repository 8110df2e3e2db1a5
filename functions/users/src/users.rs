//! Creating, finding and checking users.

use time::{OffsetDateTime, format_description::well_known::Rfc3339};
use uuid::Uuid;

use crate::{
    Error, Passwords, User, UserStore, Username,
    store::{Insert, NewUser},
};

/// The users of the service.
#[derive(Debug, Clone)]
pub struct Users {
    pub(crate) store: UserStore,
    passwords: Passwords,
}

impl Users {
    /// The users in this store.
    #[must_use]
    pub fn new(store: UserStore) -> Self {
        Self {
            store,
            passwords: Passwords::new(),
        }
    }

    /// Creates a user, or returns the one that an earlier call with the same name,
    /// `idempotency_key` and password created. The key alone is not enough: who learns it must
    /// not get the account.
    ///
    /// # Errors
    /// [`Error::Username`], [`Error::Taken`], [`Error::Conflict`] and the store's failures.
    pub async fn create(
        &self,
        username: String,
        password: String,
        idempotency_key: Option<&str>,
    ) -> Result<User, Error> {
        let username = String::from(Username::new(username)?);
        let password_hash = self.passwords.hash(password.clone()).await?;
        let user = User {
            // Version 4: every other user sees the id, and a time-ordered one would show when
            // its owner signed up.
            id: Uuid::new_v4().to_string(),
            username,
        };
        let inserted = self
            .store
            .insert(&NewUser {
                user: &user,
                password_hash: &password_hash,
                idempotency_key,
                created_at: &now()?,
            })
            .await?;
        match inserted {
            Insert::Done => Ok(user),
            Insert::Taken => {
                self.repeated(user.username, password, idempotency_key)
                    .await
            }
        }
    }

    /// The user that an earlier delivery of the same call created.
    async fn repeated(
        &self,
        username: String,
        password: String,
        idempotency_key: Option<&str>,
    ) -> Result<User, Error> {
        let Some(key) = idempotency_key else {
            return Err(Error::Taken);
        };
        // Without an owner: it was deleted in between, and the next attempt will succeed.
        let owner = self.store.owner(&username).await?.ok_or(Error::Conflict)?;
        if owner.idempotency_key.as_deref() != Some(key) {
            return Err(Error::Taken);
        }
        if !self
            .passwords
            .verify(password, Some(owner.password_hash))
            .await?
        {
            return Err(Error::Taken);
        }
        Ok(User {
            id: owner.user_id,
            username,
        })
    }

    /// The user with this id.
    ///
    /// # Errors
    /// [`Error::NotFound`], also for a user who is being deleted, and the store's failures.
    pub async fn get(&self, user_id: &str) -> Result<User, Error> {
        match self.store.get(user_id).await? {
            Some(record) if !record.deleting => Ok(record.user),
            _ => Err(Error::NotFound),
        }
    }

    /// The user with this name.
    ///
    /// # Errors
    /// [`Error::NotFound`] and the store's failures.
    pub async fn get_by_username(&self, username: String) -> Result<User, Error> {
        match self.store.id_of(&username).await? {
            Some(id) => Ok(User { id, username }),
            None => Err(Error::NotFound),
        }
    }

    /// The user with this name and password. An unknown name causes the same requests, hashing
    /// and error as a wrong password.
    ///
    /// # Errors
    /// [`Error::Credentials`] and the store's failures.
    pub async fn verify_password(&self, username: String, password: String) -> Result<User, Error> {
        let (id, hash) = match self.store.owner(&username).await? {
            Some(owner) => (Some(owner.user_id), Some(owner.password_hash)),
            None => (None, None),
        };
        match (self.passwords.verify(password, hash).await?, id) {
            (true, Some(id)) => Ok(User { id, username }),
            _ => Err(Error::Credentials),
        }
    }
}

/// The time of creation, as it is stored.
fn now() -> Result<String, Error> {
    OffsetDateTime::now_utc()
        .format(&Rfc3339)
        .map_err(|error| Error::Store(error.into()))
}

#[cfg(test)]
mod tests;
