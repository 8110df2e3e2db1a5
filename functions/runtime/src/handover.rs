//! Call logs that functions of version 0.1 hand to `analytics-log`, until version 0.3.
//!
//! Those functions invoke it with the entry of each REST call, as an event of their own. While a
//! deployment replaces the functions one after another, the old ones meet the new `analytics-log`,
//! which sends their entries to the queue of call logs.

use lambda_http::{Body, Request, RequestExt as _, request::RequestContext};
use trichrome_proto::{analytics::AnalyticsEntryMessage, error::ApiError};

/// The function that is invoked with entries.
const FUNCTION: &str = "analytics-log";

/// The `requestContext.apiId` of such an event. Only who may invoke functions can set it.
const API_ID: &str = "trichrome-internal";

/// The entry in an event; `None` if the event is a call.
///
/// # Errors
///
/// `INVALID_ARGUMENT` if the body isn't an entry.
pub(crate) fn entry(
    function: &str,
    request: &Request,
) -> Option<Result<AnalyticsEntryMessage, ApiError>> {
    let Some(RequestContext::ApiGatewayV2(context)) = request.request_context_ref() else {
        return None;
    };
    let handed_over = function == FUNCTION && context.apiid.as_deref() == Some(API_ID);
    handed_over.then(|| read(request.body()))
}

fn read(body: &Body) -> Result<AnalyticsEntryMessage, ApiError> {
    serde_json::from_slice(body)
        .map_err(|error| ApiError::invalid(format!("not a call log entry: {error}")))
}
