//! Tokens, good and bad.

use std::time::{Duration, SystemTime, UNIX_EPOCH};

use anyhow::{Context as _, Result};
use base64::{Engine as _, prelude::BASE64_URL_SAFE_NO_PAD};
use ed25519_dalek::{
    SigningKey,
    pkcs8::{EncodePrivateKey as _, spki::der::pem::LineEnding},
};
use jsonwebtoken::{Algorithm, EncodingKey, Header, encode};
use serde::Deserialize;
use serde_json::{Value, json};

use crate::stack::Description;

/// How long tokens made here are good.
const LIFE: i64 = 600;

/// Signs tokens as the service does, and as it never would.
pub struct Signer {
    kid: String,
    key: EncodingKey,
    foreign_key: EncodingKey,
    issuer: String,
    audience: String,
}

#[derive(Deserialize)]
struct KeyFile {
    kid: String,
    private_key_pem: String,
}

impl Signer {
    /// With the stack's own key, and one that it does not know.
    pub(crate) fn read(description: &Description) -> Result<Self> {
        trichrome_jwt::install();
        let path = &description.token_key_file;
        let text = std::fs::read(path).with_context(|| path.display().to_string())?;
        let file: KeyFile = serde_json::from_slice(&text)
            .with_context(|| format!("{} is no {{kid, private_key_pem}}", path.display()))?;
        let foreign = SigningKey::from_bytes(&[23; 32]).to_pkcs8_pem(LineEnding::LF)?;
        Ok(Self {
            kid: file.kid,
            key: EncodingKey::from_ed_pem(file.private_key_pem.as_bytes())?,
            foreign_key: EncodingKey::from_ed_pem(foreign.as_bytes())?,
            issuer: description.issuer.clone(),
            audience: description.audience.clone(),
        })
    }

    /// A valid token.
    ///
    /// # Errors
    ///
    /// None is expected.
    pub fn token(&self, user_id: &str) -> Result<String> {
        self.sign(&self.claims(user_id, LIFE)?)
    }

    /// One that was valid an hour ago.
    ///
    /// # Errors
    ///
    /// None is expected.
    pub fn expired(&self, user_id: &str) -> Result<String> {
        self.sign(&self.claims(user_id, -3600)?)
    }

    /// One with the right `kid`, signed by another key.
    ///
    /// # Errors
    ///
    /// None is expected.
    pub fn wrong_key(&self, user_id: &str) -> Result<String> {
        let claims = self.claims(user_id, LIFE)?;
        Ok(encode(&self.header(), &claims, &self.foreign_key)?)
    }

    /// One without a signature, which says so.
    ///
    /// # Errors
    ///
    /// None is expected.
    pub fn unsigned(&self, user_id: &str) -> Result<String> {
        let header = json!({"alg": "none", "typ": "at+jwt", "kid": self.kid});
        let part = |value: &Value| BASE64_URL_SAFE_NO_PAD.encode(value.to_string());
        let claims = self.claims(user_id, LIFE)?;
        Ok(format!("{}.{}.", part(&header), part(&claims)))
    }

    /// One with this claim instead of its own.
    ///
    /// # Errors
    ///
    /// None is expected.
    pub fn with_claim(&self, user_id: &str, name: &str, value: Value) -> Result<String> {
        let mut claims = self.claims(user_id, LIFE)?;
        claims[name] = value;
        self.sign(&claims)
    }

    fn sign(&self, claims: &Value) -> Result<String> {
        Ok(encode(&self.header(), claims, &self.key)?)
    }

    fn header(&self) -> Header {
        let mut header = Header::new(Algorithm::EdDSA);
        header.typ = Some("at+jwt".to_owned());
        header.kid = Some(self.kid.clone());
        header
    }

    fn claims(&self, user_id: &str, life: i64) -> Result<Value> {
        let now = SystemTime::now().duration_since(UNIX_EPOCH)?;
        let now = i64::try_from(now.as_secs())?;
        Ok(json!({
            "sub": user_id,
            "iss": self.issuer,
            "aud": self.audience,
            "iat": now + life.min(0),
            "exp": now + life,
        }))
    }
}

/// Whose token it is, on its word.
///
/// # Errors
///
/// It is no token.
pub fn subject(token: &str) -> Result<String> {
    let subject = payload(token)?["sub"].as_str().map(str::to_owned);
    subject.context("the token has no sub")
}

/// What a token says, unverified.
///
/// # Errors
///
/// It is no token.
pub fn payload(token: &str) -> Result<Value> {
    part(token, 1)
}

/// A token's header, unverified.
///
/// # Errors
///
/// It is no token.
pub fn header(token: &str) -> Result<Value> {
    part(token, 0)
}

fn part(token: &str, index: usize) -> Result<Value> {
    let part = token
        .split('.')
        .nth(index)
        .context("the token has no dots")?;
    let bytes = BASE64_URL_SAFE_NO_PAD
        .decode(part)
        .context("the token is not base64")?;
    serde_json::from_slice(&bytes).context("the token is not JSON")
}

/// The time from now to a token's end.
///
/// # Errors
///
/// It is no token, or has ended.
pub fn life(token: &str) -> Result<Duration> {
    let end = payload(token)?["exp"]
        .as_u64()
        .context("the token has no exp")?;
    let now = SystemTime::now().duration_since(UNIX_EPOCH)?;
    Duration::from_secs(end)
        .checked_sub(now)
        .context("the token has ended")
}
