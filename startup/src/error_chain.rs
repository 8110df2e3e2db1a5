//! An error with its causes on one line.

use std::error::Error;

/// Formats an error and its sources as `error: cause: cause`. A cause that the text contains
/// already is left out, because some errors print their source themselves.
#[must_use]
pub fn error_chain(error: &dyn Error) -> String {
    let mut text = error.to_string();
    let mut source = error.source();
    while let Some(cause) = source {
        let cause_text = cause.to_string();
        if !contains_phrase(&text, &cause_text) {
            text.push_str(": ");
            text.push_str(&cause_text);
        }
        source = cause.source();
    }
    text
}

/// Whether `text` contains `phrase` as whole words; every text contains an empty one.
fn contains_phrase(text: &str, phrase: &str) -> bool {
    phrase.is_empty()
        || text.match_indices(phrase).any(|(start, _)| {
            let before = text[..start].chars().next_back();
            let after = text[start + phrase.len()..].chars().next();
            !before.is_some_and(char::is_alphanumeric) && !after.is_some_and(char::is_alphanumeric)
        })
}

#[cfg(test)]
mod tests {
    use std::fmt;

    use super::*;

    /// An error with a text of its own and, after the first, a cause for each further text.
    #[derive(Debug)]
    struct Chain(&'static str, Option<Box<Chain>>);

    impl fmt::Display for Chain {
        fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
            f.write_str(self.0)
        }
    }

    impl Error for Chain {
        fn source(&self) -> Option<&(dyn Error + 'static)> {
            self.1.as_deref().map(|cause| cause as _)
        }
    }

    fn printed(texts: &[&'static str]) -> String {
        let chain = texts
            .iter()
            .rev()
            .fold(None, |cause, text| Some(Box::new(Chain(text, cause))));
        error_chain(chain.unwrap().as_ref())
    }

    #[test]
    fn causes_follow_the_error() {
        assert_eq!(printed(&["no users"]), "no users");
        assert_eq!(
            printed(&["no users", "store failed", "connection refused"]),
            "no users: store failed: connection refused"
        );
    }

    #[test]
    fn a_cause_that_is_printed_already_is_left_out() {
        let nested = ["store failed: i/o: refused", "i/o", "refused"];
        assert_eq!(printed(&nested), "store failed: i/o: refused");
        assert_eq!(
            printed(&["failed (refused)", "refused", "port 1"]),
            "failed (refused): port 1"
        );
        assert_eq!(printed(&["failed", ""]), "failed");
    }

    #[test]
    fn a_part_of_a_word_is_no_cause() {
        assert_eq!(printed(&["timeouts", "timeout"]), "timeouts: timeout");
    }
}
