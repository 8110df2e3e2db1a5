//! Random bytes and texts, such as passwords.

use std::{fs::File, io::Read as _};

use anyhow::{Context as _, Result};
use base64::{Engine as _, prelude::BASE64_URL_SAFE_NO_PAD};

/// Random bytes.
pub(crate) fn bytes<const N: usize>() -> Result<[u8; N]> {
    let mut bytes = [0; N];
    File::open("/dev/urandom")
        .and_then(|mut random| random.read_exact(&mut bytes))
        .context("cannot read /dev/urandom")?;
    Ok(bytes)
}

/// 24 random letters, digits, `-` and `_`: 144 bits.
pub(crate) fn text() -> Result<String> {
    Ok(BASE64_URL_SAFE_NO_PAD.encode(bytes::<18>()?))
}
