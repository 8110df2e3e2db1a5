//! One set with the public keys of several token keys, so that tokens of the old and of the
//! new key are both valid while a key is replaced.

use anyhow::{Context as _, ensure};
use serde_json::{Value, json};

use crate::key::TokenKey;

/// Merges the public keys of `texts`, each a token key ([`TokenKey::to_text`]) or a set, into
/// one JSON Web Key Set without duplicates.
///
/// # Errors
///
/// A text is neither, a set contains a private key, or there is no key at all. The error
/// doesn't contain the text.
pub fn merge<'a>(texts: impl IntoIterator<Item = &'a str>) -> anyhow::Result<Value> {
    let mut keys: Vec<Value> = Vec::new();
    for text in texts {
        let set = match serde_json::from_str::<Value>(text) {
            Ok(set) if set.get("keys").is_some() => set,
            _ => TokenKey::parse(text)?.jwks()?,
        };
        for key in set["keys"].as_array().context("`keys` isn't a list")? {
            ensure!(
                key["kid"].is_string() && key["x"].is_string() && key.get("d").is_none(),
                "a set contains something other than public Ed25519 keys with a kid"
            );
            if !keys.iter().any(|known| known["kid"] == key["kid"]) {
                keys.push(key.clone());
            }
        }
    }
    ensure!(!keys.is_empty(), "there is no key");
    Ok(json!({ "keys": keys }))
}

#[cfg(test)]
mod tests {
    use jsonwebtoken::{Algorithm, EncodingKey, Header, encode, get_current_timestamp};
    use trichrome_runtime::Verifier;

    use super::*;

    /// A token as `auth-login` makes it with this key.
    fn token(key: &TokenKey) -> String {
        let secret: Value = serde_json::from_str(&key.to_text().unwrap()).unwrap();
        let header = Header {
            typ: Some("at+jwt".to_owned()),
            kid: secret["kid"].as_str().map(str::to_owned),
            ..Header::new(Algorithm::EdDSA)
        };
        let claims = json!({
            "iss": "us", "aud": "them", "sub": "user-1",
            "exp": get_current_timestamp() + 60,
        });
        trichrome_jwt::install();
        let pem = secret["private_key_pem"].as_str().unwrap();
        let key = EncodingKey::from_ed_pem(pem.as_bytes()).unwrap();
        encode(&header, &claims, &key).unwrap()
    }

    fn accepts(set: &Value, token: &str) -> bool {
        let verifier = Verifier::from_jwks(&set.to_string(), "us", "them").unwrap();
        verifier.verify(token).is_ok()
    }

    /// The steps of "Replace the token key" in docs/deploying.md.
    #[test]
    fn a_replaced_key_logs_nobody_out() {
        let (old, new) = (TokenKey::generate().unwrap(), TokenKey::generate().unwrap());
        let (earlier, later) = (token(&old), token(&new));
        let before = merge([old.to_text().unwrap().as_str()]).unwrap();
        assert!(accepts(&before, &earlier) && !accepts(&before, &later));
        // The set in use, and the new key's file.
        let both = merge([before.to_string().as_str(), &new.to_text().unwrap()]).unwrap();
        assert!(accepts(&both, &earlier) && accepts(&both, &later));
        let after = merge([new.to_text().unwrap().as_str()]).unwrap();
        assert!(!accepts(&after, &earlier) && accepts(&after, &later));
    }

    #[test]
    fn duplicate_keys_are_merged() {
        let key = TokenKey::generate().unwrap().to_text().unwrap();
        let one = merge([key.as_str()]).unwrap();
        assert_eq!(merge([one.to_string().as_str(), &key]).unwrap(), one);
    }

    #[test]
    fn private_keys_are_refused_and_not_shown() {
        for text in [
            r#"{"keys":[{"kid":"k","x":"eA","d":"hunter2"}]}"#,
            r#"{"keys":[{"x":"hunter2"}]}"#,
            r#"{"keys":"hunter2"}"#,
            r#"{"keys":[]}"#,
            "hunter2",
        ] {
            let error = merge([text]).unwrap_err();
            assert!(!format!("{error:?}").contains("hunter2"), "{error:?}");
        }
        assert!(merge([]).is_err());
    }
}
