//! Trace context between processes: W3C's headers, or X-Ray's if there is no other.

use std::fmt;

use opentelemetry::{
    Context,
    trace::{SpanContext, SpanId, TraceContextExt as _, TraceFlags, TraceId},
};
use tracing::Span;
use tracing_opentelemetry::OpenTelemetrySpanExt as _;
use trichrome_proto::wire::header::{TRACEPARENT, TRACESTATE, XRAY_TRACE};
use uuid::Uuid;

use crate::ids;

/// The longest `tracestate` that is passed on: the minimum that the standard (section 3.3.1.5)
/// requires of every participant.
const MAX_STATE_LENGTH: usize = 512;

/// A position in a trace: a `traceparent`, with an optional `tracestate`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Trace {
    traceparent: String,
    tracestate: Option<String>,
}

/// The trace of a request, from the caller's headers.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Origin {
    /// The caller's span.
    Parent(Trace),
    /// Only the trace: API Gateway and load balancers generate an id for every request, even if
    /// X-Ray has no segment that could be the parent.
    Id(Trace),
}

impl Origin {
    /// Reads `traceparent` and `tracestate` or, without a valid one, `x-amzn-trace-id`. `header`
    /// returns the value of a header by its lower-case name.
    pub fn read<'a>(header: impl Fn(&str) -> Option<&'a str>) -> Option<Self> {
        let w3c = header(TRACEPARENT).and_then(|parent| {
            let state = header(TRACESTATE)
                .filter(|state| state.len() <= MAX_STATE_LENGTH && !state.is_empty());
            Trace::accept(parent, state)
        });
        w3c.map(Self::Parent)
            .or_else(|| Self::from_xray(header(XRAY_TRACE)?))
    }

    /// Reads `Root=1-<8 hex>-<24 hex>;Parent=<16 hex>;Sampled=<0|1>`. The root is a W3C trace id
    /// with dashes. (AWS X-Ray, "Tracing header".) Only a sampled segment is a parent.
    pub fn from_xray(value: &str) -> Option<Self> {
        let part = |name: &str| {
            value
                .split(';')
                .find_map(|part| part.trim().strip_prefix(name)?.strip_prefix('='))
        };
        let (time, random) = part("Root")?.strip_prefix("1-")?.split_once('-')?;
        let id = format!("{time}{random}").to_ascii_lowercase();
        let parent = part("Parent").map(str::to_ascii_lowercase);
        let parent = parent.filter(|parent| is_id(parent, 16));
        if time.len() != 8 || !is_id(&id, 32) {
            return None;
        }
        Some(match (parent, part("Sampled")) {
            (Some(parent), Some("1")) => Self::Parent(Trace::new(format!("00-{id}-{parent}-01"))),
            (parent, _) => {
                let parent = parent.unwrap_or_else(|| format!("{:016x}", random_id() as u64 | 1));
                Self::Id(Trace::new(format!("00-{id}-{parent}-00")))
            }
        })
    }
}

impl Trace {
    fn new(traceparent: String) -> Self {
        Self {
            traceparent,
            tracestate: None,
        }
    }

    /// A caller's context, if it is valid.
    fn accept(traceparent: &str, tracestate: Option<&str>) -> Option<Self> {
        is_traceparent(traceparent).then(|| Self {
            traceparent: traceparent.to_owned(),
            tracestate: tracestate.map(str::to_owned),
        })
    }

    /// A new trace with random ids. It isn't sampled, because its spans aren't exported.
    pub fn begin() -> Self {
        // Set the lowest bit, because an id of zeros is invalid.
        let (trace, parent) = (random_id() | 1, random_id() as u64 | 1);
        Self::new(format!("00-{trace:032x}-{parent:016x}-00"))
    }

    /// Makes `span` part of the caller's trace, or the root of a new one, and returns its
    /// position. Must be called before the span is entered.
    ///
    /// If no spans are exported, the caller's context is returned unchanged: a parent that isn't
    /// exported would split the trace.
    pub fn adopt(span: &Span, origin: Option<Origin>) -> Self {
        let own = match &origin {
            Some(Origin::Parent(parent)) => {
                // Fails only without an exporter.
                let _not_exported = span.set_parent(parent.to_context());
                Self::of(span)
            }
            Some(Origin::Id(trace)) => ids::with_trace_id(trace.trace_id(), || Self::of(span)),
            None => Self::of(span),
        };
        own.or(match origin {
            Some(Origin::Parent(trace) | Origin::Id(trace)) => Some(trace),
            None => None,
        })
        .unwrap_or_else(Self::begin)
    }

    /// The position of a span; `None` if no spans are exported.
    pub fn of(span: &Span) -> Option<Self> {
        let context = span.context();
        let span = context.span();
        let context = span.span_context();
        context.is_valid().then(|| {
            let state = context.trace_state().header();
            Self {
                traceparent: format!(
                    "00-{}-{}-{:02x}",
                    context.trace_id(),
                    context.span_id(),
                    context.trace_flags()
                ),
                tracestate: Some(state).filter(|state| !state.is_empty()),
            }
        })
    }

    /// The trace's id, 32 hexadecimal digits.
    pub fn id(&self) -> &str {
        self.traceparent.get(3..35).unwrap_or_default()
    }

    /// The `traceparent` header.
    pub fn parent(&self) -> &str {
        &self.traceparent
    }

    /// The `tracestate` header.
    pub fn state(&self) -> Option<&str> {
        self.tracestate.as_deref()
    }

    /// Whether its spans are exported.
    pub fn is_sampled(&self) -> bool {
        self.to_span_context().is_sampled()
    }

    fn trace_id(&self) -> TraceId {
        TraceId::from_hex(self.id()).unwrap_or(TraceId::INVALID)
    }

