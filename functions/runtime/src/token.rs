//! Checking tokens: JSON Web Tokens (RFC 7519) by the rules of RFC 8725.

use std::collections::HashMap;

use jsonwebtoken::{
    Algorithm, DecodingKey, Validation, decode, decode_header,
    jwk::{Jwk, JwkSet},
};
use serde::Deserialize;

/// The one algorithm taken, whatever a token's header says: Ed25519 (RFC 8037).
const ALGORITHM: Algorithm = Algorithm::EdDSA;

/// The explicit type (RFC 8725, section 3.11) of an access token (RFC 9068, section 2.1).
const TYPE: &str = "at+jwt";

/// Clocks may differ by this much, in seconds.
const LEEWAY_SECONDS: u64 = 5;

/// The longest token that is looked at, in bytes; ours have about 450.
const MAX_LENGTH: usize = 4096;

/// What a valid token says.
#[derive(Clone, Debug, Deserialize, PartialEq, Eq)]
pub struct Claims {
    /// The user's id.
    pub sub: String,
    /// When it ends, in seconds since 1970.
    pub exp: u64,
}

/// Why a token is not valid, for the log; callers learn only that it is not.
#[derive(Debug, thiserror::Error)]
pub enum TokenError {
    /// The keys cannot be used.
    #[error("is not a JSON Web Key Set of Ed25519 keys, each with a kid")]
    Keys,
    /// Longer than any token of ours.
    #[error("the token is longer than {MAX_LENGTH} bytes")]
    TooLong,
    /// Not made for this use.
    #[error("the token's type or algorithm is not the one expected")]
    WrongType,
    /// Signed by a key that is not (or no longer) in the set.
    #[error("the token's key is not known")]
    UnknownKey,
    /// Malformed, expired, of another issuer or audience, or not signed by its key.
    #[error("the token does not verify: {0}")]
    Invalid(#[from] jsonwebtoken::errors::Error),
}

/// Verifies tokens with public keys alone; several may be valid at once, so that keys can
/// be rotated.
pub struct Verifier {
    keys: HashMap<String, DecodingKey>,
    validation: Validation,
}

impl Verifier {
    /// A verifier with the keys of a JSON Web Key Set (RFC 7517).
    ///
    /// # Errors
    ///
    /// [`TokenError::Keys`] where the set is empty, not JSON, or holds another kind of key.
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
        validation.set_issuer(&[issuer]);
        validation.set_audience(&[audience]);
        validation.set_required_spec_claims(&["exp", "iss", "aud", "sub"]);
        Ok(Self { keys, validation })
    }

    /// The claims of a valid token.
    ///
    /// # Errors
    ///
    /// Any [`TokenError`] but `Keys`.
    pub fn verify(&self, token: &str) -> Result<Claims, TokenError> {
        if token.len() > MAX_LENGTH {
            return Err(TokenError::TooLong);
        }
        let header = decode_header(token)?;
        if header.alg != ALGORITHM || header.typ.as_deref() != Some(TYPE) {
            return Err(TokenError::WrongType);
        }
        // A lookup, nothing else: the kid comes from whoever sent the token.
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
