//! Message types: prost's structs, with serde for the JSON that travels over HTTP and Kafka.

use std::path::Path;

use anyhow::{Context as _, Result};
use prost_reflect::{DescriptorPool, Kind, MessageDescriptor};

use crate::{PACKAGES, table};

/// Writes `<package>.rs` and, for messages that hold secrets or pictures, `redacted.rs`.
pub(crate) fn generate(
    pool: &DescriptorPool,
    files: prost_types::FileDescriptorSet,
    out: &Path,
) -> Result<()> {
    let mut config = prost_build::Config::new();
    config.out_dir(out);

    let mut redacted = String::new();
    let mut hidden = Vec::new();
    for message in table::messages(pool) {
        let name = message.full_name();
        config.message_attribute(name, "#[derive(serde::Serialize, serde::Deserialize)]");
        config.message_attribute(name, "#[serde(default, deny_unknown_fields)]");
        for field in message.fields() {
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
        }
        if holds_content(&message)? {
            hidden.push(name.to_owned());
            redacted.push_str(&redacted_debug(&message));
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

/// Whether a message carries what no log may show.
fn holds_content(message: &MessageDescriptor) -> Result<bool> {
    for field in message.fields() {
        if table::rules(&field)?.hides() {
            return Ok(true);
        }
    }
    Ok(false)
}

/// A `Debug` that names the message and shows none of it.
fn redacted_debug(message: &MessageDescriptor) -> String {
    let package = message.package_name();
    debug_assert!(PACKAGES.contains(&package));
    let name = message.name();
    format!(
        "impl ::core::fmt::Debug for crate::{package}::{name} {{
    fn fmt(&self, f: &mut ::core::fmt::Formatter<'_>) -> ::core::fmt::Result {{
        f.debug_struct(\"{name}\").finish_non_exhaustive()
    }}
}}
"
    )
}
