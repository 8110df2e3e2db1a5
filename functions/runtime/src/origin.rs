//! The trace that an invocation belongs to.

use lambda_runtime::Context;
use trichrome_proto::wire::header::{TRACEPARENT, XRAY_TRACE};
use trichrome_telemetry::Origin;

/// Reads the client context, where the gateway puts the trace of an invocation, then the
/// headers of the event, which API Gateway passes on from its caller.
pub(crate) fn of_request<'a>(
    context: Option<&'a Context>,
    header: impl Fn(&str) -> Option<&'a str>,
) -> Option<Origin> {
    context
        .and_then(of_client_context)
        .or_else(|| Origin::read(header))
}

/// Reads the client context, then X-Ray's header, which AWS's own event sources send: such an
/// event has no headers.
pub(crate) fn of_event(context: &Context) -> Option<Origin> {
    of_client_context(context).or_else(|| {
        let xray = context.xray_trace_id.as_deref();
        Origin::read(|name| xray.filter(|_| name == XRAY_TRACE))
    })
}

fn of_client_context(context: &Context) -> Option<Origin> {
    let client = context.client_context.as_ref()?;
    client.custom.get(TRACEPARENT)?;
    Origin::read(|name| client.custom.get(name).map(String::as_str))
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use lambda_http::http::{HeaderMap, HeaderValue};
    use trichrome_proto::wire::ClientContext;
    use trichrome_telemetry::Trace;

    use super::*;

    const CLIENT: &str = "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01";
    const HEADER: &str = "00-4bf92f3577b34da6a3ce929d0e0e4736-b7ad6b7169203331-01";
    const XRAY: &str = "Root=1-0af76519-16cd43dd8448eb211c80319c;Parent=b7ad6b7169203331;Sampled=1";

    /// The context that Lambda's runtime makes of an invocation.
    fn context(client: Option<&str>) -> Context {
        let mut headers = HeaderMap::new();
        headers.insert("lambda-runtime-deadline-ms", HeaderValue::from_static("0"));
        headers.insert("lambda-runtime-trace-id", HeaderValue::from_static(XRAY));
        if let Some(client) = client {
            headers.insert("lambda-runtime-client-context", client.parse().unwrap());
        }
        Context::new("r", Arc::default(), &headers).unwrap()
    }

    fn parent(origin: Option<Origin>) -> Trace {
        match origin {
            Some(Origin::Parent(trace)) => trace,
            other => panic!("{other:?}"),
        }
    }

    #[test]
    fn the_client_context_comes_first() {
        let client = ClientContext::new(CLIENT, Some("a=b")).to_json();
        let context = context(Some(&client));
        let header = |name: &str| (name == TRACEPARENT).then_some(HEADER);
        for origin in [of_request(Some(&context), header), of_event(&context)] {
            let trace = parent(origin);
            assert_eq!((trace.parent(), trace.state()), (CLIENT, Some("a=b")));
        }
    }

    #[test]
    fn without_one_the_headers_or_xray_are_read() {
        for client in [None, Some("{}"), Some(r#"{"custom":{"traceparent":"00"}}"#)] {
            let context = context(client);
            let header = |name: &str| (name == TRACEPARENT).then_some(HEADER);
            assert_eq!(parent(of_request(Some(&context), header)).parent(), HEADER);
            let xray = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01";
            assert_eq!(parent(of_event(&context)).parent(), xray);
        }
        assert_eq!(of_request(None, |_| None), None);
    }
}
