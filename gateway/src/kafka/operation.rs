//! Which operation a command names, and why one names none.

use trichrome_proto::{
    contract::{OPERATIONS, Operation, by_command, commands_on},
    error::{ApiError, ErrorCode},
    wire::record::OPERATION,
};

use super::format;

/// The most characters of a name that a message shows.
const SHOWN: usize = 64;

/// Finds the operation that a command names: by its header [`OPERATION`], or without one by its
/// key.
///
/// # Errors
///
/// `NOT_FOUND`, with the reason.
pub(crate) fn find(
    topic: &str,
    header: Option<&str>,
    key: Option<&[u8]>,
) -> Result<&'static Operation, ApiError> {
    let not_found = |message| ApiError::new(ErrorCode::NotFound, message);
    let (part, name) = match (header, key) {
        (Some(header), _) => (format!("the header {OPERATION:?}"), Ok(header)),
        (None, Some(key)) if !key.is_empty() => ("the key".to_owned(), std::str::from_utf8(key)),
        (None, _) => {
            return Err(not_found(format!(
                "the record names no operation; give it a header {OPERATION:?}, or a key: {}",
                names(topic)
            )));
        }
    };
    let key = key.filter(|_| header.is_none());
    if let Some(found) = key.and_then(format::of_key) {
        return Err(not_found(format!(
            "{part} is {found}; send it as plain text"
        )));
    }
    let Ok(name) = name else {
        return Err(not_found(format!(
            "{part} is not UTF-8; send it as plain text"
        )));
    };
    by_command(topic, name).ok_or_else(|| {
        let shown: String = name.chars().take(SHOWN).collect();
        let hint = hint(topic, name);
        not_found(format!(
            "{part} names no operation of topic {topic}: {shown:?}; {hint}"
        ))
    })
}

/// What to send instead of a name that no operation has.
fn hint(topic: &str, name: &str) -> String {
    let clean = name.trim_matches(|c: char| {
        c.is_whitespace() || c.is_control() || matches!(c, '"' | '\'' | '\u{feff}')
    });
    let same = |known: &str| known.eq_ignore_ascii_case(clean);
    let similar = commands_on(topic).find_map(|operation| {
        let mut keys = operation.command.keys.iter();
        // The last are the names over the other transports.
        keys.find(|key| same(key)).or_else(|| {
            let first = operation.command.keys.first();
            first.filter(|_| same(operation.function) || same(operation.method))
        })
    });
    if let Some(key) = similar {
        return if name.contains(['"', '\'']) {
            format!("send {key} without quotes")
        } else if clean.len() < name.len() {
            format!("send {key} without white space around it")
        } else {
            format!("its name is {key}")
        };
    }
    let elsewhere = OPERATIONS
        .iter()
        .find(|operation| operation.command.keys.iter().any(|key| same(key)));
    match elsewhere {
        Some(operation) => format!("that operation is on topic {}", operation.command.topic),
        None => format!("it has {}", names(topic)),
    }
}

/// The names of a topic's operations.
fn names(topic: &str) -> String {
    let names: Vec<_> = commands_on(topic)
        .filter_map(|operation| operation.command.keys.first().copied())
        .collect();
    names.join(", ")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn message(topic: &str, header: Option<&str>, key: Option<&[u8]>) -> String {
        let error = find(topic, header, key).unwrap_err();
        assert_eq!(error.code, ErrorCode::NotFound);
        error.message
    }

    #[test]
    fn the_header_counts_before_the_key() {
        let found = |header, key| find("auth", header, key).map(|operation| operation.function);
        assert_eq!(found(Some("login"), None), Ok("auth-login"));
        assert_eq!(found(Some("login"), Some(b"signup")), Ok("auth-login"));
        assert_eq!(found(Some("login"), Some(b"\xff")), Ok("auth-login"));
        assert_eq!(found(None, Some(b"signup")), Ok("auth-signup"));
        assert!(found(Some(""), Some(b"signup")).is_err());
        assert!(found(Some("paint"), Some(b"signup")).is_err());
    }

    #[test]
    fn a_message_names_the_cause() {
        for (key, cause) in [
            (None, "the record names no operation"),
            (Some(b"".as_slice()), "the record names no operation"),
            (
                Some(b"\"login\""),
                "\"\\\"login\\\"\"; send login without quotes",
            ),
            (
                Some(b"login\r"),
                "\"login\\r\"; send login without white space",
            ),
            (Some(b" login"), "send login without white space"),
            (
                Some("\u{feff}login".as_bytes()),
                "send login without white space",
            ),
            (Some(b"Login"), "\"Login\"; its name is login"),
            (Some(b"auth-login"), "its name is login"),
            (Some(b"getpicture"), "that operation is on topic pictures"),
            (Some(b"paint"), "\"paint\"; it has signup, login"),
            (
                Some(b"\0\0\0\0\x07login"),
                "schema registry's framing, with schema id 7",
            ),
            (Some(b"l\0o\0g\0i\0n\0"), "in UTF-16"),
            (Some(b"\xff\xfel\0"), "in UTF-16"),
            (Some(b"log\xe9n"), "not UTF-8"),
        ] {
            let message = message("auth", None, key);
            assert!(message.contains(cause), "{message:?} lacks {cause:?}");
        }
        let header = message("auth", Some("Login"), Some(b"login"));
        assert!(
            header.starts_with("the header \"operation\" names no"),
            "{header}"
        );
    }

    #[test]
    fn a_long_name_is_shortened() {
        let message = message("auth", Some(&"x".repeat(10_000)), None);
        assert!(message.len() < 500, "{message}");
    }
}
