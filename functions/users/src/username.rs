//! Rules for the name of a new user.

use crate::Error;

/// The name of a new user. The contract checks its length (1 to 255) and control characters;
/// this checks what only a *new* name must satisfy.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Username(String);

impl Username {
    /// Checks a name. It isn't trimmed, folded or normalised, because its owner could not log in
    /// with a name that was silently changed.
    ///
    /// # Errors
    /// [`Error::Username`] if it begins or ends with white space, which looks the same as the
    /// name without.
    pub fn new(name: String) -> Result<Self, Error> {
        if name.trim() == name {
            Ok(Self(name))
        } else {
            Err(Error::Username)
        }
    }

    /// The name as text.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl From<Username> for String {
    fn from(name: Username) -> Self {
        name.0
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_valid_name_is_unchanged() {
        for name in ["a", "Ada Lovelace", "ADA", "æøå", "日本", "a\u{301}", "👩‍🚀"] {
            assert_eq!(Username::new(name.to_owned()).unwrap().as_str(), name);
        }
    }

    #[test]
    fn white_space_at_either_end_is_refused() {
        for name in [" ada", "ada ", "\u{a0}ada", "ada\u{3000}", " "] {
            assert!(
                matches!(Username::new(name.to_owned()), Err(Error::Username)),
                "{name:?}"
            );
        }
    }
}
