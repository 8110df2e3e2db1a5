//! The headers that accompany a request. They have the same lower-case names as HTTP headers,
//! gRPC metadata and Kafka record headers.

use http::HeaderMap;
use tracing::Span;
use trichrome_proto::wire::header::{
    AUTHORIZATION, IDEMPOTENCY_KEY, REQUEST_ID, TRACEPARENT, TRACESTATE, is_request_id,
};
use trichrome_telemetry::{Origin, Trace};
use uuid::Uuid;

/// The caller's identity, and the ids of the call.
#[derive(Clone)]
pub(crate) struct Context {
    /// The caller's token, as `Bearer …`. Never logged.
    pub(crate) authorization: Option<String>,
    /// Makes a create take effect only once.
    pub(crate) idempotency_key: Option<String>,
    /// The caller's request id, or a new one.
    pub(crate) request_id: String,
    /// The position in the caller's trace, or in a new one.
    pub(crate) trace: Trace,
}

impl Context {
    /// Reads the context through `header`, which finds a value by its lower-case name.
    #[cfg(test)]
    pub(crate) fn read<'a>(header: impl Fn(&str) -> Option<&'a str>) -> Self {
        Self::begin(&Span::none(), header)
    }

    /// Reads the context of a request and makes `span` part of the caller's trace, with the
    /// request's id. The span must not have been entered yet.
    pub(crate) fn begin<'a>(span: &Span, header: impl Fn(&str) -> Option<&'a str>) -> Self {
        let text = |name| {
            header(name)
                .filter(|value| is_header_text(value))
                .map(str::to_owned)
        };
        let request_id = header(REQUEST_ID)
            .filter(|id| is_request_id(id))
            .map_or_else(|| Uuid::new_v4().to_string(), str::to_owned);
        let trace = Trace::adopt(span, Origin::read(&header));
        span.record("request_id", request_id.as_str());
        span.record("trace_id", trace.id());
        Self {
            authorization: text(AUTHORIZATION),
            idempotency_key: text(IDEMPOTENCY_KEY),
            request_id,
            trace,
        }
    }

    /// The context for a request that is sent in `span`.
    pub(crate) fn at(&self, span: &Span) -> Self {
        Self {
            trace: self.trace_at(span),
            ..self.clone()
        }
    }

    /// The position in the trace for a request that is sent in `span`.
    pub(crate) fn trace_at(&self, span: &Span) -> Trace {
        Trace::of(span).unwrap_or_else(|| self.trace.clone())
    }

    /// The context as headers for the next hop.
    pub(crate) fn headers(&self) -> impl Iterator<Item = (&'static str, &str)> {
        [
            (AUTHORIZATION, self.authorization.as_deref()),
            (IDEMPOTENCY_KEY, self.idempotency_key.as_deref()),
            (REQUEST_ID, Some(self.request_id.as_str())),
            (TRACEPARENT, Some(self.trace.parent())),
            (TRACESTATE, self.trace.state()),
        ]
        .into_iter()
        .filter_map(|(name, value)| Some((name, value?)))
    }
}

/// A header's value in HTTP headers or gRPC metadata.
pub(crate) fn http_header<'a>(headers: &'a HeaderMap, name: &str) -> Option<&'a str> {
    let values = headers.get_all(name).into_iter();
    select(name, values.map(|value| value.to_str().ok()))
}

/// The first of a header's values; `None` for those that aren't text. A repeated `authorization`
/// has no value, because it could name different callers. The call fails for lack of a token.
pub(crate) fn select<'a>(
    name: &str,
    mut values: impl Iterator<Item = Option<&'a str>>,
) -> Option<&'a str> {
    let first = values.next()?;
    if name == AUTHORIZATION && values.next().is_some() {
        return None;
    }
    first
}

/// Whether a text is a valid header value: visible ASCII and spaces.
fn is_header_text(text: &str) -> bool {
    !text.is_empty() && text.bytes().all(|byte| matches!(byte, b' '..=b'~'))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(headers: &[(&str, &'static str)]) -> Context {
        Context::read(|name| headers.iter().find(|(n, _)| *n == name).map(|(_, v)| *v))
    }

    #[test]
    fn received_headers_are_forwarded() {
        let given = [
            ("authorization", "Bearer t"),
            ("idempotency-key", "k"),
            ("x-request-id", "r-1"),
            (
                "traceparent",
                "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01",
            ),
            ("tracestate", "a=b"),
        ];
        let context = read(&given);
        assert_eq!(context.headers().collect::<Vec<_>>(), given);
    }

    #[test]
    fn a_repeated_authorization_is_dropped() {
        let mut headers = HeaderMap::new();
        for (name, value) in [
            ("authorization", "Bearer t"),
            ("idempotency-key", "k"),
            ("idempotency-key", "l"),
        ] {
            headers.append(name, value.parse().unwrap());
        }
        let once = Context::read(|name| http_header(&headers, name));
        assert_eq!(once.authorization.as_deref(), Some("Bearer t"));
        assert_eq!(once.idempotency_key.as_deref(), Some("k"));
        for second in ["Bearer t", "Bearer u", "é"] {
            let mut headers = headers.clone();
            headers.append("authorization", second.parse().unwrap());
            let twice = Context::read(|name| http_header(&headers, name));
            assert_eq!(twice.authorization, None, "{second}");
        }
    }

    #[test]
    fn invalid_headers_are_replaced_or_dropped() {
        for odd in ["", "two words", "line\nbreak", "é"] {
            let context = read(&[("x-request-id", odd)]);
            assert!(Uuid::parse_str(&context.request_id).is_ok(), "{odd:?}");
        }
        let context = read(&[("authorization", "Bearer \u{1}")]);
        assert_eq!(context.authorization, None);
        assert_eq!(context.headers().count(), 2);
    }
}
