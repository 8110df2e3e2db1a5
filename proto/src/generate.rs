//! What is written out from the table: the OpenAPI document, the local API's routes, and
//! the README's table. `cargo xtask generate` writes them; a test holds them current.

mod openapi;

use std::fmt::Write as _;

pub use openapi::openapi;

use crate::contract::{Access, OPERATIONS, TRIGGERS};

/// The lines between which generated text stands in a file that people write.
pub const BEGIN: &str = "BEGIN GENERATED: cargo xtask generate";
/// The line after it.
pub const END: &str = "END GENERATED";

/// Each file that holds generated text, from the workspace's root, and that text with its
/// markers' comment style; `openapi.json` is generated whole.
pub fn parts() -> [(&'static str, String); 2] {
    [
        ("Cargo.toml", watch_routes()),
        ("README.md", operations_table()),
    ]
}

/// `openapi.json`'s text.
///
/// # Errors
///
/// The document does not serialise; it is made of texts, lists and objects alone.
pub fn openapi_text() -> serde_json::Result<String> {
    Ok(serde_json::to_string_pretty(&openapi())? + "\n")
}

/// `file` with `text` in the place of what stands between the markers; `None` where they
/// are missing.
pub fn splice(file: &str, text: &str) -> Option<String> {
    let begin = file.find(BEGIN)?;
    let from = begin + file[begin..].find('\n')? + 1;
    let end = from + file[from..].find(END)?;
    let to = file[..end].rfind('\n')? + 1;
    Some(format!("{}{text}{}", &file[..from], &file[to..]))
}

/// `[workspace.metadata.lambda.watch.router]`: cargo-lambda's local API.
fn watch_routes() -> String {
    let mut paths: Vec<&str> = Vec::new();
    for operation in OPERATIONS {
        if !paths.contains(&operation.http.path) {
            paths.push(operation.http.path);
        }
    }
    let mut text = String::new();
    for path in paths {
        let methods: Vec<_> = OPERATIONS
            .iter()
            .filter(|operation| operation.http.path == path)
            .map(|operation| {
                format!(
                    "    {{ method = \"{}\", function = \"{}\" }},\n",
                    operation.http.method, operation.function
                )
            })
            .collect();
        let _ = writeln!(text, "\"{path}\" = [\n{}]", methods.concat());
    }
    text
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
    fn what_is_generated_is_current() {
        const REMEDY: &str = "is not current: run `cargo xtask generate`";
        assert!(
            read("proto/openapi.json") == openapi_text().unwrap(),
            "proto/openapi.json {REMEDY}"
        );
        for (path, text) in parts() {
            let file = read(path);
            assert!(splice(&file, &text).unwrap() == file, "{path} {REMEDY}");
        }
    }

    #[test]
    fn splicing_keeps_what_people_wrote() {
        let file = format!("before\n# {BEGIN}\nold\n# {END}\nafter\n");
        let expected = format!("before\n# {BEGIN}\nnew\n# {END}\nafter\n");
        assert_eq!(splice(&file, "new\n").unwrap(), expected);
        assert_eq!(splice("no markers", "new\n"), None);
    }
}
