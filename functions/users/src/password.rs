//! Password hashing: argon2id on blocking threads, at the same cost for an unknown user.

mod argon;

use std::{iter, sync::Arc};

use argon2::password_hash::{self, PasswordHasher, PasswordVerifier, phc::PasswordHash};
use precis_profiles::{OpaqueString, precis_core::profile::PrecisFastInvocation as _};
use tokio::sync::Semaphore;
use unicode_normalization::UnicodeNormalization as _;

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

    /// Hashes a password's form under a fresh salt, as a PHC string (`$argon2id$v=19$m=…`).
    ///
    /// # Errors
    /// [`Error::Hash`] if there is no randomness or not enough memory.
    pub async fn hash(&self, password: String) -> Result<String, Error> {
        self.run(move || {
            let hash = Argon.hash_password(form(&password).as_bytes())?;
            Ok(hash.to_string())
        })
        .await
    }

    /// Whether the password matches the stored hash. Without a hash it never does, at the same
    /// cost.
    ///
    /// Hashes from before passwords had a form are of what was typed, so that is tried as well if
    /// it differs.
    ///
    /// # Errors
    /// [`Error::Hash`] if `stored` is not a PHC string.
    pub async fn verify(&self, password: String, stored: Option<String>) -> Result<bool, Error> {
        self.run(move || {
            let known = stored.is_some();
            let stored = PasswordHash::new(stored.as_deref().unwrap_or(DUMMY))?;
            let form = form(&password);
            let typed = (form != password).then_some(password);
            for candidate in iter::once(form).chain(typed) {
                match Argon.verify_password(candidate.as_bytes(), &stored) {
                    Ok(()) => return Ok(known),
                    Err(password_hash::Error::PasswordInvalid) => {}
                    Err(error) => return Err(error),
                }
            }
            Ok(false)
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

/// A password's form: the PRECIS profile OpaqueString (RFC 8265, section 4.2), so that it doesn't
/// matter how a keyboard composes characters.
///
/// The profile refuses some characters, such as emoji newer than Unicode 6.3. A password with them
/// is still accepted, as its NFC: refusing it would weaken it or lock its owner out.
fn form(password: &str) -> String {
    let composed: String = password.nfc().collect();
    match OpaqueString::enforce(composed.as_str()) {
        Ok(form) => form.into_owned(),
        Err(_) => composed,
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
    async fn a_password_matches_however_it_is_composed() {
        let passwords = Passwords::new();
        for (one, other) in [
            ("pässwörd", "pa\u{308}sswo\u{308}rd"),
            (
                "비밀번호",
                "\u{1107}\u{1175}\u{1106}\u{1175}\u{11af}\u{1107}\u{1165}\u{11ab}\u{1112}\u{1169}",
            ),
            ("a b", "a\u{a0}b"),
            ("🦀é\u{fe0f}", "🦀e\u{301}\u{fe0f}"),
        ] {
            for (set, typed) in [(one, other), (other, one), (one, one), (other, other)] {
                let hash = passwords.hash(set.to_owned()).await.unwrap();
                let verified = passwords.verify(typed.to_owned(), Some(hash));
                assert!(verified.await.unwrap(), "{set:?} {typed:?}");
            }
        }
        let hash = passwords.hash("Pässwörd".to_owned()).await.unwrap();
        for other in ["pässwörd", "Password", "Ｐässwörd"] {
            let verified = passwords.verify(other.to_owned(), Some(hash.clone()));
            assert!(!verified.await.unwrap(), "{other}");
        }
    }

    #[tokio::test]
    async fn a_hash_of_what_was_typed_still_matches() {
        let typed = "pa\u{308}sswo\u{308}rd";
        let hash = Argon.hash_password(typed.as_bytes()).unwrap().to_string();
        let passwords = Passwords::new();
        let verified = passwords.verify(typed.to_owned(), Some(hash));
        assert!(verified.await.unwrap());
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
