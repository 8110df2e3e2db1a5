//! What may be a new user's name.

use crate::Error;

/// A name that a user may take. The contract has seen to its length (1 to 255) and to
/// control characters; what is left is what only a *new* name must satisfy.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Username(String);

impl Username {
    /// Takes a name as it is: nothing is trimmed, folded or normalised, because a name that
    /// was silently changed is one that its owner cannot log in with.
    ///
    /// # Errors
    /// [`Error::Username`] where it begins or ends with white space, which no reader could
    /// tell from the same name without.
    pub fn new(name: String) -> Result<Self, Error> {
        if name.trim() == name {
            Ok(Self(name))
        } else {
            Err(Error::Username)
        }
    }

    /// The name.
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
    fn keeps_a_name_as_it_is() {
        for name in ["a", "Ada Lovelace", "ADA", "æøå", "日本", "a\u{301}", "👩‍🚀"] {
            assert_eq!(Username::new(name.to_owned()).unwrap().as_str(), name);
        }
    }

    #[test]
    fn refuses_white_space_at_an_end() {
        for name in [" ada", "ada ", "\u{a0}ada", "ada\u{3000}", " "] {
            assert!(
                matches!(Username::new(name.to_owned()), Err(Error::Username)),
                "{name:?}"
            );
        }
    }
}
