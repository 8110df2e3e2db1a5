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

/// A key pair in the form in which Secrets Manager keeps it. No `Debug`: it is the secret.
#[derive(Deserialize, Serialize)]
pub struct TokenKey {
    kid: String,
    private_key_pem: String,
}

impl TokenKey {
    /// A new one, from the operating system's random numbers.
    ///
    /// # Errors
    ///
    /// The key does not encode, which would be a fault of the library.
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

    /// Reads the secret's text.
    ///
    /// # Errors
    ///
    /// It is not what [`TokenKey::to_text`] writes. The text is left out of the error.
    pub fn parse(text: &str) -> anyhow::Result<Self> {
        serde_json::from_str(text)
            .ok()
            .context("the secret is not JSON of the form {kid, private_key_pem}")
    }

    /// The secret's text.
    ///
    /// # Errors
    ///
    /// None in practice: two strings always serialise.
    pub fn to_text(&self) -> anyhow::Result<String> {
        Ok(serde_json::to_string(self)?)
    }

    /// The public half as a JSON Web Key Set (RFC 7517, RFC 8037), what `TOKEN_JWKS` holds.
    ///
    /// # Errors
    ///
    /// The private key is not PKCS#8 PEM of an Ed25519 key.
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

/// The key's name: its thumbprint (RFC 7638), so that one key has one name everywhere.
fn thumbprint(public: &str) -> String {
    // The members and their order are the standard's.
    let canonical = format!(r#"{{"crv":"Ed25519","kty":"OKP","x":"{public}"}}"#);
    URL_SAFE_NO_PAD.encode(Sha256::digest(canonical))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_key_survives_the_trip_through_the_secret() {
        let key = TokenKey::generate().unwrap();
        let read = TokenKey::parse(&key.to_text().unwrap()).unwrap();
        assert_eq!(read.jwks().unwrap(), key.jwks().unwrap());
        assert_ne!(
            TokenKey::generate().unwrap().jwks().unwrap(),
            key.jwks().unwrap()
        );
    }

    #[test]
    fn the_thumbprint_is_the_standards() {
        // RFC 8037, appendix A.3.
        assert_eq!(
            thumbprint("11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHURo"),
            "kPrK_qmxVWaYVA9wwBF6Iuo3vVzz7TxHCTwXBygrS4k"
        );
    }

    #[test]
    fn the_public_set_holds_nothing_private() {
        let set = TokenKey::generate().unwrap().jwks().unwrap();
        let key = &set["keys"][0];
        assert_eq!(key["kty"], "OKP");
        assert_eq!(key["alg"], "EdDSA");
        assert_eq!(key.as_object().unwrap().len(), 6);
        assert!(key.get("d").is_none());
    }

    #[test]
    fn errors_keep_the_secret() {
        let error = TokenKey::parse("hunter2").err().unwrap();
        assert!(!format!("{error:?}").contains("hunter2"));
        let key = TokenKey::parse(r#"{"kid":"k","private_key_pem":"hunter2"}"#).unwrap();
        assert!(!format!("{:?}", key.jwks().unwrap_err()).contains("hunter2"));
    }
}
