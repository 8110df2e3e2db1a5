//! Names of users: the form in which they are stored, and what a new name must satisfy.

use precis_profiles::{UsernameCasePreserved, precis_core::profile::PrecisFastInvocation as _};
use unicode_normalization::UnicodeNormalization as _;

use crate::Error;

/// A name in its PRECIS form (RFC 8265): words of the profile UsernameCasePreserved, with one
/// space between them (section 3.5). Names that differ only in how Unicode encodes them have one
/// form. Case matters, as it always did here.
///
/// The profile allows letters, digits, marks and visible ASCII. It has no symbols, no invisible
/// characters, no bidi controls and no mixture of directions within a word, and knows the
/// characters of Unicode 6.3.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Username(String);

impl Username {
    /// The form of a name.
    ///
    /// # Errors
    /// [`Error::Username`] if the profile doesn't allow it. Such a name can't be given to a new
    /// user, but may be an older one's.
    pub fn new(name: &str) -> Result<Self, Error> {
        // The profile refuses the parts of Hangul that NFD separates, so they are composed first.
        let composed: String = name.nfc().collect();
        let words = composed
            .split(' ')
            .map(UsernameCasePreserved::enforce)
            .collect::<Result<Vec<_>, _>>()
            .map_err(|_| Error::Username)?;
        Ok(Self(words.join(" ")))
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

    fn form(name: &str) -> String {
        Username::new(name).unwrap().into()
    }

    #[test]
    fn a_name_in_its_form_is_unchanged() {
        for name in [
            "a",
            "Ada Lovelace",
            "ADA",
            "æøå",
            "日本",
            "한글",
            "שלום",
            "می\u{200c}خواهم",
            "a-b_c.d+e@f.g",
            "&?=/% \" \\",
        ] {
            assert_eq!(form(name), name);
        }
    }

    #[test]
    fn one_name_has_one_form() {
        for (name, expected) in [
            ("Zoe\u{308}", "Zoë"),
            ("\u{1112}\u{1161}\u{11ab}", "한"),
            ("\u{212b}ngström", "Ångström"),
            ("ＡＤＡ", "ADA"),
            ("ｶﾞ", "ガ"),
        ] {
            assert_eq!(form(name), expected);
            assert_eq!(form(expected), expected);
        }
    }

    #[test]
    fn what_cannot_be_seen_is_refused() {
        for invisible in [
            "\u{200b}",
            "\u{2800}",
            "\u{3164}",
            "\u{feff}",
            "\u{ad}",
            "\u{202e}",
            "\u{2066}",
            "\u{200f}",
            "\u{61c}",
            "\u{200d}",
            "\u{2060}",
            "\u{fe0f}",
            "\u{115f}",
            "\u{ffa0}",
            "\u{e0041}",
            "\u{1}",
        ] {
            for name in [invisible.to_owned(), format!("a{invisible}b")] {
                let refused = Username::new(&name);
                assert!(matches!(refused, Err(Error::Username)), "{name:?}");
            }
        }
    }

    #[test]
    fn symbols_and_mixed_directions_are_refused() {
        for name in ["🦀", "☠", "אa"] {
            assert!(Username::new(name).is_err(), "{name:?}");
        }
    }

    #[test]
    fn words_have_one_space_between_them() {
        for name in [
            "",
            " ",
            " ada",
            "ada ",
            "a  b",
            "\u{a0}ada",
            "ada\u{3000}",
            "a\u{2003}b",
            "a\tb",
        ] {
            assert!(Username::new(name).is_err(), "{name:?}");
        }
    }
}
