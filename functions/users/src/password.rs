//! Password hashing: argon2id on blocking threads, at the same cost for an unknown user.

mod argon;

use std::sync::Arc;

use argon2::password_hash::{self, PasswordHasher, PasswordVerifier, phc::PasswordHash};
use tokio::sync::Semaphore;

use self::argon::Argon;
use crate::Error;

/// The hash that an unknown user's password is checked against. Its parameters are those of
/// real hashes, so that it costs the same, and no known password has its output of zeros. It is
/// a constant because generating it at first use would double the time of that check.
const DUMMY: &str = "$argon2id$v=19$m=19456,t=2,p=1$dHJpY2hyb21lLW5vYm9keQ\
                     $AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA";

/// Hashes and checks passwords.
#[derive(Debug, Clone)]
pub struct Passwords {
    /// A hash keeps a core busy and takes 19 MiB: more of them than there are cores would only
    /// take more memory.
    permits: Arc<Semaphore>,
}

impl Passwords {
    /// Computes as many hashes at once as the machine has cores.
    #[must_use]
    pub fn new() -> Self {
        let cores = std::thread::available_parallelism().map_or(1, usize::from);
        Self {
            permits: Arc::new(Semaphore::new(cores)),
        }
    }

    /// Hashes a password under a fresh salt, as a PHC string (`$argon2id$v=19$m=…`).
    ///
    /// # Errors
    /// [`Error::Hash`] if there is no randomness or not enough memory.
    pub async fn hash(&self, password: String) -> Result<String, Error> {
        self.run(move || {
            let hash = Argon.hash_password(password.as_bytes())?;
            Ok(hash.to_string())
        })
        .await
    }

    /// Whether the password matches the stored hash. Without a hash it never does, at the same
    /// cost.
    ///
    /// # Errors
    /// [`Error::Hash`] if `stored` is not a PHC string.
    pub async fn verify(&self, password: String, stored: Option<String>) -> Result<bool, Error> {
        self.run(move || {
            let known = stored.is_some();
            let stored = PasswordHash::new(stored.as_deref().unwrap_or(DUMMY))?;
            match Argon.verify_password(password.as_bytes(), &stored) {
                Ok(()) => Ok(known),
                Err(password_hash::Error::PasswordInvalid) => Ok(false),
                Err(error) => Err(error),
            }
        })
        .await
    }

    /// Computes one hash on the blocking pool. The permit is held until the work ends, even if
    /// the caller has gone.
    async fn run<T: Send + 'static>(
        &self,
        work: impl FnOnce() -> password_hash::Result<T> + Send + 'static,
    ) -> Result<T, Error> {
        let permit = Arc::clone(&self.permits)
            .acquire_owned()
            .await
            .map_err(|closed| Error::Hash(closed.into()))?;
        tokio::task::spawn_blocking(move || {
            let _permit = permit;
            work()
        })
        .await
        .map_err(|panicked| Error::Hash(panicked.into()))?
        .map_err(|error| Error::Hash(error.into()))
    }
}

impl Default for Passwords {
    fn default() -> Self {
        Self::new()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const PARAMETERS: &str = "$argon2id$v=19$m=19456,t=2,p=1$";

    #[tokio::test]
    async fn a_hash_has_owasps_parameters_and_a_fresh_salt() {
        let passwords = Passwords::new();
        let one = passwords.hash("correct horse".to_owned()).await.unwrap();
        let other = passwords.hash("correct horse".to_owned()).await.unwrap();
        assert!(one.starts_with(PARAMETERS), "{one}");
        assert_ne!(one, other);

        let hash = PasswordHash::new(&one).unwrap();
        assert_eq!(hash.salt.unwrap().len(), 16);
        assert_eq!(hash.hash.unwrap().len(), 32);
    }

    #[tokio::test]
    async fn only_the_right_password_matches() {
        let passwords = Passwords::new();
        let hash = passwords.hash("correct horse".to_owned()).await.unwrap();
        let verify = |password: &str| passwords.verify(password.to_owned(), Some(hash.clone()));
        assert!(verify("correct horse").await.unwrap());
        assert!(!verify("correct horse ").await.unwrap());
        assert!(!verify("").await.unwrap());
    }

    #[tokio::test]
    async fn no_password_matches_an_unknown_user() {
        let passwords = Passwords::new();
        let verified = passwords.verify("correct horse".to_owned(), None);
        assert!(!verified.await.unwrap());
    }

    #[test]
    fn the_dummy_has_the_parameters_of_a_real_hash() {
        assert!(DUMMY.starts_with(PARAMETERS));
        let dummy = PasswordHash::new(DUMMY).unwrap();
        assert_eq!(dummy.salt.unwrap().len(), 16);
        assert_eq!(dummy.hash.unwrap().len(), 32);
    }

    #[tokio::test]
    async fn an_invalid_stored_hash_is_an_internal_error() {
        let passwords = Passwords::new();
        let verified = passwords.verify("x".to_owned(), Some("plain".to_owned()));
        assert!(matches!(verified.await, Err(Error::Hash(_))));
    }
}
