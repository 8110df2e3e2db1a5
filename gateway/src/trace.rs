//! W3C trace context: taken over from the caller, or begun here.

use std::fmt;

/// A `traceparent` with what may come beside it.
///
/// The gateway exports no spans of its own, so it hands a caller's `traceparent` on as it
/// is: a parent that nobody exports would tear the trace in two.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Trace {
    traceparent: String,
    tracestate: Option<String>,
}

/// The longest `tracestate` handed on: the least that the standard (section 3.3.1.5) asks
/// every participant to carry.
const LONGEST_STATE: usize = 512;

impl Trace {
    /// Takes the caller's context; begins a new one where there is none, or none valid.
    pub fn accept(traceparent: Option<&str>, tracestate: Option<&str>) -> Self {
        match traceparent.filter(|text| is_traceparent(text)) {
            Some(traceparent) => Self {
                traceparent: traceparent.to_owned(),
                tracestate: tracestate
                    .filter(|state| state.len() <= LONGEST_STATE && !state.is_empty())
                    .map(str::to_owned),
            },
            None => Self::begin(),
        }
    }

    /// A new context with random ids, not sampled: sampling is a caller's to ask for.
    pub fn begin() -> Self {
        // An id of all zeros is not valid; the odds of 2^-64 are not worth a loop, the
        // lowest bit is.
        let trace = rand::random::<u128>() | 1;
        let parent = rand::random::<u64>() | 1;
        Self {
            traceparent: format!("00-{trace:032x}-{parent:016x}-00"),
            tracestate: None,
        }
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
}

impl fmt::Display for Trace {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.id())
    }
}

/// `version-traceid-parentid-flags`, lower-case hexadecimal (section 3.2). A later version
/// may be longer, and is read as far as this one goes.
fn is_traceparent(text: &str) -> bool {
    let parts: Vec<_> = text.splitn(5, '-').collect();
    let [version, trace, parent, flags, rest @ ..] = parts.as_slice() else {
        return false;
    };
    let hex = |part: &str, length: usize| {
        part.len() == length
            && part
                .bytes()
                .all(|byte| matches!(byte, b'0'..=b'9' | b'a'..=b'f'))
    };
    let zero = |part: &str| part.bytes().all(|byte| byte == b'0');
    hex(version, 2)
        && *version != "ff"
        && (rest.is_empty() || *version != "00")
        && rest
            .iter()
            .all(|rest| rest.bytes().all(|byte| byte.is_ascii_graphic()))
        && text.len() <= LONGEST_STATE
        && hex(trace, 32)
        && !zero(trace)
        && hex(parent, 16)
        && !zero(parent)
        && hex(flags, 2)
}

#[cfg(test)]
mod tests {
    use super::*;

    const GOOD: &str = "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01";

    #[test]
    fn a_valid_context_is_taken_over() {
        let trace = Trace::accept(Some(GOOD), Some("a=b"));
        assert_eq!(trace.parent(), GOOD);
        assert_eq!(trace.id(), "4bf92f3577b34da6a3ce929d0e0e4736");
        assert_eq!(trace.state(), Some("a=b"));
    }

    #[test]
    fn anything_else_begins_a_new_one() {
        for bad in [
            "",
            "00",
            "00-4BF92F3577B34DA6A3CE929D0E0E4736-00f067aa0ba902b7-01",
            "00-00000000000000000000000000000000-00f067aa0ba902b7-01",
            "00-4bf92f3577b34da6a3ce929d0e0e4736-0000000000000000-01",
            "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01-x",
            "ff-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01",
        ] {
            let trace = Trace::accept(Some(bad), Some("a=b"));
            assert_ne!(trace.parent(), bad);
            assert!(is_traceparent(trace.parent()), "{trace:?}");
            assert_eq!(trace.state(), None);
        }
    }

    #[test]
    fn a_later_version_is_read() {
        let later = "01-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01-more";
        assert_eq!(Trace::accept(Some(later), None).parent(), later);
    }

    #[test]
    fn no_two_begin_alike() {
        assert_ne!(Trace::begin().id(), Trace::begin().id());
    }
}