    pub(crate) fn to_span_context(&self) -> SpanContext {
        let part = |range| self.traceparent.get(range).unwrap_or_default();
        let flags = u8::from_str_radix(part(53..55), 16).unwrap_or_default();
        let state = self.state().and_then(|state| state.parse().ok());
        SpanContext::new(
            self.trace_id(),
            SpanId::from_hex(part(36..52)).unwrap_or(SpanId::INVALID),
            TraceFlags::new(flags),
            true,
            state.unwrap_or_default(),
        )
    }

    fn to_context(&self) -> Context {
        Context::new().with_remote_span_context(self.to_span_context())
    }
}

impl fmt::Display for Trace {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.id())
    }
}

fn random_id() -> u128 {
    Uuid::new_v4().as_u128()
}

fn is_hex(part: &str, length: usize) -> bool {
    part.len() == length
        && part
            .bytes()
            .all(|byte| matches!(byte, b'0'..=b'9' | b'a'..=b'f'))
}

/// Hexadecimal, and not all zeros.
fn is_id(part: &str, length: usize) -> bool {
    is_hex(part, length) && part.bytes().any(|byte| byte != b'0')
}

/// Checks `version-traceid-parentid-flags` in lower-case hexadecimal (section 3.2). A later
/// version may be longer; the parts of this one are read.
fn is_traceparent(text: &str) -> bool {
    let parts: Vec<_> = text.splitn(5, '-').collect();
    let [version, trace, parent, flags, rest @ ..] = parts.as_slice() else {
        return false;
    };
    is_hex(version, 2)
        && *version != "ff"
        && (rest.is_empty() || *version != "00")
        && rest
            .iter()
            .all(|rest| rest.bytes().all(|byte| byte.is_ascii_graphic()))
        && text.len() <= MAX_STATE_LENGTH
        && is_id(trace, 32)
        && is_id(parent, 16)
        && is_hex(flags, 2)
}

#[cfg(test)]
mod tests {
    use super::*;

    const GOOD: &str = "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01";
    const ID: &str = "4bf92f3577b34da6a3ce929d0e0e4736";

    fn read(headers: &[(&str, &'static str)]) -> Option<Origin> {
        Origin::read(|name| headers.iter().find(|(n, _)| *n == name).map(|(_, v)| *v))
    }

    #[test]
    fn a_valid_context_is_read() {
        let Some(Origin::Parent(trace)) = read(&[("traceparent", GOOD), ("tracestate", "a=b")])
        else {
            panic!("a parent");
        };
        assert_eq!(trace.parent(), GOOD);
        assert_eq!(trace.id(), ID);
        assert_eq!(trace.state(), Some("a=b"));
        assert!(trace.is_sampled());
        let context = trace.to_span_context();
        assert_eq!(context.span_id().to_string(), "00f067aa0ba902b7");
        assert_eq!(context.trace_state().header(), "a=b");
    }

    #[test]
    fn an_invalid_context_is_ignored() {
        for bad in [
            "",
            "00",
            "00-4BF92F3577B34DA6A3CE929D0E0E4736-00f067aa0ba902b7-01",
            "00-00000000000000000000000000000000-00f067aa0ba902b7-01",
            "00-4bf92f3577b34da6a3ce929d0e0e4736-0000000000000000-01",
            "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01-x",
            "ff-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01",
        ] {
            assert_eq!(read(&[("traceparent", bad), ("tracestate", "a=b")]), None);
        }
    }

    #[test]
    fn a_later_version_is_read() {
        let later = "01-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01-more";
        assert!(matches!(
            read(&[("traceparent", later)]),
            Some(Origin::Parent(trace)) if trace.id() == ID
        ));
    }

    #[test]
    fn new_traces_have_different_ids() {
        assert_ne!(Trace::begin().id(), Trace::begin().id());
        assert!(is_traceparent(Trace::begin().parent()));
    }

    #[test]
    fn a_sampled_segment_of_xray_is_a_parent() {
        let header = "Self=1-0-0;Root=1-4bf92f35-77b34da6a3ce929d0e0e4736;\
                      Parent=00f067aa0ba902b7;Sampled=1";
        let Some(Origin::Parent(trace)) = read(&[("x-amzn-trace-id", header)]) else {
            panic!("a parent");
        };
        assert_eq!(trace.parent(), GOOD);
    }

    #[test]
    fn of_other_segments_only_the_trace_is_read() {
        for header in [
            "Root=1-4bf92f35-77b34da6a3ce929d0e0e4736",
            "Root=1-4bf92f35-77b34da6a3ce929d0e0e4736;Parent=00f067aa0ba902b7;Sampled=0",
        ] {
            let Some(Origin::Id(trace)) = Origin::from_xray(header) else {
                panic!("an id: {header}");
            };
            assert_eq!(trace.id(), ID);
            assert!(!trace.is_sampled());
        }
        for header in [
            "",
            "Root=1-4bf92f35-77",
            "Root=2-4bf92f35-77b34da6a3ce929d0e0e4736",
        ] {
            assert_eq!(Origin::from_xray(header), None, "{header}");
        }
    }

    #[test]
    fn the_header_of_w3c_has_precedence() {
        let xray = "Root=1-0af76519-16cd43dd8448eb211c80319c";
        let origin = read(&[("x-amzn-trace-id", xray), ("traceparent", GOOD)]);
        assert!(matches!(origin, Some(Origin::Parent(trace)) if trace.id() == ID));
    }

    #[test]
    fn without_an_exporter_the_callers_context_is_passed_on() {
        let span = tracing::info_span!("call");
        let origin = read(&[("traceparent", GOOD)]);
        assert_eq!(Trace::adopt(&span, origin).parent(), GOOD);
        assert_eq!(Trace::of(&span), None);
    }
}
