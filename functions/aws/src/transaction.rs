//! DynamoDB transactions, with retries while they conflict with others.

use std::fmt;

use aws_sdk_dynamodb::{
    Client,
    operation::transact_write_items::TransactWriteItemsError,
    types::{CancellationReason, TransactWriteItem},
};

use crate::{Failure, backoff};

/// How many times a transaction is tried. The SDK doesn't retry a canceled one. All uploads of
/// a user check the same item of the users table, so ten files at once do conflict.
const ATTEMPTS: u32 = 7;

/// Why a transaction failed.
#[derive(Debug)]
pub enum TransactionError {
    /// The condition of an item did not hold.
    ConditionFailed {
        /// The item's position, counted from 0; the first one, if there are several.
        position: usize,
    },
    /// Every attempt conflicted with another transaction or write.
    Conflict(Failure),
    /// Any other failure. Throttling counts as transient.
    Failed(Failure),
}

impl fmt::Display for TransactionError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::ConditionFailed { position } => {
                write!(
                    f,
                    "the condition of the transaction's item {position} failed"
                )
            }
            Self::Conflict(failure) | Self::Failed(failure) => failure.fmt(f),
        }
    }
}

impl std::error::Error for TransactionError {}

/// Why DynamoDB canceled a transaction.
#[derive(Debug, PartialEq, Eq)]
enum TransactionCanceled {
    /// A condition failed, at this position.
    ConditionFailed(usize),
    /// Another transaction or write holds one of the items.
    Conflict,
    /// A table or the account is at its limit.
    Throttled,
    /// Anything else, such as an invalid item.
    Other,
}

/// Runs a transaction, and repeats it while it conflicts with others or is throttled.
///
/// All attempts share `token`, the idempotency token: an attempt that succeeded without a
/// response does not take effect a second time. Without one, the SDK generates a token for
/// each attempt.
///
/// # Errors
///
/// See [`TransactionError`].
pub async fn transact(
    client: &Client,
    items: Vec<TransactWriteItem>,
    token: Option<String>,
) -> Result<(), TransactionError> {
    let mut attempt = 1;
    loop {
        let sent = client
            .transact_write_items()
            .set_client_request_token(token.clone())
            .set_transact_items(Some(items.clone()))
            .send()
            .await;
        let Err(error) = sent else {
            return Ok(());
        };
        let canceled = match error.as_service_error() {
            Some(TransactWriteItemsError::TransactionCanceledException(canceled)) => {
                TransactionCanceled::from(canceled.cancellation_reasons())
            }
            Some(TransactWriteItemsError::TransactionInProgressException(_)) => {
                TransactionCanceled::Conflict
            }
            _ => TransactionCanceled::Other,
        };
        match canceled {
            TransactionCanceled::ConditionFailed(position) => {
                return Err(TransactionError::ConditionFailed { position });
            }
            TransactionCanceled::Other => return Err(TransactionError::Failed(error.into())),
            TransactionCanceled::Conflict if attempt == ATTEMPTS => {
                return Err(TransactionError::Conflict(
                    Failure::from(error).into_transient(),
                ));
            }
            TransactionCanceled::Throttled if attempt == ATTEMPTS => {
                return Err(TransactionError::Failed(
                    Failure::from(error).into_transient(),
                ));
            }
            TransactionCanceled::Conflict | TransactionCanceled::Throttled => {}
        }
        backoff(attempt).await;
        attempt += 1;
    }
}

/// Reads the reasons, one for each item. A failed condition comes first, because no retry
/// changes it.
///
/// Codes: DynamoDB API reference, `TransactWriteItems`, "Cancellation reason codes".
impl From<&[CancellationReason]> for TransactionCanceled {
    fn from(reasons: &[CancellationReason]) -> Self {
        let position = |codes: &[&str]| {
            reasons
                .iter()
                .position(|reason| reason.code().is_some_and(|code| codes.contains(&code)))
        };
        if let Some(position) = position(&["ConditionalCheckFailed"]) {
            Self::ConditionFailed(position)
        } else if position(&["TransactionConflict"]).is_some() {
            Self::Conflict
        } else if position(&["ProvisionedThroughputExceeded", "ThrottlingError"]).is_some() {
            Self::Throttled
        } else {
            Self::Other
        }
    }
}

