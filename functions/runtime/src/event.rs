//! The HTTP event as API Gateway delivers it.

use lambda_http::request::LambdaRequest;
use lambda_runtime::LambdaEvent;

/// Keeps every value of a header that comes more than once.
///
/// A REST API's event has all values in `multiValueHeaders` and the last one in `headers`.
/// `lambda_http` 1.3.2 lets the latter replace the former, so a request with two tokens would look
/// like one with the second token.
pub(crate) fn keep_all_values(mut event: LambdaEvent<LambdaRequest>) -> LambdaEvent<LambdaRequest> {
    if let LambdaRequest::ApiGatewayV1(request) = &mut event.payload {
        let all = &request.multi_value_headers;
        for name in all.keys() {
            if all.get_all(name).iter().nth(1).is_some() {
                request.headers.remove(name);
            }
        }
    }
    event
}

#[cfg(test)]
mod tests {
    use lambda_http::{Request, http::HeaderValue};
    use lambda_runtime::Context;
    use serde_json::json;

    use super::*;

    #[test]
    fn a_repeated_header_is_kept_and_others_too() {
        let event = json!({
            "httpMethod": "GET",
            "path": "/pictures",
            "headers": {"authorization": "Bearer b", "host": "h", "only": "here"},
            "multiValueHeaders": {"authorization": ["Bearer a", "Bearer b"], "host": ["h"]},
            "requestContext": {"httpMethod": "GET", "apiId": "api"},
        });
        let payload = serde_json::from_value(event).unwrap();
        let event = LambdaEvent::new(payload, Context::default());
        let request: Request = keep_all_values(event).payload.into();
        let values = |name| request.headers().get_all(name).iter().collect::<Vec<_>>();
        let both = ["Bearer a", "Bearer b"].map(HeaderValue::from_static);
        assert_eq!(values("authorization"), both.iter().collect::<Vec<_>>());
        assert_eq!(values("host"), ["h"]);
        assert_eq!(values("only"), ["here"]);
    }
}
