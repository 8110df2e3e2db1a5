//! The secret with the private key, and its copies in files.

use std::{
    fs::{self, OpenOptions},
    io::Write as _,
    os::unix::fs::OpenOptionsExt as _,
    path::Path,
};

use anyhow::Context as _;
use aws_config::SdkConfig;
use aws_sdk_secretsmanager::Client;

use crate::key::TokenKey;

/// Returns the key in the secret. A missing secret is created from the key in the file `kept`,
/// so that tokens stay valid if a local AWS loses its state, or else from a new key.
///
/// # Errors
///
/// Secrets Manager can't be reached, or the secret isn't a token key.
pub async fn ensure(aws: &SdkConfig, id: &str, kept: Option<&Path>) -> anyhow::Result<TokenKey> {
    let client = Client::new(aws);
    match client.get_secret_value().secret_id(id).send().await {
        Ok(found) => {
            let text = found.secret_string.context("the secret has no text")?;
            return TokenKey::parse(&text);
        }
        Err(error)
            if error
                .as_service_error()
                .is_some_and(|error| error.is_resource_not_found_exception()) => {}
        Err(error) => return Err(error).context("get secret"),
    }
    let key = kept_or_new(kept)?;
    client
        .create_secret()
        .name(id)
        .secret_string(key.to_text()?)
        .send()
        .await
        .context("create secret")?;
    Ok(key)
}

/// Returns the key in the file `kept` if it exists, or else a new key.
///
/// # Errors
///
/// The file isn't a token key.
pub fn kept_or_new(kept: Option<&Path>) -> anyhow::Result<TokenKey> {
    match kept.filter(|path| path.exists()) {
        Some(path) => {
            let text = fs::read_to_string(path)?;
            TokenKey::parse(&text)
                .with_context(|| format!("{} isn't a token key; remove it", path.display()))
        }
        None => TokenKey::generate(),
    }
}

/// Writes the public keys.
///
/// # Errors
///
/// The file can't be written.
pub fn write_jwks(key: &TokenKey, path: &Path) -> anyhow::Result<()> {
    fs::write(path, key.jwks()?.to_string())
        .with_context(|| format!("write the public keys to {}", path.display()))
}

/// Writes the private key, readable by its owner only.
///
/// # Errors
///
/// The file can't be written.
pub fn write_key(key: &TokenKey, path: &Path) -> anyhow::Result<()> {
    let what = || format!("write the private key to {}", path.display());
    // The mode applies only to a new file.
    if path.exists() {
        fs::remove_file(path).with_context(what)?;
    }
    let text = key.to_text()?;
    OpenOptions::new()
        .write(true)
        .create_new(true)
        .mode(0o600)
        .open(path)
        .and_then(|mut file| file.write_all(text.as_bytes()))
        .with_context(what)
}
