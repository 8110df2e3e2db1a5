//! Tokens for IAM database authentication of Amazon RDS.
//!
//! A token is a presigned request of the action `connect` without its scheme, and is sent as the
//! password (Amazon RDS User Guide, "IAM database authentication").

use std::{
    fmt,
    time::{Duration, SystemTime},
};

use aws_credential_types::{
    Credentials,
    provider::{ProvideCredentials as _, SharedCredentialsProvider},
};
use aws_types::{SdkConfig, region::Region};
use sqlx::postgres::PgConnectOptions;
use trichrome_secrets::signing::{Scope, escaped};

type Cause = Box<dyn std::error::Error + Send + Sync>;

/// How long a token can begin a connection: the time that RDS fixes.
const LIFETIME: Duration = Duration::from_secs(900);

/// Whose tokens, and for which region.
#[derive(Clone)]
pub(super) struct Iam {
    region: Option<Region>,
    credentials: Option<SharedCredentialsProvider>,
}

impl fmt::Debug for Iam {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Iam({:?})", self.region)
    }
}

impl Iam {
    pub(super) fn new(config: &SdkConfig) -> Self {
        Self {
            region: config.region().cloned(),
            credentials: config.credentials_provider(),
        }
    }

    /// A token for the user and the place of these options.
    pub(super) async fn token(&self, options: &PgConnectOptions) -> Result<String, Cause> {
        let region = self.region.as_ref().ok_or("AWS_REGION is not set")?;
        let provider = self.credentials.as_ref();
        let provider = provider.ok_or("there are no AWS credentials")?;
        let credentials = provider.provide_credentials().await?;
        let place = format!("{}:{}", options.get_host(), options.get_port());
        let user = options.get_username();
        token(
            &place,
            user,
            region.as_ref(),
            &credentials,
            SystemTime::now(),
        )
    }
}

fn token(
    place: &str,
    user: &str,
    region: &str,
    credentials: &Credentials,
    now: SystemTime,
) -> Result<String, Cause> {
    let url = format!("https://{place}/?Action=connect&DBUser={}", escaped(user));
    let scope = Scope {
        service: "rds-db",
        region,
        credentials,
        now,
    };
    let url = scope.presigned(&url, LIFETIME)?;
    Ok(url.trim_start_matches("https://").to_owned())
}

#[cfg(test)]
mod tests {
    use std::time::UNIX_EPOCH;

    use super::*;

    /// 26 November 2026, 20:00:00 UTC.
    const NOW: Duration = Duration::from_secs(1_795_723_200);

    const BOTOCORE: [(Option<&str>, &str, &str); 2] = [
        (
            None,
            "trichrome",
            "trichrome.abc.eu-west-1.rds.amazonaws.com:5432/?Action=connect&DBUser=trichrome\
             &X-Amz-Algorithm=AWS4-HMAC-SHA256\
             &X-Amz-Credential=AKIDEXAMPLE%2F20261126%2Feu-west-1%2Frds-db%2Faws4_request\
             &X-Amz-Date=20261126T200000Z&X-Amz-Expires=900&X-Amz-SignedHeaders=host\
             &X-Amz-Signature=287938e7027714708f87262b16d4c23415601266ee1866bf29126b42096e38f0",
        ),
        (
            Some("a/session+token=="),
            "tri chrome@x",
            "trichrome.abc.eu-west-1.rds.amazonaws.com:5432/?Action=connect&DBUser=tri%20chrome%40x\
             &X-Amz-Algorithm=AWS4-HMAC-SHA256\
             &X-Amz-Credential=AKIDEXAMPLE%2F20261126%2Feu-west-1%2Frds-db%2Faws4_request\
             &X-Amz-Date=20261126T200000Z&X-Amz-Expires=900&X-Amz-SignedHeaders=host\
             &X-Amz-Security-Token=a%2Fsession%2Btoken%3D%3D\
             &X-Amz-Signature=e2c560fd7bdc780e56512edf681f37bdf842fd0f11cb58caf41819d964f2fd02",
        ),
    ];

    fn token_of(session: Option<&str>, user: &str) -> String {
        let credentials = Credentials::new(
            "AKIDEXAMPLE",
            "wJalrXUtnFEMI/K7MDENG+bPxRfiCYEXAMPLEKEY",
            session.map(str::to_owned),
            None,
            "test",
        );
        let place = "trichrome.abc.eu-west-1.rds.amazonaws.com:5432";
        token(place, user, "eu-west-1", &credentials, UNIX_EPOCH + NOW).unwrap()
    }

    /// The parameters, sorted: AWS's own signers differ in their order.
    fn sorted(token: &str) -> Vec<&str> {
        let (place, query) = token.split_once("/?").unwrap();
        let mut parts: Vec<_> = query.split('&').collect();
        parts.sort_unstable();
        parts.insert(0, place);
        parts
    }

    /// The tokens that botocore 1.43 (`generate_db_auth_token`) makes of the same credentials at
    /// the same time.
    #[test]
    fn tokens_are_those_of_awss_own_signer() {
        for (session, user, expected) in BOTOCORE {
            let token = token_of(session, user);
            assert_eq!(sorted(&token), sorted(expected), "{user}");
        }
    }
}
