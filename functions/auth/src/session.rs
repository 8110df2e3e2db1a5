//! Signing up and logging in.

use trichrome_users::Users;

use crate::{Error, Signer};

/// Turns a name and a password into a token.
#[derive(Debug)]
pub struct Sessions {
    users: Users,
    signer: Signer,
}

impl Sessions {
    /// Sessions of these users, with this signer's tokens.
    #[must_use]
    pub fn new(users: Users, signer: Signer) -> Self {
        Self { users, signer }
    }

    /// Creates a user and answers a token for it. The same `idempotency_key`, name and
    /// password again: a further token for the same user.
    ///
    /// # Errors
    /// Those of [`Users::create`] and of [`Signer::ready`].
    pub async fn signup(
        &self,
        username: String,
        password: String,
        idempotency_key: Option<&str>,
    ) -> Result<String, Error> {
        // The key first: without one there would be a user who was told that it failed.
        let signer = self.signer.ready().await?;
        let user = self
            .users
            .create(username, password, idempotency_key)
            .await?;
        signer.sign(&user.id)
    }

    /// Answers a token for a user's name and password.
    ///
    /// # Errors
    /// Those of [`Users::verify_password`] and of [`Signer::ready`].
    pub async fn login(&self, username: String, password: String) -> Result<String, Error> {
        // Side by side, since a cold start fetches the key.
        let (user, signer) = tokio::join!(
            self.users.verify_password(username, password),
            self.signer.ready()
        );
        let user = user?;
        signer?.sign(&user.id)
    }
}

#[cfg(test)]
mod tests;
