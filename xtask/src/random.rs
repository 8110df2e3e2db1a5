//! Random texts, for passwords and tokens.

use std::{fs::File, io::Read as _};

use anyhow::{Context as _, Result};
use base64::{Engine as _, prelude::BASE64_URL_SAFE_NO_PAD};

/// 24 random letters, digits, `-` and `_`: 144 bits.
pub(crate) fn text() -> Result<String> {
    let mut bytes = [0; 18];
    File::open("/dev/urandom")
        .and_then(|mut random| random.read_exact(&mut bytes))
        .context("cannot read /dev/urandom")?;
    Ok(BASE64_URL_SAFE_NO_PAD.encode(bytes))
}
