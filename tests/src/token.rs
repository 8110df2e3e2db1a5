//! Valid and invalid tokens.

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

/// The lifetime of valid tokens, in seconds.
const LIFETIME: i64 = 600;

/// Signs valid and invalid tokens.
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
    /// Loads the stack's key and creates one unknown to the stack.
    pub(crate) fn read(description: &Description) -> Result<Self> {
        trichrome_jwt::install();
        let path = &description.token_key_file;
        let text = std::fs::read(path).with_context(|| path.display().to_string())?;
        let file: KeyFile = serde_json::from_slice(&text)
            .with_context(|| format!("{} has no kid or private_key_pem", path.display()))?;
        let foreign = SigningKey::from_bytes(&[23; 32]).to_pkcs8_pem(LineEnding::LF)?;
        Ok(Self {
            kid: file.kid,
            key: EncodingKey::from_ed_pem(file.private_key_pem.as_bytes())?,
            foreign_key: EncodingKey::from_ed_pem(foreign.as_bytes())?,
            issuer: description.issuer.clone(),
            audience: description.audience.clone(),
        })
    }

    /// Signs a valid token, as version 0.1 of the service did.
    pub fn token(&self, user_id: &str) -> Result<String> {
        self.sign(&self.claims(user_id, LIFETIME)?)
    }

    /// Signs a token that is newer than any revocation.
    pub(crate) fn irrevocable(&self, user_id: &str) -> Result<String> {
        self.with_claim(user_id, "gen", json!(i64::MAX))
    }

    /// Signs a token that expired an hour ago.
    pub fn expired(&self, user_id: &str) -> Result<String> {
        self.sign(&self.claims(user_id, -3600)?)
    }

    /// Signs a token with the right `kid` but another key.
    pub fn wrong_key(&self, user_id: &str) -> Result<String> {
        let claims = self.claims(user_id, LIFETIME)?;
        Ok(encode(&self.header(), &claims, &self.foreign_key)?)
    }

    /// Builds an unsigned token with the algorithm `none`.
    pub fn unsigned(&self, user_id: &str) -> Result<String> {
        let header = json!({"alg": "none", "typ": "at+jwt", "kid": self.kid});
        let part = |value: &Value| BASE64_URL_SAFE_NO_PAD.encode(value.to_string());
        let claims = self.claims(user_id, LIFETIME)?;
        Ok(format!("{}.{}.", part(&header), part(&claims)))
    }

    /// Signs a token that demands an extension unknown to the service.
    pub fn critical(&self, user_id: &str) -> Result<String> {
        let header = Header {
            crit: Some(vec!["urn:trichrome:unknown".to_owned()]),
            ..self.header()
        };
        let claims = self.claims(user_id, LIFETIME)?;
        Ok(encode(&header, &claims, &self.key)?)
    }

    /// Signs a token that is valid in five minutes.
    pub fn early(&self, user_id: &str) -> Result<String> {
        let mut claims = self.claims(user_id, LIFETIME)?;
        claims["nbf"] = json!(claims["iat"].as_i64().context("no iat")? + LIFETIME / 2);
        self.sign(&claims)
    }

    /// Signs a token whose issuer is in a list.
    pub fn issuer_list(&self, user_id: &str) -> Result<String> {
        self.with_claim(user_id, "iss", json!([self.issuer]))
    }

    /// Signs a token in which one claim is replaced.
    pub fn with_claim(&self, user_id: &str, name: &str, value: Value) -> Result<String> {
        let mut claims = self.claims(user_id, LIFETIME)?;
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

    /// The claims of a token that expires in `lifetime` seconds, or expired that long ago.
    fn claims(&self, user_id: &str, lifetime: i64) -> Result<Value> {
        let now = SystemTime::now().duration_since(UNIX_EPOCH)?;
        let now = i64::try_from(now.as_secs())?;
        Ok(json!({
            "sub": user_id,
            "iss": self.issuer,
            "aud": self.audience,
            "iat": now + lifetime.min(0),
            "exp": now + lifetime,
        }))
    }
}

/// A token's subject, unverified.
pub fn subject(token: &str) -> Result<String> {
    let subject = payload(token)?["sub"].as_str().map(str::to_owned);
    subject.context("the token has no sub")
}

/// A token's claims, unverified.
pub fn payload(token: &str) -> Result<Value> {
    part(token, 1)
}

/// A token's header, unverified.
pub fn header(token: &str) -> Result<Value> {
    part(token, 0)
}

fn part(token: &str, index: usize) -> Result<Value> {
    let part = token
        .split('.')
        .nth(index)
        .context("the token has too few parts")?;
    let bytes = BASE64_URL_SAFE_NO_PAD
        .decode(part)
        .context("the token is not base64")?;
    serde_json::from_slice(&bytes).context("the token is not JSON")
}

/// The time until a token expires. Fails if it has expired.
pub fn time_left(token: &str) -> Result<Duration> {
    let expiry = payload(token)?["exp"]
        .as_u64()
        .context("the token has no exp")?;
    let now = SystemTime::now().duration_since(UNIX_EPOCH)?;
    Duration::from_secs(expiry)
        .checked_sub(now)
        .context("the token has expired")
}
