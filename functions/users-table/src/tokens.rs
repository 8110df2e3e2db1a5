//! Checking a token against its user's item.

use std::time::{Duration, SystemTime};

use aws_sdk_dynamodb::{Client, config::Builder, types::AttributeValue};
use aws_types::SdkConfig;
use trichrome_aws::{AwsSpans, Failure};
use trichrome_proto::error::{ErrorCode, Fault};
use trichrome_runtime::{Claims, Env, TokenCheck};

use crate::{
    DELETING, GENERATION, PARTITION_KEY,
    cache::{Cache, Known, UserState},
    user_key,
};

/// The default of `TOKEN_CHECK_CACHE_SECONDS`. With a read that is eventually consistent, tokens
/// are refused within a minute.
const MAX_AGE: Duration = Duration::from_secs(30);

/// The largest number of cached users, each of about 150 bytes.
const CAPACITY: usize = 10_000;

/// Refuses the tokens of users who are gone, and those from before their user revoked them.
pub struct UserTokens {
    client: Client,
    table: String,
    max_age: Duration,
    cache: Cache,
    clock: fn() -> SystemTime,
}

/// Why a token could not be checked.
#[derive(Debug, thiserror::Error)]
pub enum TokenStoreError {
    /// 503: the users table can't be reached, or throttles.
    #[error("the users table is not available; try again")]
    Unavailable(#[source] Failure),
    /// 500: the users table refused the request or returned something unexpected.
    #[error("the users table failed")]
    Failed(#[source] Box<dyn std::error::Error + Send + Sync>),
}

impl Fault for TokenStoreError {
    fn code(&self) -> ErrorCode {
        match self {
            Self::Unavailable(_) => ErrorCode::Unavailable,
            Self::Failed(_) => ErrorCode::Internal,
        }
    }
}

impl UserTokens {
    /// Tokens of the users in this table. What is known of a user is trusted for `max_age`.
    #[must_use]
    pub fn new(config: &SdkConfig, table: String, max_age: Duration) -> Self {
        let spans = AwsSpans::table(&table);
        Self {
            client: Client::from_conf(Builder::from(config).interceptor(spans).build()),
            table,
            max_age,
            cache: Cache::new(CAPACITY),
            clock: SystemTime::now,
        }
    }

    async fn state(&self, user_id: &str) -> Result<UserState, TokenStoreError> {
        match self.read(user_id, false).await? {
            // The item of a new user may not have reached every replica.
            UserState::Gone => self.read(user_id, true).await,
            exists @ UserState::Exists { .. } => Ok(exists),
        }
    }

    async fn read(&self, user_id: &str, consistent: bool) -> Result<UserState, TokenStoreError> {
        let answer = self
            .client
            .get_item()
            .table_name(&self.table)
            .key(PARTITION_KEY, user_key(user_id))
            .projection_expression(format!("{PARTITION_KEY}, {GENERATION}, {DELETING}"))
            .consistent_read(consistent)
            .send()
            .await
            .map_err(|error| {
                let failure = Failure::from(error);
                if failure.is_transient() {
                    TokenStoreError::Unavailable(failure)
                } else {
                    TokenStoreError::Failed(failure.into())
                }
            })?;
        match answer.item {
            Some(item) if !item.contains_key(DELETING) => Ok(UserState::Exists {
                generation: generation(item.get(GENERATION))?,
            }),
            _ => Ok(UserState::Gone),
        }
    }
}

/// A generation as DynamoDB stores it; 0 if it is missing.
fn generation(value: Option<&AttributeValue>) -> Result<u64, TokenStoreError> {
    let Some(value) = value else {
        return Ok(0);
    };
    let number = value.as_n().ok().and_then(|number| number.parse().ok());
    number.ok_or_else(|| TokenStoreError::Failed(format!("{GENERATION} is not a number").into()))
}

impl TokenCheck for UserTokens {
    type Error = TokenStoreError;

    /// Reads `USERS_TABLE`, and `TOKEN_CHECK_CACHE_SECONDS` (default 30).
    fn build(env: &mut Env) -> Self {
        let config = env.aws("dynamodb");
        let table = env.required("USERS_TABLE");
        let max_age = env
            .variables()
            .seconds_or("TOKEN_CHECK_CACHE_SECONDS", MAX_AGE);
        Self::new(&config, table, max_age)
    }

    async fn counts(&self, claims: &Claims, _: Option<&str>) -> Result<bool, TokenStoreError> {
        let slot = self.cache.slot(&claims.sub);
        let mut known = slot.lock().await;
        if let Some(known) = *known
            && known.decides(claims.generation, (self.clock)(), self.max_age)
        {
            return Ok(known.state.accepts(claims.generation));
        }
        let read_at = (self.clock)();
        let state = self.state(&claims.sub).await?;
        *known = Some(Known { state, read_at });
        Ok(state.accepts(claims.generation))
    }
}

#[cfg(test)]
mod tests;
