//! Whether a token that is valid by itself still counts.

use trichrome_proto::error::{ApiError, Fault};

use crate::{Claims, Env};

/// Decides whether a valid token still counts: its user may be gone, or may have revoked it.
///
/// The shell knows nothing of users, so a function chooses a check as [`Function::Tokens`].
///
/// [`Function::Tokens`]: crate::Function::Tokens
pub trait TokenCheck: Sized + Send + Sync + 'static {
    /// Why it can't be decided. The call fails with it.
    type Error: Fault + Send + Sync + 'static;

    /// Reads the configuration, as [`Function::build`](crate::Function::build) does. Not called
    /// for public operations.
    fn build(env: &mut Env) -> Self;

    /// Whether the token with these claims counts for a call with this idempotency key.
    fn counts(
        &self,
        claims: &Claims,
        idempotency_key: Option<&str>,
    ) -> impl Future<Output = Result<bool, Self::Error>> + Send;
}

/// The check of public operations, which take no token. Any other operation can't start with it.
pub struct NoTokens;

impl TokenCheck for NoTokens {
    type Error = ApiError;

    fn build(env: &mut Env) -> Self {
        env.problem(
            "Function::Tokens",
            "must be a check of tokens, because the operation isn't public",
        );
        Self
    }

    async fn counts(&self, _: &Claims, _: Option<&str>) -> Result<bool, ApiError> {
        Ok(false)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_protected_operation_does_not_start_without_a_check() {
        let mut env = Env::from_fn(|_| None);
        NoTokens::build(&mut env);
        assert!(env.check().is_err());
    }
}
