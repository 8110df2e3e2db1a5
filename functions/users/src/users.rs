//! Creating, finding and checking users.

use std::net::IpAddr;

use time::{OffsetDateTime, format_description::well_known::Rfc3339};
use uuid::Uuid;

use crate::{
    Account, Error, Passwords, User, UserStore, Username,
    store::{Insert, NewUser, Owner},
    throttle::{CounterStore, SignupLimits, Signups, Throttle},
};

/// The users of the service.
#[derive(Debug, Clone)]
pub struct Users {
    pub(crate) store: UserStore,
    pub(crate) passwords: Passwords,
    pub(crate) throttle: Throttle<CounterStore>,
    /// `None`: no limits.
    signups: Option<Signups<CounterStore>>,
}

impl Users {
    /// The users in this store.
    #[must_use]
    pub fn new(store: UserStore) -> Self {
        Self {
            throttle: Throttle::new(store.counters()),
            store,
            passwords: Passwords::new(),
            signups: None,
        }
    }

    /// Limits how many users are created.
    #[must_use]
    pub fn limit_signups(self, limits: SignupLimits) -> Self {
        Self {
            signups: Some(Signups::new(self.store.counters(), limits)),
            ..self
        }
    }

    /// Creates a user with the name's form ([`Username`]), or returns the one that an earlier call
    /// with the same name, `idempotency_key` and password created. The key alone isn't enough,
    /// because someone else may have learned it.
    ///
    /// # Errors
    /// [`Error::Username`], [`Error::Taken`], [`Error::TooManySignups`], [`Error::Conflict`] and
    /// the store's failures.
    pub async fn create(
        &self,
        username: String,
        password: String,
        idempotency_key: Option<&str>,
        address: Option<IpAddr>,
    ) -> Result<Account, Error> {
        let given = username;
        let username = String::from(Username::new(&given)?);
        if let Some(signups) = &self.signups {
            signups.admit(address).await?;
        }
        // A user from before names had a form has the name as given.
        if username != given && self.store.id_of(&given).await?.is_some() {
            return self.repeated(given, password, idempotency_key).await;
        }
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
            Insert::Done => {
                self.throttle.welcome(&user.username, address).await;
                Ok(Account {
                    user,
                    generation: 0,
                })
            }
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
    ) -> Result<Account, Error> {
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
        Ok(account(username, owner.user_id, owner.generation))
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

    /// The user with this name as given, which older users may have, or with its form.
    ///
    /// # Errors
    /// [`Error::NotFound`] and the store's failures.
    pub async fn get_by_username(&self, username: String) -> Result<User, Error> {
        if let Some(id) = self.store.id_of(&username).await? {
            return Ok(User { id, username });
        }
        let username = other_form(&username).ok_or(Error::NotFound)?;
        let id = self.store.id_of(&username).await?;
        let id = id.ok_or(Error::NotFound)?;
        Ok(User { id, username })
    }

    /// The user with this name and password. An unknown name causes the same requests, hashing
    /// and error as a wrong password.
    ///
    /// # Errors
    /// [`Error::Credentials`], [`Error::Throttled`] and the store's failures.
    pub async fn verify_password(
        &self,
        username: String,
        password: String,
        address: Option<IpAddr>,
    ) -> Result<Account, Error> {
        let form = throttled_name(&username);
        let attempt = self.throttle.admit(&form, address).await?;
        let (found, hash) = match self.owner(username).await? {
            Some((username, owner)) => (
                Some(account(username, owner.user_id, owner.generation)),
                Some(owner.password_hash),
            ),
            None => (None, None),
        };
        match (self.passwords.verify(password, hash).await?, found) {
            (true, Some(account)) => {
                attempt.succeeded().await;
                Ok(account)
            }
            _ => {
                attempt.failed();
                Err(Error::Credentials)
            }
        }
    }

    /// The user with this name as given, which older users may have, or with its form. Both are
    /// read in any case if they differ, so that the time doesn't reveal who exists.
    async fn owner(&self, username: String) -> Result<Option<(String, Owner)>, Error> {
        let given = self.store.owner(&username).await?;
        let formed = match other_form(&username) {
            Some(form) => self.store.owner(&form).await?.map(|owner| (form, owner)),
            None => None,
        };
        Ok(given.map(|owner| (username, owner)).or(formed))
    }
}

fn account(username: String, id: String, generation: u64) -> Account {
    Account {
        user: User { id, username },
        generation,
    }
}

/// The name that failures are counted for: the form, so that a name's other spellings are the
/// same.
pub(crate) fn throttled_name(username: &str) -> String {
    other_form(username).unwrap_or_else(|| username.to_owned())
}

/// A name's form, if there is one that differs.
fn other_form(username: &str) -> Option<String> {
    let form = String::from(Username::new(username).ok()?);
    (form != username).then_some(form)
}

/// The time of creation, as it is stored.
fn now() -> Result<String, Error> {
    OffsetDateTime::now_utc()
        .format(&Rfc3339)
        .map_err(|error| Error::Store(error.into()))
}

#[cfg(test)]
mod tests;
