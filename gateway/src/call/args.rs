//! A request message, parsed only as far as its call needs.
//!
//! A picture is megabytes of base64 in its request's JSON, which becomes the HTTP body of the
//! function's event. So the caller's text is validated without building a tree, and copied once,
//! into the event.

use std::{
    borrow::Cow,
    cell::Cell,
    collections::{BTreeMap, btree_map::Entry},
    fmt,
};

use base64::{display::Base64Display, prelude::BASE64_STANDARD};
use bytes::Bytes;
use serde::{
    Deserialize, Deserializer, Serialize, Serializer,
    de::{IgnoredAny, MapAccess, Visitor},
};
use serde_json::{Map, Value, value::RawValue};
use trichrome_proto::{
    binding::Target,
    contract::Field,
    error::ApiError,
    json::{given_twice, not_json, parse_object, unquote, without_bom},
};

/// A request message.
pub(crate) enum Args<'a> {
    Fields(Map<String, Value>),
    /// The bytes of the operation's raw body, and the other fields.
    Raw(Map<String, Value>, Bytes),
    /// The JSON text that the caller sent.
    Text(ObjectText<'a>),
    /// An unchanged HTTP request, valid or not.
    Http {
        target: Target,
        body: Sent<'a>,
    },
}

/// A body as the caller sent it.
pub(crate) enum Sent<'a> {
    Json(&'a str),
    Raw(Bytes),
}

impl Default for Args<'_> {
    fn default() -> Self {
        Self::Fields(Map::new())
    }
}

/// The text of a JSON object, which serializes as a JSON string.
pub(crate) struct ObjectText<'a> {
    written: Written<'a>,
    length: usize,
}

enum Written<'a> {
    Plain(&'a str),
    /// With the quotes and escapes of a JSON string.
    Quoted(&'a RawValue),
}

impl<'a> ObjectText<'a> {
    /// Validates text that is a JSON object.
    ///
    /// # Errors
    ///
    /// `INVALID_ARGUMENT` if it isn't.
    pub(crate) fn plain(text: &'a str) -> Result<Self, ApiError> {
        check(text)?;
        Ok(Self {
            written: Written::Plain(text),
            length: text.len(),
        })
    }

    /// Validates a JSON string that contains a JSON object.
    ///
    /// # Errors
    ///
    /// `INVALID_ARGUMENT` if it doesn't.
    pub(crate) fn quoted(quoted: &'a RawValue) -> Result<Self, ApiError> {
        let text = unquote(quoted.get())?;
        check(&text)?;
        Ok(Self {
            written: Written::Quoted(quoted),
            length: text.len(),
        })
    }

    /// The text's length in bytes, without quotes and escapes.
    pub(crate) fn length(&self) -> usize {
        self.length
    }

    /// The object's fields.
    ///
    /// # Errors
    ///
    /// `INVALID_ARGUMENT` for values that validation doesn't detect: a number out of range, or an
    /// object that is nested too deeply.
    pub(crate) fn fields(&self) -> Result<Map<String, Value>, ApiError> {
        parse_object(self.text()?.as_bytes())
    }

    /// These of the object's fields, by either of their names. Other fields are skipped.
    ///
    /// # Errors
    ///
    /// As [`Self::fields`].
    pub(crate) fn fields_of(&self, fields: &[&Field]) -> Result<Map<String, Value>, ApiError> {
        if fields.is_empty() {
            return Ok(Map::new());
        }
        let text = self.text()?;
        let named = raw_fields(&text)?
            .into_iter()
            .filter(|(name, _)| fields.iter().any(|field| field.is_named(name)));
        named
            .map(|(name, value)| Ok((name, read(value.get())?)))
            .collect()
    }

    fn text(&self) -> Result<Cow<'a, str>, ApiError> {
        Ok(match self.written {
            Written::Plain(text) => Cow::Borrowed(text),
            Written::Quoted(quoted) => Cow::Owned(unquote(quoted.get())?),
        })
    }
}

/// An object's fields, not parsed further.
pub(crate) type RawFields<'a> = BTreeMap<String, &'a RawValue>;

/// Parses an object only as far as its fields.
///
/// # Errors
///
/// `INVALID_ARGUMENT` if the text isn't an object, or has a field twice.
pub(crate) fn raw_fields(text: &str) -> Result<RawFields<'_>, ApiError> {
    let Pairs(pairs) = read(without_bom(text))?;
    let mut fields = BTreeMap::new();
    for (name, value) in pairs {
        match fields.entry(name) {
            Entry::Vacant(entry) => entry.insert(value),
            Entry::Occupied(entry) => return Err(given_twice(entry.key())),
        };
    }
    Ok(fields)
}

/// An object's fields in their order, repeated ones included.
struct Pairs<'a>(Vec<(String, &'a RawValue)>);

impl<'de> Deserialize<'de> for Pairs<'de> {
    fn deserialize<D: Deserializer<'de>>(from: D) -> Result<Self, D::Error> {
        struct Fields;
        impl<'de> Visitor<'de> for Fields {
            type Value = Pairs<'de>;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("a JSON object")
            }

            fn visit_map<A: MapAccess<'de>>(self, mut from: A) -> Result<Self::Value, A::Error> {
                let mut pairs = Vec::new();
                while let Some(pair) = from.next_entry()? {
                    pairs.push(pair);
                }
                Ok(Pairs(pairs))
            }
        }
        from.deserialize_map(Fields)
    }
}

fn read<'de, T: Deserialize<'de>>(json: &'de str) -> Result<T, ApiError> {
    serde_json::from_str(json).map_err(|error| not_json(&error))
}

