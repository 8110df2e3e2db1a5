//! The private key that signs tokens, as Secrets Manager keeps it.

use jsonwebtoken::{Algorithm, EncodingKey, crypto};
use serde::Deserialize;

use crate::Error;

/// A private Ed25519 key under its name. `EncodingKey` keeps itself out of `Debug`.
#[derive(Debug)]
pub(crate) struct Key {
    /// The name by which verifiers find the public key (`kid`).
    pub(crate) id: String,
    /// The key.
    pub(crate) key: EncodingKey,
}

/// The secret's text. No `Debug`: it is the secret.
#[derive(Deserialize)]
struct Secret {
    kid: String,
    /// PKCS#8 (RFC 5958), with or without the public key.
    private_key_pem: String,
}

impl Key {
    /// Reads `{"kid":"…","private_key_pem":"…"}` and tries the key out, so that a broken one
    /// is found when it is read and not when a user waits for a token.
    ///
    /// # Errors
    /// [`Error::Key`]; never with a piece of the secret in it.
    pub(crate) fn parse(secret: &str) -> Result<Self, Error> {
        let secret: Secret = serde_json::from_str(secret).map_err(|error| {
            // serde_json's own text can quote the value it stumbled over.
            let place = format!("line {} column {}", error.line(), error.column());
            Error::Key(format!("not JSON of the form {{kid, private_key_pem}}, at {place}").into())
        })?;
        if secret.kid.is_empty() {
            return Err(Error::Key("kid is empty".into()));
        }
        trichrome_jwt::install();
        let key = EncodingKey::from_ed_pem(secret.private_key_pem.as_bytes())
            .map_err(|error| Error::Key(error.into()))?;
        crypto::sign(b"", &key, Algorithm::EdDSA).map_err(|error| Error::Key(error.into()))?;
        Ok(Self {
            id: secret.kid,
            key,
        })
    }
}

#[cfg(test)]
mod tests {
    use std::error::Error as _;

    use ed25519_dalek::SigningKey;
    use serde_json::json;

    use super::*;
    use crate::testing::{pem, secret_text};

    /// `openssl genpkey -algorithm ed25519` with a seed of nothing but 7s: PKCS#8 version 1,
    /// which lacks the public key.
    const VERSION_1: &str = "-----BEGIN PRIVATE KEY-----\n\
        MC4CAQAwBQYDK2VwBCIEIAcHBwcHBwcHBwcHBwcHBwcHBwcHBwcHBwcHBwcHBwcH\n\
        -----END PRIVATE KEY-----\n";

    #[test]
    fn reads_both_versions_of_pkcs8() {
        for pem in [VERSION_1.to_owned(), pem(7)] {
            let secret = json!({"kid": "k1", "private_key_pem": pem}).to_string();
            let key = Key::parse(&secret).unwrap();
            assert_eq!(key.id, "k1");
            let signature = crypto::sign(b"text", &key.key, Algorithm::EdDSA).unwrap();
            let public = SigningKey::from_bytes(&[7; 32]).verifying_key();
            let public = jsonwebtoken::DecodingKey::from_ed_der(public.as_bytes());
            assert!(crypto::verify(&signature, b"text", &public, Algorithm::EdDSA).unwrap());
        }
    }

    #[test]
    fn says_what_is_wrong_with_a_secret_and_not_what_is_in_it() {
        let pem = pem(7);
        for secret in [
            pem.clone(),
            json!({"kid": "k1"}).to_string(),
            json!({"kid": 1, "private_key_pem": pem}).to_string(),
            json!({"kid": "", "private_key_pem": pem}).to_string(),
            json!({"kid": "k1", "private_key_pem": pem[..60]}).to_string(),
            json!({"kid": "k1", "private_key_pem": pem.replace("PRIVATE", "PUBLIC")}).to_string(),
            json!({"kid": "k1", "private_key_pem": "c2VjcmV0"}).to_string(),
        ] {
            let error = Key::parse(&secret).unwrap_err();
            assert!(matches!(error, Error::Key(_)), "{error:?}");
            let cause = error.source().unwrap().to_string();
            let shown = format!("{error} {error:?} {cause}");
            assert!(!shown.contains("MC") && !shown.contains("c2Vj"), "{shown}");
        }
    }

    #[test]
    fn debug_shows_no_key() {
        let key = Key::parse(&secret_text("k1", 7)).unwrap();
        let shown = format!("{key:?}");
        assert!(
            shown.contains("redacted") && !shown.contains("7, 7"),
            "{shown}"
        );
    }
}
