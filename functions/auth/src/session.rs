//! Signing up, logging in, and changing a password.

use std::net::IpAddr;

use trichrome_users::{Caller, SignupLimits, Users};

use crate::{Error, Signer};

/// Issues tokens for names and passwords.
#[derive(Debug)]
pub struct Sessions {
    users: Users,
    signer: Signer,
}

impl Sessions {
    /// Issues tokens of this signer for these users.
    #[must_use]
    pub fn new(users: Users, signer: Signer) -> Self {
        Self { users, signer }
    }

    /// Limits how many users sign up.
    #[must_use]
    pub fn limit_signups(self, limits: SignupLimits) -> Self {
        Self {
            users: self.users.limit_signups(limits),
            ..self
        }
    }

    /// Creates a user and returns a token. A repeated call with the same `idempotency_key`,
    /// name and password returns another token for the same user.
    ///
    /// # Errors
    /// Those of [`Users::create`] and of [`Signer::ready`].
    pub async fn signup(
        &self,
        username: String,
        password: String,
        idempotency_key: Option<&str>,
        address: Option<IpAddr>,
    ) -> Result<String, Error> {
        // Get the key first: a failure after the user was created would confuse the caller.
        let signer = self.signer.ready().await?;
        let account = self
            .users
            .create(username, password, idempotency_key, address)
            .await?;
        signer.sign(&account)
    }

    /// Returns a token for a user's name and password.
    ///
    /// # Errors
    /// Those of [`Users::verify_password`] and of [`Signer::ready`].
    pub async fn login(
        &self,
        username: String,
        password: String,
        address: Option<IpAddr>,
    ) -> Result<String, Error> {
        // Concurrently, because a cold start fetches the key.
        let (account, signer) = tokio::join!(
            self.users.verify_password(username, password, address),
            self.signer.ready()
        );
        let account = account?;
        signer?.sign(&account)
    }

    /// Changes the caller's password, which revokes all their tokens, and returns a new one.
    ///
    /// # Errors
    /// Those of [`Users::change_password`] and of [`Signer::ready`].
    pub async fn change_password(
        &self,
        caller: Caller<'_>,
        current: String,
        new: String,
    ) -> Result<String, Error> {
        // Get the key first: a failure after the change would lock the caller out.
        let signer = self.signer.ready().await?;
        let account = self.users.change_password(caller, current, new).await?;
        signer.sign(&account)
    }
}

#[cfg(test)]
mod tests;
