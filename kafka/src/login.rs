//! What a client logs in with, and where it comes from.

use std::time::SystemTime;

use aws_credential_types::provider::ProvideCredentials as _;
use aws_types::SdkConfig;
use trichrome_secrets::{Opener, Secret, SecretError, SecretSource, signing::SigningError};

use crate::{
    msk_iam,
    oauth::{self, TokenEndpoint},
    settings::Login,
};

/// Why there is nothing to log in with. It contains no secret.
#[derive(Debug, thiserror::Error)]
pub enum LoginError {
    /// The name or the password can't be read.
    #[error(transparent)]
    Secret(#[from] SecretError),
    /// AWS's configuration names no region.
    #[error("AWS_REGION is not set, and the AWS configuration names no region")]
    NoRegion,
    /// The AWS SDK finds no credentials.
    #[error("there are no AWS credentials")]
    NoCredentials(#[source] Box<dyn std::error::Error + Send + Sync>),
    /// Signing failed.
    #[error("cannot sign a token for MSK")]
    Signing(#[from] SigningError),
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
    Password { username: Secret, password: Secret },
    Endpoint(TokenEndpoint<Secret>),
    MskIam(Box<SdkConfig>),
}

impl Source {
    /// `None` if there is no login. `aws` is asked for only if it may be needed.
    pub(crate) async fn of(login: &Login, aws: impl AsyncFnOnce() -> SdkConfig) -> Option<Self> {
        let mut opener = Opener::new();
        match login {
            Login::Anonymous => None,
            Login::Password { username, password } => {
                let aws = config(&[username, password], aws).await;
                let mut open = |source| opener.open(source, || aws.clone());
                Some(Self::Password {
                    username: open(username.clone()),
                    password: open(password.clone()),
                })
            }
            Login::Endpoint(endpoint) => {
                let aws = config(&[&endpoint.client_id, &endpoint.client_secret], aws).await;
                let mut open = |source| opener.open(source, || aws.clone());
                Some(Self::Endpoint(TokenEndpoint {
                    url: endpoint.url.clone(),
                    scope: endpoint.scope.clone(),
                    client_id: open(endpoint.client_id.clone()),
                    client_secret: open(endpoint.client_secret.clone()),
                }))
            }
            Login::MskIam => Some(Self::MskIam(Box::new(aws().await))),
        }
    }

    /// Whether the proof may change.
    pub(crate) fn may_change(&self) -> bool {
        match self {
            Self::Password { username, password } => username.may_change() || password.may_change(),
            Self::Endpoint(_) | Self::MskIam(_) => true,
        }
    }

    /// The current proof. With `refused`, a broker has refused the one from before, so a name and a
    /// password are read again.
    pub(crate) async fn proof(&self, refused: bool) -> Result<Proof, LoginError> {
        match self {
            Self::Password { username, password } => Ok(Proof::Password {
                username: current(username, refused).await?,
                password: current(password, refused).await?,
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

/// The configuration of AWS, or an empty one if no source needs it.
async fn config(sources: &[&SecretSource], aws: impl AsyncFnOnce() -> SdkConfig) -> SdkConfig {
    if sources.iter().any(|source| source.needs_aws()) {
        aws().await
    } else {
        SdkConfig::builder().build()
    }
}

async fn current(secret: &Secret, refused: bool) -> Result<String, SecretError> {
    let mut value = secret.get().await?;
    if refused {
        value = secret.refresh(&value).await?;
    }
    Ok(value.expose().to_owned())
}
