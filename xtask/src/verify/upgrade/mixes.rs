//! Mixes of programs of version 0.1 and this one, and what its tests can't pass there.

use anyhow::{Result, ensure};

/// A mix of versions.
pub(super) struct Mix {
    /// The folder of its logs.
    pub(super) name: &'static str,
    /// The prefix of the objects of pictures that it stores.
    pub(super) originals: &'static str,
    exceptions: &'static [Exception],
}

/// Tests that are left out. Each reason is in `CHANGELOG.md`.
struct Exception {
    /// A part of their names.
    tests: &'static str,
    /// The beginnings of the transports, if not all.
    over: &'static [&'static str],
    reason: &'static str,
}

impl Mix {
    /// What is left out and why, a line for each exception.
    pub(super) fn reasons(&self) -> String {
        let lines = self
            .exceptions
            .iter()
            .map(|it| format!("  {}: {}", it.tests, it.reason));
        lines.collect::<Vec<_>>().join("\n")
    }

    /// Parts of the names of the tests that are left out, of those that there are.
    ///
    /// # Errors
    ///
    /// There is no such test.
    pub(super) fn skipped(&self, tests: &[String]) -> Result<Vec<String>> {
        let mut skipped = Vec::new();
        for exception in self.exceptions {
            let name = exception.tests;
            match exception.over {
                [] => skipped.push(name.to_owned()),
                over => skipped.extend(over.iter().map(|over| format!("{name}::{over}"))),
            }
        }
        for name in &skipped {
            let exists = tests.iter().any(|test| test.contains(name));
            ensure!(exists, "version 0.1 has no test {name}");
        }
        Ok(skipped)
    }
}

const fn all(tests: &'static str, reason: &'static str) -> Exception {
    Exception {
        tests,
        over: &[],
        reason,
    }
}

/// Tests of the fields of a function.
const fn fields(tests: &'static str, over: &'static [&'static str]) -> Exception {
    Exception {
        tests,
        over,
        reason: "JSON is read as ProtoJSON, which takes more forms of a field",
    }
}

/// The transports with JSON.
const JSON: &[&str] = &["rest", "facade", "kafka"];

const WORDS: &str = "the message has other words";

const EVENT_ID: &str = "the EventId of a command without one ends with its timestamp";

/// A gateway of version 0.1 and functions of this version.
pub(super) const OLD_GATEWAY: Mix = Mix {
    name: "old gateway",
    originals: "originals/",
    exceptions: &[
        all(
            "accounts::a_deleted_user_is_gone",
            "the token of a deleted user is refused",
        ),
        all("accounts::names_are_any_text", "new names have no symbols"),
        fields("bad_fields::analytics-get", JSON),
        fields("bad_fields::analytics-log", JSON),
        fields("bad_fields::auth-validate", JSON),
        fields("bad_fields::pictures-create", JSON),
        fields("bad_fields::pictures-delete", JSON),
        fields("bad_fields::pictures-get", JSON),
        fields("bad_fields::pictures-list", JSON),
        fields("bad_fields::users-delete", JSON),
        fields("bad_fields::users-get", JSON),
        all(
            "bad_pictures::every_spelling_of_base64_is_taken",
            "a picture that was stored as a data URL is answered as one",
        ),
        all("bad_pictures::what_is_no_picture_is_refused", WORDS),
        all("bad_pictures::what_is_not_base64_is_refused", WORDS),
    ],
};

/// Functions of version 0.1 and a gateway of this version.
pub(super) const OLD_FUNCTIONS: Mix = Mix {
    name: "old functions",
    originals: "",
    exceptions: &[
        all(
            "bad_bodies::what_is_no_json_object_is_refused::facade",
            WORDS,
        ),
        fields("bad_fields::analytics-get", &["facade_events", "kafka"]),
        fields("bad_fields::analytics-log", &["facade"]),
        fields("bad_fields::pictures-delete", &["kafka"]),
        fields("bad_fields::pictures-get", &["kafka"]),
        fields("bad_fields::pictures-list", &["facade_events", "kafka"]),
        fields("bad_fields::users-delete", &["kafka"]),
        fields("bad_fields::users-get", &["kafka"]),
        all("events::a_bare_command_is_answered", EVENT_ID),
        all("events::a_dead_letter_has_no_token", EVENT_ID),
        all("events::a_failure_is_answered_with_its_status", EVENT_ID),
        all("events::an_unknown_key_is_put_aside", EVENT_ID),
        all("events::every_key_names_its_operation", EVENT_ID),
        all("events::garbage_is_put_aside", EVENT_ID),
        all("gateway::metrics_", "metrics have a port of their own"),
        all(
            "gateway::serves_the_contracts_openapi_document",
            "the contract has grown",
        ),
    ],
};

#[cfg(test)]
mod tests {
    use super::*;

    const MIX: Mix = Mix {
        name: "",
        originals: "",
        exceptions: &[all("a::b", ""), fields("c::d", &["rest"])],
    };

    #[test]
    fn tests_are_left_out_by_name_and_transport() {
        let tests = ["a::b::kafka", "c::d::rest", "c::d::grpc"].map(str::to_owned);
        assert_eq!(MIX.skipped(&tests).unwrap(), ["a::b", "c::d::rest"]);
    }

    #[test]
    fn an_exception_without_a_test_is_an_error() {
        let tests = ["a::b::kafka", "c::d::grpc"].map(str::to_owned);
        assert!(MIX.skipped(&tests).is_err());
    }
}
