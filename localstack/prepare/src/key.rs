//! The Ed25519 key that signs tokens.

use anyhow::Context as _;
use base64::{Engine as _, engine::general_purpose::URL_SAFE_NO_PAD};
use ed25519_dalek::{
    SigningKey,
    pkcs8::{DecodePrivateKey as _, EncodePrivateKey as _, spki::der::pem::LineEnding},
};
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};
use sha2::{Digest as _, Sha256};

/// A key pair as Secrets Manager stores it. It has no `Debug`, since it is secret.
#[derive(Deserialize, Serialize)]
pub struct TokenKey {
    kid: String,
    private_key_pem: String,
}

impl TokenKey {
    /// Generates a key from the operating system's random numbers.
    ///
    /// # Errors
    ///
    /// The key can't be encoded, which would be a bug of the library.
    pub fn generate() -> anyhow::Result<Self> {
        let key = SigningKey::from_bytes(&rand::random());
        Ok(Self {
            kid: thumbprint(&public(&key)),
            private_key_pem: key
                .to_pkcs8_pem(LineEnding::LF)
                .context("encode the token key")?
                .to_string(),
        })
    }

    /// Parses the secret's text.
    ///
    /// # Errors
    ///
    /// The text isn't in the format of [`TokenKey::to_text`]. The error doesn't contain it.
    pub fn parse(text: &str) -> anyhow::Result<Self> {
        serde_json::from_str(text)
            .ok()
            .context("the secret is not JSON of the form {kid, private_key_pem}")
    }

    /// The secret's text.
    ///
    /// # Errors
    ///
    /// Never: two strings always serialise.
    pub fn to_text(&self) -> anyhow::Result<String> {
        Ok(serde_json::to_string(self)?)
    }

    /// The public half as a JSON Web Key Set (RFC 7517, RFC 8037), for `TOKEN_JWKS`.
    ///
    /// # Errors
    ///
    /// The private key isn't an Ed25519 key in PKCS#8 PEM.
    pub fn jwks(&self) -> anyhow::Result<Value> {
        let key = SigningKey::from_pkcs8_pem(&self.private_key_pem)
            .ok()
            .context("the secret's private_key_pem is not a PKCS#8 Ed25519 key")?;
        Ok(json!({ "keys": [{
            "kty": "OKP",
            "crv": "Ed25519",
            "use": "sig",
            "alg": "EdDSA",
            "kid": self.kid,
            "x": public(&key),
        }]}))
    }
}

fn public(key: &SigningKey) -> String {
    URL_SAFE_NO_PAD.encode(key.verifying_key().as_bytes())
}

/// The key's id: its thumbprint (RFC 7638), which is the same everywhere.
fn thumbprint(public: &str) -> String {
    // RFC 7638 fixes the members and their order.
    let canonical = format!(r#"{{"crv":"Ed25519","kty":"OKP","x":"{public}"}}"#);
    URL_SAFE_NO_PAD.encode(Sha256::digest(canonical))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_key_round_trips_through_the_secret() {
        let key = TokenKey::generate().unwrap();
        let read = TokenKey::parse(&key.to_text().unwrap()).unwrap();
        assert_eq!(read.jwks().unwrap(), key.jwks().unwrap());
        assert_ne!(
            TokenKey::generate().unwrap().jwks().unwrap(),
            key.jwks().unwrap()
        );
    }

    #[test]
    fn the_thumbprint_matches_the_rfc() {
        // RFC 8037, appendix A.3.
        assert_eq!(
            thumbprint("11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHURo"),
            "kPrK_qmxVWaYVA9wwBF6Iuo3vVzz7TxHCTwXBygrS4k"
        );
    }

    #[test]
    fn the_public_set_has_no_private_key() {
        let set = TokenKey::generate().unwrap().jwks().unwrap();
        let key = &set["keys"][0];
        assert_eq!(key["kty"], "OKP");
        assert_eq!(key["alg"], "EdDSA");
        assert_eq!(key.as_object().unwrap().len(), 6);
        assert!(key.get("d").is_none());
    }

    #[test]
    fn errors_do_not_contain_the_secret() {
        let error = TokenKey::parse("hunter2").err().unwrap();
        assert!(!format!("{error:?}").contains("hunter2"));
        let key = TokenKey::parse(r#"{"kid":"k","private_key_pem":"hunter2"}"#).unwrap();
        assert!(!format!("{:?}", key.jwks().unwrap_err()).contains("hunter2"));
    }
}
