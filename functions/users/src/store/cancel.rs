//! Transactions, and why DynamoDB cancels one.

use std::time::Duration;

use aws_sdk_dynamodb::Client;
use aws_sdk_dynamodb::operation::transact_write_items::TransactWriteItemsError;
use aws_sdk_dynamodb::types::{CancellationReason, TransactWriteItem};

use super::failed;
use crate::Error;
use crate::aws::Failure;

/// How often a transaction that met another one is tried. The SDK does not retry a
/// cancellation, and DynamoDB rejects the later of two, so the second try mostly succeeds.
const TRIES: u32 = 4;
/// The wait before the second try; each further wait is twice as long.
const FIRST_WAIT: Duration = Duration::from_millis(20);

/// A transaction of which a condition did not hold.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Cancelled {
    /// The first item, counted from 0, whose condition failed.
    pub(super) position: usize,
}

/// What a cancellation comes to.
#[derive(Debug, PartialEq, Eq)]
enum Reason {
    /// A condition failed, at this position.
    Condition(usize),
    /// Another transaction holds one of the items.
    Conflict,
    /// DynamoDB asks for patience.
    Throttled,
    /// Something that a right request does not get.
    Unknown,
}

/// Runs a transaction, again while it meets others.
pub(super) async fn transact(
    client: &Client,
    items: Vec<TransactWriteItem>,
) -> Result<Result<(), Cancelled>, Error> {
    let mut wait = FIRST_WAIT;
    for _ in 1..TRIES {
        match attempt(client, items.clone()).await {
            Err(Error::Conflict) => tokio::time::sleep(wait).await,
            done => return done,
        }
        wait *= 2;
    }
    attempt(client, items).await
}

async fn attempt(
    client: &Client,
    items: Vec<TransactWriteItem>,
) -> Result<Result<(), Cancelled>, Error> {
    // The SDK adds a fresh ClientRequestToken, so that its own retry of an attempt whose
    // answer was lost has no second effect.
    let sent = client
        .transact_write_items()
        .set_transact_items(Some(items))
        .send()
        .await;
    let error = match sent {
        Ok(_) => return Ok(Ok(())),
        Err(error) => error,
    };
    let reason = match error.as_service_error() {
        Some(TransactWriteItemsError::TransactionCanceledException(cancelled)) => {
            Some(reason(cancelled.cancellation_reasons()))
        }
        Some(TransactWriteItemsError::TransactionInProgressException(_)) => Some(Reason::Conflict),
        _ => None,
    };
    match reason {
        Some(Reason::Condition(position)) => Ok(Err(Cancelled { position })),
        Some(Reason::Conflict) => Err(Error::Conflict),
        Some(Reason::Throttled) => Err(Error::Unavailable(Failure::of(&error).into())),
        Some(Reason::Unknown) => Err(Error::Store(Failure::of(&error).into())),
        None => Err(failed(error)),
    }
}

/// One reason for a list that has an entry for each item. A failed condition comes first,
/// because no retry changes it.
/// Codes: DynamoDB API reference, `TransactWriteItems`, "Cancellation reason codes".
fn reason(reasons: &[CancellationReason]) -> Reason {
    let position = |wanted: &[&str]| {
        reasons
            .iter()
            .position(|reason| reason.code().is_some_and(|code| wanted.contains(&code)))
    };
    if let Some(position) = position(&["ConditionalCheckFailed"]) {
        Reason::Condition(position)
    } else if position(&["TransactionConflict"]).is_some() {
        Reason::Conflict
    } else if position(&["ProvisionedThroughputExceeded", "ThrottlingError"]).is_some() {
        Reason::Throttled
    } else {
        Reason::Unknown
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn of(codes: &[&str]) -> Reason {
        let reasons: Vec<_> = codes
            .iter()
            .map(|code| CancellationReason::builder().code(*code).build())
            .collect();
        reason(&reasons)
    }

    #[test]
    fn reasons_by_position_and_code() {
        assert_eq!(
            of(&["ConditionalCheckFailed", "None"]),
            Reason::Condition(0)
        );
        assert_eq!(
            of(&["None", "ConditionalCheckFailed"]),
            Reason::Condition(1)
        );
        assert_eq!(
            of(&["TransactionConflict", "ConditionalCheckFailed"]),
            Reason::Condition(1)
        );
        assert_eq!(of(&["None", "TransactionConflict"]), Reason::Conflict);
        assert_eq!(of(&["ThrottlingError", "None"]), Reason::Throttled);
        assert_eq!(
            of(&["None", "ProvisionedThroughputExceeded"]),
            Reason::Throttled
        );
        assert_eq!(of(&["ValidationError", "None"]), Reason::Unknown);
        assert_eq!(of(&["None", "None"]), Reason::Unknown);
        assert_eq!(of(&[]), Reason::Unknown);
    }
}
