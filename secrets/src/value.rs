//! A secret's text.

use std::{fmt, sync::Arc};

use serde_json::Value as Json;
use zeroize::Zeroizing;

use crate::error::Failed;

/// A secret's value. Cheap to clone; the text is overwritten when the last clone is dropped.
#[derive(Clone)]
pub struct Value {
    text: Arc<Zeroizing<String>>,
    /// Grows with each change, so that what is made of a value can be kept until then.
    version: u64,
}

impl Value {
    pub(crate) fn new(text: Zeroizing<String>, version: u64) -> Self {
        Self {
            text: Arc::new(text),
            version,
        }
    }

    /// The text.
    #[must_use]
    pub fn expose(&self) -> &str {
        &self.text
    }

    /// A number that grows with each change of a secret's text.
    #[must_use]
    pub const fn version(&self) -> u64 {
        self.version
    }
}

/// Redacted.
impl fmt::Debug for Value {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Value({}, redacted)", self.version)
    }
}

/// The field of a JSON object: a string's text, and anything else as JSON.
pub(crate) fn field(text: &str, name: &str) -> Result<Zeroizing<String>, Failed> {
    // serde_json's message can quote a value.
    let mut object: Json = serde_json::from_str(text)
        .map_err(|_| Failed::lasting(format!("it isn't JSON, so it has no field {name:?}")))?;
    match object.get_mut(name).map(Json::take) {
        Some(Json::String(text)) => Ok(Zeroizing::new(text)),
        None | Some(Json::Null) => Err(Failed::lasting(format!("it has no field {name:?}"))),
        Some(other) => Ok(Zeroizing::new(other.to_string())),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_field_is_a_strings_text_or_json() {
        let text = r#"{"url": "postgres://u:p@h/d", "port": 5432, "none": null}"#;
        assert_eq!(field(text, "url").unwrap().as_str(), "postgres://u:p@h/d");
        assert_eq!(field(text, "port").unwrap().as_str(), "5432");
        for (text, name) in [
            (text, "none"),
            (text, "other"),
            ("hush", "url"),
            ("[]", "0"),
        ] {
            let error = field(text, name).unwrap_err();
            assert!(!error.transient);
            assert!(!error.cause.to_string().contains("hush"));
        }
    }

    #[test]
    fn debug_is_redacted() {
        let value = Value::new(Zeroizing::new("hunter2".to_owned()), 1);
        assert_eq!(format!("{value:?}"), "Value(1, redacted)");
    }
}
