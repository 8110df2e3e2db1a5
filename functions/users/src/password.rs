//! Password hashing: argon2id, off the async threads, and as slow for an unknown user.

mod argon;

use std::sync::Arc;

use argon2::password_hash::phc::PasswordHash;
use argon2::password_hash::{self, PasswordHasher, PasswordVerifier};
use tokio::sync::Semaphore;

use self::argon::Argon;
use crate::Error;

/// What a password is checked against where there is no user: the same parameters, so that
/// it costs the same, and an output of zeros that nobody knows a password for. A constant,
/// because one made at first use would make a process's first unknown user twice as slow.
const DUMMY: &str = "$argon2id$v=19$m=19456,t=2,p=1$dHJpY2hyb21lLW5vYm9keQ\
                     $AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA";

/// Hashes and checks passwords.
#[derive(Debug, Clone)]
pub struct Passwords {
    /// One hash takes a core and 19 MiB for its whole time: more at once than there are
    /// cores would only take memory.
    permits: Arc<Semaphore>,
}

impl Passwords {
    /// As many hashes at once as the machine has cores.
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
    /// [`Error::Hash`] where the system has no randomness or no memory to give.
    pub async fn hash(&self, password: String) -> Result<String, Error> {
        self.run(move || {
            let hash = Argon.hash_password(password.as_bytes())?;
            Ok(hash.to_string())
        })
        .await
    }

    /// Whether this is the password of that hash; of no hash it is not, at the same cost.
    ///
    /// # Errors
    /// [`Error::Hash`] where `stored` is no PHC string.
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

    /// Runs one hash on the blocking pool. It keeps its permit when the caller goes away,
    /// because the work goes on.
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
    async fn hashes_at_owasps_parameters_under_a_fresh_salt() {
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
    async fn verifies_the_password_and_no_other() {
        let passwords = Passwords::new();
        let hash = passwords.hash("correct horse".to_owned()).await.unwrap();
        let verify = |password: &str| passwords.verify(password.to_owned(), Some(hash.clone()));
        assert!(verify("correct horse").await.unwrap());
        assert!(!verify("correct horse ").await.unwrap());
        assert!(!verify("").await.unwrap());
    }

    #[tokio::test]
    async fn an_unknown_user_has_no_password() {
        let passwords = Passwords::new();
        let verified = passwords.verify("correct horse".to_owned(), None);
        assert!(!verified.await.unwrap());
    }

    #[test]
    fn the_dummy_costs_what_a_real_hash_costs() {
        assert!(DUMMY.starts_with(PARAMETERS));
        let dummy = PasswordHash::new(DUMMY).unwrap();
        assert_eq!(dummy.salt.unwrap().len(), 16);
        assert_eq!(dummy.hash.unwrap().len(), 32);
    }

    #[tokio::test]
    async fn a_stored_hash_that_is_none_is_our_fault() {
        let passwords = Passwords::new();
        let verified = passwords.verify("x".to_owned(), Some("plain".to_owned()));
        assert!(matches!(verified.await, Err(Error::Hash(_))));
    }
}
