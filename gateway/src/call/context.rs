//! The headers that accompany a request. They have the same lower-case names as HTTP headers,
//! gRPC metadata and Kafka record headers.

use std::net::IpAddr;

use http::HeaderMap;
use tracing::Span;
use trichrome_proto::{
    contract::{Access, Operation},
    error::{ApiError, ErrorCode},
    wire::header::{
        AUTHORIZATION, IDEMPOTENCY_KEY, REQUEST_ID, TRACEPARENT, TRACESTATE,
        invalid_idempotency_key, is_idempotency_key, is_request_id,
    },
};
use trichrome_telemetry::{Origin, Trace};
use uuid::Uuid;

use super::limits;

/// The idempotency key as binary gRPC metadata, which no client of the service should send.
const BINARY_IDEMPOTENCY_KEY: &str = "idempotency-key-bin";

/// The caller's identity, and the ids of the call.
#[derive(Clone)]
pub(crate) struct Context {
    /// The caller's token, as `Bearer …`. Never logged.
    pub(crate) authorization: Authorization,
    /// Makes a create take effect only once.
    pub(crate) idempotency_key: IdempotencyKey,
    /// The caller's request id, or a new one.
    pub(crate) request_id: String,
    /// The position in the caller's trace, or in a new one.
    pub(crate) trace: Trace,
    /// The caller's address. Commands have none.
    pub(crate) client: Option<IpAddr>,
}

/// The caller's authorization. One that can't be an HTTP header isn't passed on, and a call that
/// needs one is refused.
#[derive(Clone, PartialEq, Eq)]
pub(crate) enum Authorization {
    Absent,
    Given(String),
    Invalid,
}

impl Authorization {
    pub(crate) fn read(value: Option<&str>) -> Self {
        match value {
            None | Some("") => Self::Absent,
            Some(value) if is_header_text(value) => Self::Given(value.to_owned()),
            Some(_) => Self::Invalid,
        }
    }

    pub(crate) fn as_deref(&self) -> Option<&str> {
        match self {
            Self::Given(value) => Some(value),
            Self::Absent | Self::Invalid => None,
        }
    }
}

/// The caller's idempotency key. A call with an invalid one is refused: without its key, a
/// repeated create would have two effects.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum IdempotencyKey {
    Absent,
    Given(String),
    Invalid,
}

impl IdempotencyKey {
    fn read(value: Option<&str>) -> Self {
        match value {
            None => Self::Absent,
            Some(key) if is_idempotency_key(key) => Self::Given(key.to_owned()),
            Some(_) => Self::Invalid,
        }
    }

    fn as_deref(&self) -> Option<&str> {
        match self {
            Self::Given(key) => Some(key),
            Self::Absent | Self::Invalid => None,
        }
    }
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
        let request_id = header(REQUEST_ID)
            .filter(|id| is_request_id(id))
            .map_or_else(|| Uuid::new_v4().to_string(), str::to_owned);
        let trace = Trace::adopt(span, Origin::read(&header));
        span.record("request_id", request_id.as_str());
        span.record("trace_id", trace.id());
        Self {
            authorization: Authorization::read(header(AUTHORIZATION)),
            idempotency_key: IdempotencyKey::read(header(IDEMPOTENCY_KEY)),
            request_id,
            trace,
            client: None,
        }
    }

    /// The same context, for a caller at this address.
    pub(crate) fn at_client(self, client: Option<IpAddr>) -> Self {
        Self { client, ..self }
    }

    /// Refuses a call of an operation whose context isn't valid.
    ///
    /// # Errors
    ///
    /// `HEADERS_TOO_LARGE` for an authorization that no head of a request can have, such as in a
    /// Kafka record; `UNAUTHENTICATED` for one that isn't text; `INVALID_ARGUMENT` for an invalid
    /// idempotency key.
    pub(crate) fn check(&self, operation: &Operation) -> Result<(), ApiError> {
        if self.authorization == Authorization::Invalid && operation.access != Access::Public {
            return Err(ApiError::new(
                ErrorCode::Unauthenticated,
                "the authorization must be `Bearer <token>`, without line breaks or other \
                 characters than ASCII's",
            ));
        }
        let authorization = self.authorization.as_deref().unwrap_or_default();
        if authorization.len() > limits::MAX_HEAD {
            return Err(limits::head_too_large());
        }
        match self.idempotency_key {
            IdempotencyKey::Absent | IdempotencyKey::Given(_) => Ok(()),
            IdempotencyKey::Invalid => Err(invalid_idempotency_key()),
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

/// A header's value in HTTP headers or gRPC metadata. A key in binary metadata, which gRPC
/// encodes in base64 under a name of its own, counts as an invalid one.
pub(crate) fn http_header<'a>(headers: &'a HeaderMap, name: &str) -> Option<&'a str> {
    let values = headers.get_all(name).into_iter();
    let values = values.map(|value| value.to_str().ok());
    let binary = name == IDEMPOTENCY_KEY && headers.contains_key(BINARY_IDEMPOTENCY_KEY);
    select(name, values.chain(binary.then_some(None)))
}

