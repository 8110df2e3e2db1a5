//! The database: where its address comes from, and how to log in.

mod address;
mod iam;

use aws_types::SdkConfig;
use sqlx::postgres::PgConnectOptions;
use trichrome_secrets::{Forms, Opener, Secret, SecretError, SecretSource, Value};
use trichrome_startup::Variables;

use self::{
    address::{Address, Endpoint},
    iam::Iam,
};

/// The variables of the database's address.
const URL: Forms = Forms::source("DATABASE_URL").or_value();
const ENDPOINT: &str = "DATABASE_ENDPOINT";
const AUTH: &str = "DATABASE_AUTH";

/// Where a database's address comes from, and how to log in, as the environment says.
#[derive(Clone, Debug)]
pub struct DatabaseSource {
    url: SecretSource,
    endpoint: Option<Endpoint>,
    uses_iam: bool,
}

/// A Postgres database and how to reach it.
#[derive(Clone, Debug)]
pub struct Database {
    url: Secret,
    endpoint: Option<Endpoint>,
    iam: Option<Iam>,
}

/// A database's address, as it was when it was read.
#[derive(Clone, Debug)]
pub(crate) struct Target {
    address: Address,
    iam: Option<Iam>,
    secret: Value,
}

/// Why a database has no address. No part of the secret is in it.
#[derive(Debug, thiserror::Error)]
pub enum DatabaseError {
    /// The secret can't be read.
    #[error(transparent)]
    Secret(#[from] SecretError),
    /// The secret is no address of a database.
    #[error("{variable}: the secret {problem}")]
    Address {
        /// The variable that names the secret.
        variable: String,
        /// What is wrong.
        problem: &'static str,
    },
    /// There is no token for `DATABASE_AUTH=iam`.
    #[error("no token for a login by IAM")]
    Iam(#[source] Box<dyn std::error::Error + Send + Sync>),
}

impl DatabaseError {
    /// Whether the next attempt may succeed.
    pub(crate) const fn is_transient(&self) -> bool {
        match self {
            Self::Secret(error) => error.is_transient(),
            Self::Address { .. } | Self::Iam(_) => false,
        }
    }
}

impl DatabaseSource {
    /// Reads `DATABASE_URL` or `DATABASE_URL_SOURCE`; `DATABASE_ENDPOINT` (`host:port/name`),
    /// which takes the place of the one in the secret, or completes it; and `DATABASE_AUTH`, `password` (default)
    /// or `iam` (tokens of Amazon RDS). Problems are recorded there; then there is no source. What
    /// is in a store is read, and checked, at first use.
    pub fn read(variables: &mut Variables<'_>) -> Option<Self> {
        let endpoint = variables.parse(
            ENDPOINT,
            "host:port/name, such as db.internal:5432/trichrome",
        );
        let uses_iam = variables.optional_with(AUTH, "password or iam", |text| match text {
            "password" => Some(false),
            "iam" => Some(true),
            _ => None,
        });
        let source = Self {
            url: SecretSource::read(variables, URL)?,
            endpoint,
            uses_iam: uses_iam.unwrap_or_default(),
        };
        if let Some(text) = source.url.local()
            && let Err(problem) = Address::parse(&text, source.endpoint.as_ref(), source.uses_iam)
        {
            variables.problem(source.url.variable(), problem);
            return None;
        }
        Some(source)
    }

    /// The database. `aws`, with region and credentials, is asked for if the source or the login
    /// needs it.
    pub fn open(self, mut aws: impl FnMut() -> SdkConfig) -> Database {
        Database {
            iam: self.uses_iam.then(|| Iam::new(&aws())),
            url: Opener::new().open(self.url, aws),
            endpoint: self.endpoint,
        }
    }
}

impl Database {
    /// Takes the place of a missing or invalid source until the start fails.
    pub(crate) fn placeholder() -> Self {
        Self {
            url: Secret::fixed("DATABASE_URL", ""),
            endpoint: None,
            iam: None,
        }
    }

    /// The address.
    pub(crate) async fn target(&self) -> Result<Target, DatabaseError> {
        let secret = self.url.get().await?;
        self.parse(secret)
    }

    /// The address after the server has refused the login of `refused`; `None` if it is the same.
    pub(crate) async fn refreshed(
        &self,
        refused: &Target,
    ) -> Result<Option<Target>, DatabaseError> {
        let secret = self.url.refresh(&refused.secret).await?;
        if secret.version() == refused.version() {
            return Ok(None);
        }
        self.parse(secret).map(Some)
    }

    fn parse(&self, secret: Value) -> Result<Target, DatabaseError> {
        let endpoint = self.endpoint.as_ref();
        let address = Address::parse(secret.expose(), endpoint, self.iam.is_some());
        let address = address.map_err(|problem| DatabaseError::Address {
            variable: self.url.variable().to_owned(),
            problem,
        })?;
        Ok(Target {
            address,
            iam: self.iam.clone(),
            secret,
        })
    }
}

impl Target {
    /// A number that grows with each change of the address.
    pub(crate) const fn version(&self) -> u64 {
        self.secret.version()
    }

    /// The driver's options, without a token.
    pub(crate) const fn place(&self) -> &PgConnectOptions {
        self.address.options()
    }

    /// Whether each connection needs a login of its own.
    pub(crate) const fn has_tokens(&self) -> bool {
        self.iam.is_some()
    }

    /// The driver's options for a connection from now on.
    pub(crate) async fn options(&self) -> Result<PgConnectOptions, DatabaseError> {
        let options = self.address.options().clone();
        match &self.iam {
            None => Ok(options),
            Some(iam) => {
                let token = iam.token(&options).await.map_err(DatabaseError::Iam)?;
                Ok(options.password(&token))
            }
        }
    }
}

/// Whether the server has refused a login: a wrong password, or a role that may not log in
/// (SQLSTATE class 28, PostgreSQL manual, appendix A).
pub(crate) fn refuses_login(error: &sqlx::Error) -> bool {
    let code = error.as_database_error().and_then(|error| error.code());
    code.is_some_and(|code| code.starts_with("28"))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(pairs: &[(&str, &str)]) -> Result<DatabaseSource, String> {
        let mut variables = Variables::new(|name| {
            let (_, value) = pairs.iter().find(|(key, _)| *key == name)?;
            Some((*value).to_owned())
        });
        let source = DatabaseSource::read(&mut variables);
        match variables.check() {
            Ok(()) => Ok(source.unwrap()),
            Err(error) => Err(error.problems.join("\n")),
        }
    }

    #[test]
    fn problems_name_the_variable_and_not_the_secret() {
        let url = ("DATABASE_URL", "postgres://u:hunter2@h/d");
        for (pairs, problem) in [
            (
                &[][..],
                "DATABASE_URL is not set, nor is DATABASE_URL_SOURCE",
            ),
            (
                &[("DATABASE_URL", "mysql://u:hunter2@h/d")],
                "DATABASE_URL must be a Postgres URL",
            ),
            (
                &[url, ("DATABASE_AUTH", "kerberos")],
                "DATABASE_AUTH must be password or iam",
            ),
            (
                &[url, ("DATABASE_ENDPOINT", "h")],
                "DATABASE_ENDPOINT must be host:port/name",
            ),
            (
                &[url, ("DATABASE_AUTH", "iam")],
                "DATABASE_URL must have sslmode=verify-full",
            ),
        ] {
            let found = read(pairs).unwrap_err();
            assert!(found.contains(problem), "{found}");
            assert!(!found.contains("hunter2"), "{found}");
        }
        let source = read(&[url]).unwrap();
        assert!(!format!("{source:?}").contains("hunter2"));
    }

    #[tokio::test]
    async fn an_address_in_a_file_is_read_again() {
        let file = std::env::temp_dir().join(format!("database-url-{}", std::process::id()));
        std::fs::write(&file, "postgres://u:one@h/d\n").unwrap();
        let place = format!("file:{}", file.display());
        let source = read(&[("DATABASE_URL_SOURCE", &place)]).unwrap();
        let database = source.open(|| panic!("a file needs no AWS"));
        let one = database.target().await.unwrap();
        std::fs::remove_file(&file).unwrap();
        assert_eq!(one.place().get_host(), "h");
        assert!(!format!("{one:?} {database:?}").contains("one@"));
        // No other yet.
        assert!(database.refreshed(&one).await.unwrap().is_none());
    }
}
