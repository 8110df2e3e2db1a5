//! Verifying tokens: JSON Web Tokens (RFC 7519) by the rules of RFC 8725.

use std::collections::HashMap;

use jsonwebtoken::{
    Algorithm, DecodingKey, Validation, decode, decode_header,
    jwk::{Jwk, JwkSet},
};
use serde::Deserialize;

/// The only accepted algorithm, whatever a token's header says: Ed25519 (RFC 8037).
const ALGORITHM: Algorithm = Algorithm::EdDSA;

/// The explicit type (RFC 8725, section 3.11) of access tokens (RFC 9068, section 2.1).
const TYPE: &str = "at+jwt";

/// How much clocks may differ, in seconds.
const LEEWAY_SECONDS: u64 = 5;

/// The longest token that is parsed, in bytes. Ours have about 450.
const MAX_LENGTH: usize = 4096;

/// The claims of a valid token.
#[derive(Clone, Debug, Deserialize, PartialEq, Eq)]
pub struct Claims {
    /// The user's id.
    pub sub: String,
    /// The issuer. Being text, it refuses a list, of which `jsonwebtoken` would accept any part.
    pub iss: String,
    /// When the token expires, in seconds since 1970.
    pub exp: u64,
    /// How often the user had revoked their tokens when this one was issued. Version 0.1 issued
    /// tokens without it.
    #[serde(rename = "gen", default)]
    pub generation: u64,
}

/// Why a token is invalid. This is logged; callers learn only that it is.
#[derive(Debug, thiserror::Error)]
pub enum TokenError {
    /// The key set is invalid.
    #[error("is not a JSON Web Key Set of Ed25519 keys, each with a kid")]
    Keys,
    /// The token is longer than any of ours.
    #[error("the token is longer than {MAX_LENGTH} bytes")]
    TooLong,
    /// The token is of another kind.
    #[error("the token's type or algorithm is wrong")]
    WrongType,
    /// The token demands extensions, and this service knows none (RFC 7515, section 4.1.11).
    #[error("the token has critical extensions")]
    Critical,
    /// The token is signed by a key that is not, or no longer, in the set.
    #[error("the token's key is unknown")]
    UnknownKey,
    /// The token is malformed, expired, not valid yet, of another issuer or audience, or not signed by its key.
    #[error("the token is invalid: {0}")]
    Invalid(#[from] jsonwebtoken::errors::Error),
}

/// Verifies tokens with public keys. Several may be valid at once, so that keys can be rotated.
pub struct Verifier {
    keys: HashMap<String, DecodingKey>,
    validation: Validation,
}

impl Verifier {
    /// Creates a verifier with the keys of a JSON Web Key Set (RFC 7517).
    ///
    /// # Errors
    ///
    /// [`TokenError::Keys`] if the set is empty, isn't JSON, or has another kind of key.
    pub fn from_jwks(jwks: &str, issuer: &str, audience: &str) -> Result<Self, TokenError> {
        trichrome_jwt::install();
        let set: JwkSet = serde_json::from_str(jwks).map_err(|_| TokenError::Keys)?;
        let keys = set
            .keys
            .iter()
            .map(key)
            .collect::<Result<HashMap<_, _>, _>>()?;
        if keys.is_empty() {
            return Err(TokenError::Keys);
        }
        let mut validation = Validation::new(ALGORITHM);
        validation.leeway = LEEWAY_SECONDS;
        validation.validate_nbf = true;
        validation.set_issuer(&[issuer]);
        validation.set_audience(&[audience]);
        validation.set_required_spec_claims(&["exp", "iss", "aud", "sub"]);
        Ok(Self { keys, validation })
    }

    /// The claims of a valid token.
    ///
    /// # Errors
    ///
    /// Any [`TokenError`] except `Keys`.
    pub fn verify(&self, token: &str) -> Result<Claims, TokenError> {
        if token.len() > MAX_LENGTH {
            return Err(TokenError::TooLong);
        }
        let header = decode_header(token)?;
        if header.alg != ALGORITHM || header.typ.as_deref() != Some(TYPE) {
            return Err(TokenError::WrongType);
        }
        if header.crit.is_some() {
            return Err(TokenError::Critical);
        }
        // Use the kid for nothing but this lookup: it comes from the caller.
        let key = header
            .kid
            .and_then(|kid| self.keys.get(&kid))
            .ok_or(TokenError::UnknownKey)?;
        Ok(decode::<Claims>(token, key, &self.validation)?.claims)
    }
}

fn key(jwk: &Jwk) -> Result<(String, DecodingKey), TokenError> {
    let kid = jwk.common.key_id.clone().ok_or(TokenError::Keys)?;
    let key = DecodingKey::from_jwk(jwk).map_err(|_| TokenError::Keys)?;
    if key.family() != ALGORITHM.family() {
        return Err(TokenError::Keys);
    }
    Ok((kid, key))
}

#[cfg(test)]
pub(crate) mod tests;