/// The first of a header's values; `None` for those that aren't text.
///
/// A repeated `authorization` has no value, because it could name different callers. The call
/// fails for lack of a token. A repeated idempotency key, or one that isn't text, is empty, which
/// is invalid.
pub(crate) fn select<'a>(
    name: &str,
    mut values: impl Iterator<Item = Option<&'a str>>,
) -> Option<&'a str> {
    let first = values.next()?;
    let mut repeated = || values.next().is_some();
    match name {
        AUTHORIZATION if repeated() => None,
        IDEMPOTENCY_KEY if first.is_none() || repeated() => Some(""),
        _ => first,
    }
}

/// Whether a text is a valid header value: visible ASCII and spaces.
fn is_header_text(text: &str) -> bool {
    !text.is_empty() && text.bytes().all(|byte| matches!(byte, b' '..=b'~'))
}

#[cfg(test)]
mod tests {
    use http::HeaderValue;
    use trichrome_proto::contract::by_function;

    use super::*;

    fn check(context: &Context, function: &str) -> Result<(), ApiError> {
        context.check(by_function(function).unwrap())
    }

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
            ("tracestate", "a=b"),
            ("tracestate", "c=d"),
        ] {
            headers.append(name, value.parse().unwrap());
        }
        let once = Context::read(|name| http_header(&headers, name));
        assert_eq!(once.authorization.as_deref(), Some("Bearer t"));
        for second in ["Bearer t", "Bearer u", "é"] {
            let mut headers = headers.clone();
            headers.append("authorization", second.parse().unwrap());
            let twice = Context::read(|name| http_header(&headers, name));
            assert!(twice.authorization == Authorization::Absent, "{second}");
        }
    }

    #[test]
    fn an_invalid_idempotency_key_is_refused() {
        let read = |values: &[(&'static str, &[u8])]| {
            let mut headers = HeaderMap::new();
            for (name, value) in values {
                headers.append(*name, HeaderValue::from_bytes(value).unwrap());
            }
            Context::read(|name| http_header(&headers, name))
        };
        const NAME: &str = "idempotency-key";
        let long = [b'k'; 256];
        let valid = read(&[(NAME, b"k-1")]);
        assert_eq!(valid.idempotency_key.as_deref(), Some("k-1"));
        let check = |context: &Context| check(context, "pictures-create");
        assert!(check(&valid).is_ok() && check(&read(&[])).is_ok());
        for values in [
            &[(NAME, "clé-1".as_bytes())][..],
            &[(NAME, b"cl\xe9-1")],
            &[(NAME, b"")],
            &[(NAME, b"a\tb")],
            &[(NAME, b"a b")],
            &[(NAME, b"a,b")],
            &[(NAME, &long)],
            &[(NAME, b"k"), (NAME, b"k")],
            &[(NAME, b"k"), (NAME, b"l")],
            &[("idempotency-key-bin", b"aw")],
            &[(NAME, b"k"), ("idempotency-key-bin", b"aw")],
        ] {
            let context = read(values);
            let error = check(&context).unwrap_err();
            assert_eq!(error.code, ErrorCode::InvalidArgument, "{values:?}");
            // It isn't passed on either.
            assert_eq!(context.headers().count(), 2, "{values:?}");
        }
    }

    #[test]
    fn an_authorization_over_the_limit_is_refused() {
        let code = |length| {
            let value = "a".repeat(length);
            let context = Context::read(|name| (name == AUTHORIZATION).then_some(&*value));
            check(&context, "pictures-get").map_err(|error| error.code)
        };
        assert_eq!(code(limits::MAX_HEAD), Ok(()));
        assert_eq!(code(limits::MAX_HEAD + 1), Err(ErrorCode::HeadersTooLarge));
    }

    #[test]
    fn invalid_headers_are_replaced_or_dropped() {
        for odd in ["", "two words", "line\nbreak", "é"] {
            let context = read(&[("x-request-id", odd)]);
            assert!(Uuid::parse_str(&context.request_id).is_ok(), "{odd:?}");
        }
    }

    #[test]
    fn an_authorization_that_is_not_text_is_refused_where_it_counts() {
        for odd in ["Bearer \u{1}", "Bearer t\r\n", "Bearer é", "\u{fffd}"] {
            let context = read(&[("authorization", odd)]);
            assert_eq!(context.headers().count(), 2, "{odd:?} is not passed on");
            let error = check(&context, "pictures-get").unwrap_err();
            assert_eq!(error.code, ErrorCode::Unauthenticated, "{odd:?}");
            assert!(error.message.contains("Bearer <token>"), "{odd:?}");
            assert_eq!(check(&context, "auth-login"), Ok(()), "{odd:?}");
        }
        let empty = read(&[("authorization", "")]);
        assert_eq!(
            check(&empty, "pictures-get"),
            Ok(()),
            "the function refuses it"
        );
    }
}
