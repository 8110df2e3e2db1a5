//! Message types: prost's structs, with serde for the JSON that travels over HTTP and Kafka.

use std::path::Path;

use anyhow::{Context as _, Result};
use prost_reflect::Kind;

use crate::contract::{Contract, Field, Message};

/// Writes `<package>.rs` and, for messages that hold secrets or pictures, `redacted.rs`.
pub(crate) fn generate(
    contract: &Contract,
    files: prost_types::FileDescriptorSet,
    out: &Path,
) -> Result<()> {
    let mut config = prost_build::Config::new();
    config.out_dir(out);

    let mut redacted = String::new();
    let mut hidden = Vec::new();
    for message in &contract.messages {
        let name = message.descriptor.full_name();
        config.message_attribute(name, "#[derive(serde::Serialize, serde::Deserialize)]");
        config.message_attribute(name, "#[serde(default, deny_unknown_fields)]");
        for field in message.descriptor.fields() {
            let path = format!("{name}.{}", field.name());
            if let Kind::Message(kind) = field.kind()
                && !field.is_list()
            {
                config
                    .field_attribute(&path, "#[serde(skip_serializing_if = \"Option::is_none\")]");
                if kind.full_name() == "google.protobuf.Timestamp" {
                    config.field_attribute(&path, "#[serde(with = \"crate::timestamp\")]");
                }
            }
            if matches!(field.kind(), Kind::Bytes) {
                config.field_attribute(&path, "#[serde(with = \"crate::bytes\")]");
            }
        }
        if message.fields.iter().any(is_hidden) {
            hidden.push(name.to_owned());
            redacted.push_str(&redacted_debug(message));
        }
    }
    config.skip_debug(hidden);
    std::fs::write(out.join("redacted.rs"), redacted)?;

    #[cfg(feature = "client")]
    tonic_prost_build::configure()
        .build_server(false)
        .out_dir(out)
        .compile_fds_with_config(files, config)
        .context("message types and clients")?;
    #[cfg(not(feature = "client"))]
    config.compile_fds(files).context("message types")?;
    Ok(())
}

/// Whether a field's values must not be logged: bytes are always a file.
fn is_hidden(field: &Field) -> bool {
    field.rules.hides() || matches!(field.descriptor.kind(), Kind::Bytes)
}

/// A `Debug` that prints the message's name alone.
fn redacted_debug(message: &Message) -> String {
    let package = message.descriptor.package_name();
    let name = message.descriptor.name();
    format!(
        "impl ::core::fmt::Debug for crate::{package}::{name} {{
    fn fmt(&self, f: &mut ::core::fmt::Formatter<'_>) -> ::core::fmt::Result {{
        f.debug_struct(\"{name}\").finish_non_exhaustive()
    }}
}}
"
    )
}
