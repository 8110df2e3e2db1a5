//! `bytes` as base64 text, proto3's JSON mapping.

use std::fmt;

use base64::{
    Engine as _, alphabet,
    display::Base64Display,
    engine::{DecodePaddingMode, GeneralPurpose, GeneralPurposeConfig, general_purpose::STANDARD},
};
use serde::{
    Deserializer, Serializer,
    de::{Error, Visitor},
};

/// Padding may be left out.
const CONFIG: GeneralPurposeConfig =
    GeneralPurposeConfig::new().with_decode_padding_mode(DecodePaddingMode::Indifferent);
const ANY_STANDARD: GeneralPurpose = GeneralPurpose::new(&alphabet::STANDARD, CONFIG);
const ANY_URL_SAFE: GeneralPurpose = GeneralPurpose::new(&alphabet::URL_SAFE, CONFIG);

/// Decodes base64 of either alphabet, padded or not, as ProtoJSON requires of a reader.
pub(crate) fn decode(text: &str) -> Option<Vec<u8>> {
    let is_url_safe = text.bytes().any(|byte| matches!(byte, b'-' | b'_'));
    let engine = if is_url_safe {
        &ANY_URL_SAFE
    } else {
        &ANY_STANDARD
    };
    engine.decode(text).ok()
}

pub(crate) fn serialize<S: Serializer>(bytes: &[u8], to: S) -> Result<S::Ok, S::Error> {
    to.collect_str(&Base64Display::new(bytes, &STANDARD))
}

/// Reads base64 text, or bytes from a deserializer that has them.
pub(crate) fn deserialize<'de, D: Deserializer<'de>>(from: D) -> Result<Vec<u8>, D::Error> {
    struct Bytes;
    impl Visitor<'_> for Bytes {
        type Value = Vec<u8>;

        fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
            f.write_str("base64")
        }

        fn visit_str<E: Error>(self, text: &str) -> Result<Vec<u8>, E> {
            decode(text).ok_or_else(|| E::custom("not base64"))
        }

        fn visit_byte_buf<E: Error>(self, bytes: Vec<u8>) -> Result<Vec<u8>, E> {
            Ok(bytes)
        }
    }
    from.deserialize_str(Bytes)
}

#[cfg(test)]
mod tests {
    use crate::pictures::PictureMessage;

    #[test]
    fn bytes_are_base64_of_either_alphabet() {
        for (text, bytes) in [
            ("", &b""[..]),
            ("+/8=", &[0xfb, 0xff]),
            ("+/8", &[0xfb, 0xff]),
            ("-_8", &[0xfb, 0xff]),
            ("-_8=", &[0xfb, 0xff]),
        ] {
            let json = format!("{{\"content\":\"{text}\"}}");
            let message: PictureMessage = serde_json::from_str(&json).unwrap();
            assert_eq!(message.content, bytes, "{text}");
        }
        for text in ["+_8=", "AA==AA==", "A", "AB==", " AA=="] {
            let json = format!("{{\"content\":\"{text}\"}}");
            assert!(
                serde_json::from_str::<PictureMessage>(&json).is_err(),
                "{text}"
            );
        }
        let message = PictureMessage {
            content: vec![0xfb, 0xff],
            ..Default::default()
        };
        let json = serde_json::to_value(&message).unwrap();
        assert_eq!(json["content"], "+/8=");
    }

    #[test]
    fn neither_bytes_nor_links_are_printed() {
        let links = crate::pictures::PictureLinks {
            original: "https://secret".to_owned(),
            ..Default::default()
        };
        assert_eq!(format!("{links:?}"), "PictureLinks { .. }");
    }
}
