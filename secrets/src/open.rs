//! Secrets, made of their sources.

use std::path::PathBuf;

#[cfg(feature = "aws")]
use aws_types::SdkConfig;
use zeroize::Zeroizing;

use crate::{
    error::Failed,
    file,
    secret::{Fetched, Secret},
    source::{Place, SecretSource},
};

/// Opens sources. Those in one Vault share its login, so open all of a program's secrets with one.
#[derive(Default)]
pub struct Opener {
    #[cfg(feature = "vault")]
    vaults: Vec<std::sync::Arc<crate::vault::Vault>>,
}

impl Opener {
    /// Creates an opener.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// A secret from this source. Nothing is read yet. `aws`, with region and credentials, is asked
    /// for only if the source needs it.
    #[cfg(feature = "aws")]
    pub fn open(&mut self, source: SecretSource, aws: impl FnOnce() -> SdkConfig) -> Secret {
        let reader = match source.place {
            Place::SecretsManager { id, key } => {
                Reader::SecretsManager(crate::secrets_manager::SecretsManager::new(&aws(), id, key))
            }
            #[cfg(feature = "vault")]
            Place::Vault(location, settings) => {
                let found = self.vaults.iter().find(|it| it.is_at(&location));
                let vault = found.cloned().unwrap_or_else(|| {
                    let vault = crate::vault::Vault::new(&location, *settings, aws);
                    let vault = std::sync::Arc::new(vault);
                    self.vaults.push(std::sync::Arc::clone(&vault));
                    vault
                });
                Reader::Vault(vault, location)
            }
            Place::Value(text) => Reader::Value(text),
            Place::File(path) => Reader::File(path),
        };
        Secret::new(source.variable, reader)
    }

    /// A secret from this source. Nothing is read yet.
    #[cfg(not(feature = "aws"))]
    pub fn open(&mut self, source: SecretSource) -> Secret {
        let reader = match source.place {
            Place::Value(text) => Reader::Value(text),
            Place::File(path) => Reader::File(path),
        };
        Secret::new(source.variable, reader)
    }
}

/// Reads a source.
pub(crate) enum Reader {
    Value(Zeroizing<String>),
    File(PathBuf),
    #[cfg(feature = "aws")]
    SecretsManager(crate::secrets_manager::SecretsManager),
    #[cfg(feature = "vault")]
    Vault(std::sync::Arc<crate::vault::Vault>, crate::vault::Location),
    /// Answers, the next one last.
    #[cfg(test)]
    Replayed(std::sync::Mutex<Vec<Result<Fetched, Failed>>>),
}

impl Reader {
    pub(crate) async fn read(&self) -> Result<Fetched, Failed> {
        match self {
            Self::Value(text) => Ok(Fetched {
                text: text.clone(),
                lease: None,
            }),
            Self::File(path) => match file::read(path) {
                Ok(text) => Ok(Fetched { text, lease: None }),
                // A file that is being replaced may be gone for a moment.
                Err(error) => Err(Failed::transient(error)),
            },
            #[cfg(feature = "aws")]
            Self::SecretsManager(reader) => reader.read().await,
            #[cfg(feature = "vault")]
            Self::Vault(vault, location) => vault.read(location).await,
            #[cfg(test)]
            Self::Replayed(answers) => {
                // As over a network: other callers get to run.
                tokio::task::yield_now().await;
                let answer = answers.lock().unwrap().pop();
                answer.unwrap_or_else(|| Err(Failed::transient("no more answers")))
            }
        }
    }
}