impl Serialize for ObjectText<'_> {
    fn serialize<S: Serializer>(&self, to: S) -> Result<S::Ok, S::Error> {
        match self.written {
            Written::Plain(text) => to.serialize_str(text),
            Written::Quoted(quoted) => quoted.serialize(to),
        }
    }
}

/// Validates a JSON object without keeping anything.
fn check(text: &str) -> Result<(), ApiError> {
    let json = without_bom(text);
    if json.trim_start().starts_with('{') && serde_json::from_str::<IgnoredAny>(json).is_ok() {
        return Ok(());
    }
    // Parsing it again gives the contract's error message.
    parse_object(text.as_bytes()).map(drop)
}

/// An object that serializes as a JSON string of its JSON, without a copy in between.
pub(crate) struct Nested {
    object: Value,
    written: Cell<usize>,
}

impl Nested {
    pub(crate) fn new(fields: Map<String, Value>) -> Self {
        Self {
            object: Value::Object(fields),
            written: Cell::new(0),
        }
    }

    /// The approximate length of its JSON in bytes. Only long strings matter.
    pub(crate) fn estimated_length(&self) -> usize {
        let fields = self.object.as_object().into_iter().flatten();
        fields
            .map(|(name, value)| name.len() + value.as_str().map_or(16, str::len))
            .sum()
    }

    /// The length in bytes, without escapes, of the JSON that was last written.
    pub(crate) fn length(&self) -> usize {
        self.written.get()
    }
}

impl Serialize for Nested {
    fn serialize<S: Serializer>(&self, to: S) -> Result<S::Ok, S::Error> {
        self.written.set(0);
        to.collect_str(self)
    }
}

impl fmt::Display for Nested {
    fn fmt(&self, to: &mut fmt::Formatter<'_>) -> fmt::Result {
        use fmt::Write as _;
        let mut counted = Counted {
            to,
            written: &self.written,
        };
        write!(counted, "{}", self.object)
    }
}

struct Counted<'a, 'b> {
    to: &'a mut fmt::Formatter<'b>,
    written: &'a Cell<usize>,
}

impl fmt::Write for Counted<'_, '_> {
    fn write_str(&mut self, text: &str) -> fmt::Result {
        self.written.set(self.written.get() + text.len());
        self.to.write_str(text)
    }
}

/// Bytes that serialize as a JSON string of their base64, without a copy in between.
pub(crate) struct Base64(pub(crate) Bytes);

impl Serialize for Base64 {
    fn serialize<S: Serializer>(&self, to: S) -> Result<S::Ok, S::Error> {
        to.collect_str(&Base64Display::new(&self.0, &BASE64_STANDARD))
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;
    use trichrome_proto::{contract::by_function, error::ErrorCode};

    use super::*;

    fn raw(json: &str) -> &RawValue {
        serde_json::from_str(json).unwrap()
    }

    /// The content of the JSON string that a value serializes to.
    fn text_of(written: &impl Serialize) -> String {
        let json = serde_json::to_string(written).unwrap();
        serde_json::from_str(&json).unwrap()
    }

    #[test]
    fn plain_and_quoted_text_are_equivalent() {
        let json = r#"{"title":"a \"b\" é","base64":"AA=="}"#;
        let plain = ObjectText::plain(json).unwrap();
        let in_quotes = serde_json::to_string(json).unwrap();
        let quoted = ObjectText::quoted(raw(&in_quotes)).unwrap();
        for text in [&plain, &quoted] {
            assert_eq!(text_of(text), json);
            assert_eq!(text.length(), json.len());
            assert_eq!(text.fields().unwrap()["title"], "a \"b\" é");
            let create = by_function("pictures-create").unwrap().input;
            let fields = ["title", "user_id"].map(|name| create.field(name).unwrap());
            let named = text.fields_of(&fields).unwrap();
            assert_eq!(Value::Object(named), json!({"title": "a \"b\" é"}));
        }
    }

    #[test]
    fn a_field_is_found_by_either_name() {
        let update = by_function("pictures-update").unwrap().input;
        let id = update.field("picture_id").unwrap();
        for json in [
            r#"{"title": [{}], "pictureId": "p"}"#,
            "\u{feff}{\"picture_id\": \"p\"}",
        ] {
            let text = ObjectText::plain(json).unwrap();
            let named = text.fields_of(&[id]).unwrap();
            assert_eq!(named.values().collect::<Vec<_>>(), ["p"]);
            // The function reads the mark itself.
            assert_eq!(text_of(&text), json);
        }
        let twice = ObjectText::plain(r#"{"picture_id": "p", "picture_id": "p"}"#).unwrap();
        let error = twice.fields_of(&[id]).unwrap_err();
        assert!(
            error.message.contains("more than once"),
            "{}",
            error.message
        );
    }

    #[test]
    fn only_objects_are_accepted() {
        for (json, words) in [
            ("", "is empty"),
            (" ", "is empty"),
            ("\u{feff}[1]", "must be a JSON object"),
            ("7", "must be a JSON object"),
            ("{", "not JSON: line 1"),
            ("{} {}", "not JSON: line 1"),
        ] {
            let quotes = serde_json::to_string(json).unwrap();
            for result in [ObjectText::plain(json), ObjectText::quoted(raw(&quotes))] {
                let error = result.err().unwrap();
                assert_eq!(error.code, ErrorCode::InvalidArgument);
                assert!(error.message.contains(words), "{json}: {}", error.message);
            }
        }
    }

    #[test]
    fn a_nested_object_is_a_string() {
        let object = json!({"title": "a \"b\" é", "limit": 3});
        let nested = Nested::new(object.as_object().unwrap().clone());
        assert_eq!(text_of(&nested), object.to_string());
        assert_eq!(nested.length(), object.to_string().len());
    }
}
