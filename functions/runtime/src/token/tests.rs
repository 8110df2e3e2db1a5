//! Verifying tokens, and the keys that other tests use.

use ed25519_dalek::{SigningKey, pkcs8::EncodePrivateKey as _, pkcs8::spki::der::pem::LineEnding};
use jsonwebtoken::{EncodingKey, Header, encode, get_current_timestamp};
use serde_json::{Value, json};

use super::*;

/// A key pair with a kid.
pub(crate) struct Key {
    kid: &'static str,
    pair: SigningKey,
}

impl Key {
    pub(crate) fn new(kid: &'static str, seed: u8) -> Self {
        Self {
            kid,
            pair: SigningKey::from_bytes(&[seed; 32]),
        }
    }

    fn jwk(&self) -> Value {
        let x = base64_url(self.pair.verifying_key().as_bytes());
        json!({"kty": "OKP", "crv": "Ed25519", "alg": "EdDSA", "use": "sig", "kid": self.kid, "x": x})
    }

    fn sign(&self, header: &Header, claims: &Value) -> String {
        trichrome_jwt::install();
        let pem = self.pair.to_pkcs8_pem(LineEnding::LF).unwrap();
        encode(
            header,
            claims,
            &EncodingKey::from_ed_pem(pem.as_bytes()).unwrap(),
        )
        .unwrap()
    }

    pub(crate) fn token(&self, user_id: &str) -> String {
        self.sign(&header(self.kid), &claims(user_id))
    }
}

pub(crate) fn verifier(keys: &[&Key]) -> Verifier {
    let keys: Vec<_> = keys.iter().map(|key| key.jwk()).collect();
    let set = json!({ "keys": keys }).to_string();
    Verifier::from_jwks(&set, "trichrome", "trichrome").unwrap()
}

fn header(kid: &str) -> Header {
    let mut header = Header::new(ALGORITHM);
    header.typ = Some(TYPE.to_owned());
    header.kid = Some(kid.to_owned());
    header
}

fn claims(user_id: &str) -> Value {
    json!({"sub": user_id, "iss": "trichrome", "aud": "trichrome", "exp": get_current_timestamp() + 60})
}

fn with(name: &str, value: Value) -> Value {
    let mut claims = claims("u");
    claims[name] = value;
    claims
}

fn base64_url(bytes: &[u8]) -> String {
    const ALPHABET: &[u8] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";
    bytes
        .chunks(3)
        .flat_map(|chunk| {
            let bits = chunk
                .iter()
                .fold(0_u32, |bits, &byte| bits << 8 | u32::from(byte))
                << (8 * (3 - chunk.len()));
            (0..=chunk.len())
                .map(move |at| char::from(ALPHABET[(bits >> (18 - 6 * at) & 63) as usize]))
        })
        .collect()
}

#[test]
fn a_valid_token_has_its_subject() {
    let key = Key::new("k1", 1);
    assert_eq!(verifier(&[&key]).verify(&key.token("u")).unwrap().sub, "u");
}

#[test]
fn a_token_of_version_0_1_has_the_first_generation() {
    let key = Key::new("k1", 1);
    let verifier = verifier(&[&key]);
    let claims = verifier.verify(&key.token("u")).unwrap();
    assert_eq!(claims.generation, 0);
    let token = key.sign(&header("k1"), &with("gen", json!(7)));
    assert_eq!(verifier.verify(&token).unwrap().generation, 7);
    for invalid in [json!(-1), json!("7"), json!(null)] {
        let token = key.sign(&header("k1"), &with("gen", invalid));
        assert!(verifier.verify(&token).is_err());
    }
}

#[test]
fn several_keys_are_valid_at_once() {
    let (old, new) = (Key::new("k1", 1), Key::new("k2", 2));
    let verifier = verifier(&[&old, &new]);
    assert!(verifier.verify(&old.token("u")).is_ok());
    assert!(verifier.verify(&new.token("u")).is_ok());
    assert!(matches!(
        verifier.verify(&Key::new("k3", 3).token("u")),
        Err(TokenError::UnknownKey)
    ));
    // The right kid with the wrong key.
    assert!(matches!(
        verifier.verify(&Key::new("k1", 3).token("u")),
        Err(TokenError::Invalid(_))
    ));
}

#[test]
fn claims_are_required_and_checked() {
    let key = Key::new("k1", 1);
    let verifier = verifier(&[&key]);
    let past = get_current_timestamp() - 60;
    for claims in [
        with("exp", json!(past)),
        with("exp", Value::Null),
        with("iss", json!("other")),
        with("iss", json!(["trichrome"])),
        with("iss", json!(["trichrome", "other"])),
        with("nbf", json!(get_current_timestamp() + 60)),
        with("nbf", json!("tomorrow")),
        with("iss", Value::Null),
        with("aud", json!("other")),
        with("aud", Value::Null),
        with("sub", Value::Null),
    ] {
        let token = key.sign(&header("k1"), &claims);
        assert!(verifier.verify(&token).is_err(), "{claims}");
    }
}

#[test]
fn a_token_that_begins_by_now_is_valid() {
    let key = Key::new("k1", 1);
    let verifier = verifier(&[&key]);
    let now = get_current_timestamp();
    // The other clock may be ahead.
    for nbf in [now - 60, now, now + 2] {
        let token = key.sign(&header("k1"), &with("nbf", json!(nbf)));
        assert!(verifier.verify(&token).is_ok(), "{nbf} at {now}");
    }
}

#[test]
fn critical_extensions_are_refused() {
    let key = Key::new("k1", 1);
    let verifier = verifier(&[&key]);
    for names in [vec!["b64".to_owned()], vec!["exp".to_owned()], vec![]] {
        let mut critical = header("k1");
        critical.crit = Some(names);
        let refused = verifier.verify(&key.sign(&critical, &claims("u")));
        assert!(matches!(refused, Err(TokenError::Critical)));
    }
}

#[test]
fn the_header_does_not_choose_the_algorithm() {
    let key = Key::new("k1", 1);
    let verifier = verifier(&[&key]);
    let mut untyped = header("k1");
    untyped.typ = Some("JWT".to_owned());
    assert!(verifier.verify(&key.sign(&untyped, &claims("u"))).is_err());

    let good = key.token("u");
    let (_, rest) = good.split_once('.').unwrap();
    let (payload, _) = rest.split_once('.').unwrap();
    for alg in ["none", "HS256", "ES256", "RS256"] {
        let head = base64_url(
            json!({"typ": TYPE, "alg": alg, "kid": "k1"})
                .to_string()
                .as_bytes(),
        );
        for forged in [format!("{head}.{payload}."), format!("{head}.{rest}")] {
            assert!(verifier.verify(&forged).is_err(), "{alg}");
        }
    }
}

#[test]
fn other_texts_are_refused() {
    let key = Key::new("k1", 1);
    let verifier = verifier(&[&key]);
    let good = key.token("u");
    let long = "a".repeat(MAX_LENGTH + 1);
    for text in ["", ".", "..", "a.b.c", &good[..good.len() - 4], &long] {
        assert!(verifier.verify(text).is_err(), "{text}");
    }
}

#[test]
fn a_set_without_valid_keys_is_refused() {
    for set in [
        "",
        "{}",
        r#"{"keys":[]}"#,
        r#"{"keys":[{"kty":"oct","k":"AAAA","kid":"k"}]}"#,
    ] {
        assert!(matches!(
            Verifier::from_jwks(set, "i", "a"),
            Err(TokenError::Keys)
        ));
    }
}
