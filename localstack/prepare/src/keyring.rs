//! Public keys of several token keys in one set: while a key is being replaced, tokens of
//! the old one and of the new one are good side by side.

use anyhow::{Context as _, ensure};
use serde_json::{Value, json};

use crate::key::TokenKey;

/// One JSON Web Key Set with the public keys of all `texts`, each of which is a token key (as
/// [`TokenKey::to_text`] writes it) or a set. A key that comes twice is in it once.
///
/// # Errors
///
/// A text is neither, or holds a private key in a set's place; or there is no key at all.
/// The text is left out of the error.
pub fn merge<'a>(texts: impl IntoIterator<Item = &'a str>) -> anyhow::Result<Value> {
    let mut keys: Vec<Value> = Vec::new();
    for text in texts {
        let set = match serde_json::from_str::<Value>(text) {
            Ok(set) if set.get("keys").is_some() => set,
            _ => TokenKey::parse(text)?.jwks()?,
        };
        for key in set["keys"].as_array().context("`keys` is not a list")? {
            ensure!(
                key["kid"].is_string() && key["x"].is_string() && key.get("d").is_none(),
                "a set holds something that is not a public Ed25519 key with a kid"
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

    fn takes(set: &Value, token: &str) -> bool {
        let verifier = Verifier::from_jwks(&set.to_string(), "us", "them").unwrap();
        verifier.verify(token).is_ok()
    }

    /// docs/deploying.md, "Replace the token key", step by step.
    #[test]
    fn a_replaced_key_logs_nobody_out() {
        let (old, new) = (TokenKey::generate().unwrap(), TokenKey::generate().unwrap());
        let (earlier, later) = (token(&old), token(&new));
        let before = merge([old.to_text().unwrap().as_str()]).unwrap();
        assert!(takes(&before, &earlier) && !takes(&before, &later));
        // The set in use, and the new key's file.
        let both = merge([before.to_string().as_str(), &new.to_text().unwrap()]).unwrap();
        assert!(takes(&both, &earlier) && takes(&both, &later));
        let after = merge([new.to_text().unwrap().as_str()]).unwrap();
        assert!(!takes(&after, &earlier) && takes(&after, &later));
    }

    #[test]
    fn a_key_is_in_the_set_once() {
        let key = TokenKey::generate().unwrap().to_text().unwrap();
        let one = merge([key.as_str()]).unwrap();
        assert_eq!(merge([one.to_string().as_str(), &key]).unwrap(), one);
    }

    #[test]
    fn nothing_private_gets_in_and_nothing_is_told() {
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
