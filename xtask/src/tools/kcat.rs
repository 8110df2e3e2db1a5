//! kcat: the machine's own, or Debian's package unpacked under `.local/`.

use std::env::consts::ARCH;

use anyhow::{Context as _, Result};

use super::{
    debian::{on_path, unpack},
    directory, lock,
};

/// With its libraries.
const PACKAGES: [&str; 3] = ["kcat", "librdkafka1", "libyajl2"];

/// The command that runs it, which is downloaded if it is missing.
///
/// # Errors
///
/// The download fails; the error says how else to get it.
pub(crate) fn command() -> Result<Vec<String>> {
    let _lock = lock("kcat")?;
    if let Some(program) = on_path("kcat") {
        return Ok(vec![program.display().to_string()]);
    }
    let folder = directory().join("kcat");
    let program = folder.join("usr/bin/kcat");
    if !program.is_file() {
        unpack(&folder, &PACKAGES)
            .context("there is no kcat: install it, so that it is on the PATH")?;
    }
    // Debian's name of this machine.
    let libraries = folder.join(format!("usr/lib/{ARCH}-linux-gnu"));
    Ok(vec![
        "env".to_owned(),
        format!("LD_LIBRARY_PATH={}", libraries.display()),
        program.display().to_string(),
    ])
}
