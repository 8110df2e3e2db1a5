//! Signatures, with the test vectors of RFC 8037.

use ed25519_dalek::{
    SigningKey,
    pkcs8::{EncodePrivateKey as _, KeypairBytes},
};
use jsonwebtoken::crypto::{sign, verify};

use super::*;

/// RFC 8037, appendix A.1 to A.4: the keys, the signed text and its signature.
const SEED: [u8; 32] = [
    0x9d, 0x61, 0xb1, 0x9d, 0xef, 0xfd, 0x5a, 0x60, 0xba, 0x84, 0x4a, 0xf4, 0x92, 0xec, 0x2c, 0xc4,
    0x44, 0x49, 0xc5, 0x69, 0x7b, 0x32, 0x69, 0x19, 0x70, 0x3b, 0xac, 0x03, 0x1c, 0xae, 0x7f, 0x60,
];
const PUBLIC: &str = "11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHURo";
const SIGNED: &[u8] = b"eyJhbGciOiJFZERTQSJ9.RXhhbXBsZSBvZiBFZDI1NTE5IHNpZ25pbmc";
const SIGNATURE: &str =
    "hgyY0il_MGCjP0JzlnLWG1PPOt7-09PGcvMg3AIbQR6dWbhijcNR4ki4iylGjg5BhVsPt9g7sVvpAr_MuM0KAg";

fn private() -> EncodingKey {
    let key = SigningKey::from_bytes(&SEED).to_pkcs8_der().unwrap();
    EncodingKey::from_ed_der(key.as_bytes())
}

fn public() -> DecodingKey {
    DecodingKey::from_ed_components(PUBLIC).unwrap()
}

#[test]
fn the_signature_is_that_of_the_rfc() {
    install();
    let signature = sign(SIGNED, &private(), Algorithm::EdDSA).unwrap();
    assert_eq!(signature, SIGNATURE);
}

#[test]
fn a_private_key_without_its_public_key_signs() {
    install();
    let key = KeypairBytes {
        secret_key: SEED,
        public_key: None,
    };
    let key = key.to_pkcs8_der().unwrap();
    let key = EncodingKey::from_ed_der(key.as_bytes());
    let signature = sign(SIGNED, &key, Algorithm::EdDSA).unwrap();
    assert_eq!(signature, SIGNATURE);
}

#[test]
fn only_the_signed_text_verifies() {
    install();
    assert!(verify(SIGNATURE, SIGNED, &public(), Algorithm::EdDSA).unwrap());
    assert!(!verify(SIGNATURE, b"another", &public(), Algorithm::EdDSA).unwrap());
    let cut = &SIGNATURE[..80];
    assert!(!verify(cut, SIGNED, &public(), Algorithm::EdDSA).unwrap());
}

#[test]
fn other_algorithms_and_keys_are_refused() {
    install();
    let secret = DecodingKey::from_secret(b"secret");
    for algorithm in [
        Algorithm::HS256,
        Algorithm::RS256,
        Algorithm::ES256,
        Algorithm::EdDSA,
    ] {
        assert!(verify(SIGNATURE, SIGNED, &secret, algorithm).is_err());
        assert!(sign(SIGNED, &EncodingKey::from_secret(b"secret"), algorithm).is_err());
    }
    assert!(verify(SIGNATURE, SIGNED, &public(), Algorithm::HS256).is_err());
    let broken = EncodingKey::from_ed_der(b"invalid");
    assert!(sign(SIGNED, &broken, Algorithm::EdDSA).is_err());
}
