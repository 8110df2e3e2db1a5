//! What a client logs in with, and where it comes from.

use std::{fs, io, path::PathBuf, time::SystemTime};

use aws_credential_types::provider::ProvideCredentials as _;
use aws_types::SdkConfig;

use crate::{
    msk_iam,
    oauth::{self, TokenEndpoint},
    settings::{Login, Text},
};

/// Why there is nothing to log in with. It contains no secret.
#[derive(Debug, thiserror::Error)]
pub enum LoginError {
    /// A file can't be read.
    #[error("cannot read {}", path.display())]
    File {
        /// The file.
        path: PathBuf,
        /// The system's error.
        source: io::Error,
    },
    /// AWS's configuration names no region.
    #[error("AWS_REGION is not set, and the AWS configuration names no region")]
    NoRegion,
    /// The AWS SDK finds no credentials.
    #[error("there are no AWS credentials")]
    NoCredentials(#[source] Box<dyn std::error::Error + Send + Sync>),
    /// Signing failed.
    #[error("cannot sign a token for MSK")]
    Signing(#[source] Box<dyn std::error::Error + Send + Sync>),
    /// The token endpoint gave no token.
    #[error("no token from {url}")]
    Endpoint {
        /// The endpoint, `KAFKA_OAUTH_TOKEN_URL`.
        url: String,
        /// The problem.
        source: Box<dyn std::error::Error + Send + Sync>,
    },
}

/// A token for SASL/OAUTHBEARER.
#[derive(Clone, PartialEq, Eq)]
pub(crate) struct Token {
    pub(crate) value: String,
    /// The name in librdkafka's log; the broker reads the principal from the token.
    pub(crate) principal: String,
    pub(crate) expires: SystemTime,
}

/// What a client logs in with.
#[derive(Clone, PartialEq, Eq)]
pub(crate) enum Proof {
    Password { username: String, password: String },
    Token(Token),
}

/// Where proofs come from.
pub(crate) enum Source {
    Files { username: Text, password: Text },
    Endpoint(TokenEndpoint),
    MskIam(Box<SdkConfig>),
}

impl Source {
    /// `None` if the login never changes.
    pub(crate) async fn of(login: &Login, aws: impl AsyncFnOnce() -> SdkConfig) -> Option<Self> {
        match login {
            Login::Anonymous => None,
            Login::Password {
                username, password, ..
            } => (username.is_file() || password.is_file()).then(|| Self::Files {
                username: username.clone(),
                password: password.clone(),
            }),
            Login::Endpoint(endpoint) => Some(Self::Endpoint(endpoint.clone())),
            Login::MskIam => Some(Self::MskIam(Box::new(aws().await))),
        }
    }

    /// The current proof.
    pub(crate) async fn proof(&self) -> Result<Proof, LoginError> {
        match self {
            Self::Files { username, password } => Ok(Proof::Password {
                username: username.read()?,
                password: password.read()?,
            }),
            Self::Endpoint(endpoint) => oauth::token(endpoint).await.map(Proof::Token),
            Self::MskIam(config) => {
                let region = config.region().ok_or(LoginError::NoRegion)?;
                let provider = config
                    .credentials_provider()
                    .ok_or_else(|| LoginError::NoCredentials("no provider".into()))?;
                let credentials = provider
                    .provide_credentials()
                    .await
                    .map_err(|error| LoginError::NoCredentials(error.into()))?;
                msk_iam::token(region.as_ref(), &credentials, SystemTime::now()).map(Proof::Token)
            }
        }
    }
}

impl Text {
    /// The value; a file's without the end of its last line.
    pub(crate) fn read(&self) -> Result<String, LoginError> {
        match self {
            Self::Value(value) => Ok(value.clone()),
            Self::File(path) => fs::read_to_string(path)
                .map(|text| text.trim_end_matches(['\r', '\n']).to_owned())
                .map_err(|source| LoginError::File {
                    path: path.clone(),
                    source,
                }),
        }
    }
}