#[cfg(test)]
mod tests {
    use aws_smithy_http_client::test_util::{ReplayEvent, StaticReplayClient};
    use aws_smithy_types::body::SdkBody;
    use serde_json::{Value, json};

    use super::*;
    use crate::testing::config;

    fn canceled(codes: &[&str]) -> TransactionCanceled {
        let reasons: Vec<_> = codes
            .iter()
            .map(|code| CancellationReason::builder().code(*code).build())
            .collect();
        TransactionCanceled::from(reasons.as_slice())
    }

    #[test]
    fn reasons_are_read_by_position_and_code() {
        const FAILED: &str = "ConditionalCheckFailed";
        for (codes, expected) in [
            (
                &[FAILED, "None"][..],
                TransactionCanceled::ConditionFailed(0),
            ),
            (&["None", FAILED], TransactionCanceled::ConditionFailed(1)),
            (
                &["TransactionConflict", FAILED],
                TransactionCanceled::ConditionFailed(1),
            ),
            (
                &["None", "TransactionConflict"],
                TransactionCanceled::Conflict,
            ),
            (&["ThrottlingError", "None"], TransactionCanceled::Throttled),
            (
                &["None", "ProvisionedThroughputExceeded"],
                TransactionCanceled::Throttled,
            ),
            (&["ValidationError", "None"], TransactionCanceled::Other),
            (&["None", "None"], TransactionCanceled::Other),
            (&[], TransactionCanceled::Other),
        ] {
            assert_eq!(canceled(codes), expected, "{codes:?}");
        }
    }

    /// Runs a transaction whose attempts are canceled for these reasons, one after the other,
    /// and then succeed. Returns the outcome and the number of attempts.
    async fn run(reasons: &[&str]) -> (Result<(), TransactionError>, usize) {
        let response = |status: u16, body: Value| {
            let response = http::Response::builder().status(status);
            ReplayEvent::new(
                http::Request::new(SdkBody::empty()),
                response.body(SdkBody::from(body.to_string())).unwrap(),
            )
        };
        let canceled = reasons.iter().map(|code| {
            let reasons = json!([{"Code": "None"}, {"Code": code}]);
            let kind = "TransactionCanceledException";
            response(400, json!({"__type": kind, "CancellationReasons": reasons}))
        });
        let http = StaticReplayClient::new(canceled.chain([response(200, json!({}))]).collect());
        let client = Client::from_conf(config().http_client(http.clone()).build());
        let outcome = transact(&client, Vec::new(), Some("token".to_owned())).await;
        for request in http.actual_requests() {
            let body: Value = serde_json::from_slice(request.body().bytes().unwrap()).unwrap();
            assert_eq!(body["ClientRequestToken"], "token");
        }
        (outcome, http.actual_requests().count())
    }

    #[tokio::test(start_paused = true)]
    async fn conflicts_and_throttling_are_retried_within_limits() {
        let (outcome, attempts) = run(&["TransactionConflict", "ThrottlingError"]).await;
        outcome.unwrap();
        assert_eq!(attempts, 3);

        let (outcome, attempts) = run(&["TransactionConflict"; 7]).await;
        let error = outcome.unwrap_err();
        assert!(
            matches!(&error, TransactionError::Conflict(failure) if failure.is_transient()),
            "{error:?}"
        );
        assert_eq!(attempts, 7);

        let (outcome, _) = run(&["ThrottlingError"; 7]).await;
        let error = outcome.unwrap_err();
        assert!(
            matches!(&error, TransactionError::Failed(failure) if failure.is_transient()),
            "{error:?}"
        );
    }

    #[tokio::test]
    async fn a_failed_condition_is_not_retried() {
        let (outcome, attempts) = run(&["ConditionalCheckFailed"]).await;
        let error = outcome.unwrap_err();
        assert!(
            matches!(error, TransactionError::ConditionFailed { position: 1 }),
            "{error:?}"
        );
        assert_eq!(attempts, 1);
    }
}
