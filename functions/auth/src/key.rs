//! The private key that signs tokens, as its secret holds it.

use jsonwebtoken::{Algorithm, EncodingKey, crypto};
use serde::Deserialize;

use crate::Error;

/// A private Ed25519 key and its id. The `Debug` of `EncodingKey` is redacted.
#[derive(Debug)]
pub(crate) struct Key {
    /// The `kid`, by which verifiers find the public key.
    pub(crate) id: String,
    pub(crate) key: EncodingKey,
}

/// The secret's text. It has no `Debug`, because it contains the key.
#[derive(Deserialize)]
struct Secret {
    kid: String,
    /// PKCS#8 (RFC 5958), with or without the public key.
    private_key_pem: String,
}

impl Key {
    /// Reads `{"kid":"…","private_key_pem":"…"}` and signs something with the key, so that an
    /// invalid one is found when it is read.
    ///
    /// # Errors
    /// [`Error::Key`], without any part of the secret.
    pub(crate) fn parse(secret: &str) -> Result<Self, Error> {
        let secret: Secret = serde_json::from_str(secret).map_err(|error| {
            // serde_json's message can quote a value.
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

    /// `openssl genpkey -algorithm ed25519` with a seed of 7s: PKCS#8 version 1, without the
    /// public key.
    const VERSION_1: &str = "-----BEGIN PRIVATE KEY-----\n\
        MC4CAQAwBQYDK2VwBCIEIAcHBwcHBwcHBwcHBwcHBwcHBwcHBwcHBwcHBwcHBwcH\n\
        -----END PRIVATE KEY-----\n";

    #[test]
    fn both_versions_of_pkcs8_are_read() {
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
    fn an_error_shows_nothing_of_the_secret() {
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
    fn debug_is_redacted() {
        let key = Key::parse(&secret_text("k1", 7)).unwrap();
        let shown = format!("{key:?}");
        assert!(
            shown.contains("redacted") && !shown.contains("7, 7"),
            "{shown}"
        );
    }
}
