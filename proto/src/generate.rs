//! Files generated from the operation table. `cargo xtask generate` writes them; a test checks
//! that they are current.

mod asyncapi;
mod openapi;
mod schemas;
mod template;

use std::fmt::Write as _;

use serde_json::Value;

pub use asyncapi::asyncapi;
pub use openapi::openapi;
pub use template::resource as template_resource;

use crate::contract::{Access, OPERATIONS, TRIGGERS};

/// Marks the line before generated text in a file that is edited by hand.
pub const BEGIN: &str = "BEGIN GENERATED: cargo xtask generate";
/// Marks the line after generated text.
pub const END: &str = "END GENERATED";

/// The files that contain generated text, from the workspace's root, each with the texts
/// between its markers.
pub fn parts() -> [(&'static str, Vec<String>); 2] {
    [
        ("README.md", vec![operations_table()]),
        (
            "template.yaml",
            vec![template::gateway_functions(), template::alarms()],
        ),
    ]
}

/// The files that are generated as a whole, from the workspace's root, each with its text.
///
/// # Errors
///
/// A document can't be serialised. They consist of texts, lists and objects, which always can.
pub fn documents() -> serde_json::Result<[(&'static str, String); 2]> {
    Ok([
        ("proto/openapi.json", text(&openapi())?),
        ("proto/asyncapi.json", text(&asyncapi())?),
    ])
}

/// The text of a document's file.
///
/// # Errors
///
/// As [`documents`].
pub fn text(document: &Value) -> serde_json::Result<String> {
    Ok(serde_json::to_string_pretty(document)? + "\n")
}

/// Replaces the text between each pair of markers, in order. `None` if the file doesn't have
/// one pair for each text.
pub fn splice(file: &str, texts: &[String]) -> Option<String> {
    let mut spliced = String::new();
    let mut rest = file;
    for text in texts {
        let begin = rest.find(BEGIN)?;
        let from = begin + rest[begin..].find('\n')? + 1;
        let end = from + rest[from..].find(END)?;
        let to = rest[..end].rfind('\n')? + 1;
        spliced.push_str(&rest[..from]);
        spliced.push_str(text);
        rest = &rest[to..];
    }
    (!rest.contains(BEGIN)).then(|| spliced + rest)
}

/// The README's table of operations.
fn operations_table() -> String {
    let mut text = String::from(
        "| what it does | REST | gRPC | Kafka topic: key | function | who |\n|---|---|---|---|---|---|\n",
    );
    for operation in OPERATIONS {
        let who = match operation.access {
            Access::Public => "anyone",
            Access::User => "any user",
            Access::Owner => "the owner",
        };
        let _ = writeln!(
            text,
            "| {} | `{} {}` | `{}/{}` | `{}`: `{}` | `{}` | {who} |",
            operation.doc.trim_end_matches('.'),
            operation.http.method,
            operation.http.path,
            operation.grpc_service,
            operation.method,
            operation.command.topic,
            operation.command.keys.join("`, `"),
            operation.function,
        );
    }
    for trigger in TRIGGERS {
        let _ = writeln!(
            text,
            "| Stores call logs, in batches | | | `{}` | `{}` | the Kafka trigger |",
            trigger.topic, trigger.function
        );
    }
    text
}

#[cfg(test)]
mod tests {
    use std::{fs, path::Path};

    use super::*;

    fn read(path: &str) -> String {
        let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("..");
        fs::read_to_string(root.join(path)).unwrap()
    }

    #[test]
    fn generated_files_are_current() {
        const REMEDY: &str = "is out of date: run `cargo xtask generate`";
        for (path, text) in documents().unwrap() {
            assert!(read(path) == text, "{path} {REMEDY}");
        }
        for (path, texts) in parts() {
            let file = read(path);
            assert!(splice(&file, &texts).unwrap() == file, "{path} {REMEDY}");
        }
    }

    #[test]
    fn splicing_keeps_the_other_lines() {
        let file = format!("a\n# {BEGIN}\nold\n# {END}\nb\n  # {BEGIN}\n  # {END}\nc\n");
        let expected = format!("a\n# {BEGIN}\n1\n# {END}\nb\n  # {BEGIN}\n2\n  # {END}\nc\n");
        let texts = ["1\n".to_owned(), "2\n".to_owned()];
        assert_eq!(splice(&file, &texts).unwrap(), expected);
        assert_eq!(splice(&file, &texts[..1]), None, "a pair without a text");
        assert_eq!(splice("no markers", &texts), None);
    }
}
