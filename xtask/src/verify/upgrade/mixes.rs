//! Mixes of programs of version 0.1 and this one, and what its tests can't pass there.

/// A mix of versions.
pub(super) struct Mix {
    /// The folder of its logs.
    pub(super) name: &'static str,
    /// The prefix of the objects of pictures that it stores.
    pub(super) originals: &'static str,
    /// Parts of the names of tests that are left out, and why: each is a change in `CHANGELOG.md`.
    pub(super) exceptions: &'static [(&'static str, &'static str)],
}

/// A gateway of version 0.1 and functions of this version.
pub(super) const OLD_GATEWAY: Mix = Mix {
    name: "old gateway",
    originals: "originals/",
    exceptions: &[
        (
            "accounts::a_deleted_user_is_gone",
            "the token of a deleted user is refused",
        ),
        ("accounts::names_are_any_text", "new names have no symbols"),
        ("bad_fields::analytics-", PROTO_JSON),
        ("bad_fields::auth-validate::", PROTO_JSON),
        ("bad_fields::pictures-", PROTO_JSON),
        ("bad_fields::users-delete::", PROTO_JSON),
        ("bad_fields::users-get::", PROTO_JSON),
        (
            "bad_pictures::every_spelling_of_base64_is_taken",
            "a picture that was stored as a data URL is answered as one",
        ),
        ("bad_pictures::what_is_no_picture_is_refused", WORDS),
        ("bad_pictures::what_is_not_base64_is_refused", WORDS),
    ],
};

/// Functions of version 0.1 and a gateway of this version.
pub(super) const OLD_FUNCTIONS: Mix = Mix {
    name: "old functions",
    originals: "",
    exceptions: &[
        (
            "bad_bodies::what_is_no_json_object_is_refused::facade",
            WORDS,
        ),
        ("bad_fields::analytics-get::", PROTO_JSON),
        ("bad_fields::analytics-log::facade", PROTO_JSON),
        ("bad_fields::pictures-delete::kafka", PROTO_JSON),
        ("bad_fields::pictures-get::kafka", PROTO_JSON),
        ("bad_fields::pictures-list::", PROTO_JSON),
        ("bad_fields::users-delete::kafka", PROTO_JSON),
        ("bad_fields::users-get::kafka", PROTO_JSON),
        ("events::a_bare_command_is_answered", EVENT_ID),
        ("events::a_dead_letter_has_no_token", EVENT_ID),
        ("events::a_failure_is_answered_with_its_status", EVENT_ID),
        ("events::an_unknown_key_is_put_aside", EVENT_ID),
        ("events::every_key_names_its_operation", EVENT_ID),
        ("events::garbage_is_put_aside", EVENT_ID),
        ("gateway::metrics_", "metrics have a port of their own"),
        (
            "gateway::serves_the_contracts_openapi_document",
            "the contract has grown",
        ),
    ],
};

const PROTO_JSON: &str = "JSON is read as ProtoJSON, which takes more forms of a field";

const WORDS: &str = "the message has other words";

const EVENT_ID: &str = "the EventId of a command without one ends with its timestamp";
