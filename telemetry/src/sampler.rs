//! Which traces are kept, by OpenTelemetry's variables.
//!
//! The SDK reads them too, but keeps every trace where they are wrong, and says so only in
//! its own log, which nobody here sees.

use opentelemetry_sdk::trace::Sampler;

/// Why all traces are kept.
#[derive(Debug, PartialEq, thiserror::Error)]
pub(crate) enum Problem {
    #[error(
        "OTEL_TRACES_SAMPLER is {0:?}; it takes always_on, always_off, traceidratio, each also \
         as parentbased_…"
    )]
    Name(String),
    #[error("OTEL_TRACES_SAMPLER_ARG is {0:?}; {1} takes a share from 0 to 1")]
    Share(String, String),
}

/// The sampler of this name and argument; all that have no parent, or one that is kept,
/// where there is no name.
///
/// # Errors
///
/// There is no such sampler, or its argument is no share.
pub(crate) fn read(name: Option<&str>, argument: Option<&str>) -> Result<Sampler, Problem> {
    let name = name.unwrap_or("parentbased_always_on").trim();
    let share = || {
        let text = argument.unwrap_or_default().trim();
        text.parse()
            .ok()
            .filter(|share| (0.0..=1.0).contains(share))
            .map(Sampler::TraceIdRatioBased)
            .ok_or_else(|| Problem::Share(text.to_owned(), name.to_owned()))
    };
    let (root, by_parent) = match name.strip_prefix("parentbased_") {
        Some(root) => (root, true),
        None => (name, false),
    };
    let sampler = match root {
        "always_on" => Sampler::AlwaysOn,
        "always_off" => Sampler::AlwaysOff,
        "traceidratio" => share()?,
        _ => return Err(Problem::Name(name.to_owned())),
    };
    Ok(if by_parent {
        Sampler::ParentBased(Box::new(sampler))
    } else {
        sampler
    })
}

/// What is kept where the variables are wrong.
pub(crate) fn all() -> Sampler {
    Sampler::ParentBased(Box::new(Sampler::AlwaysOn))
}

#[cfg(test)]
mod tests {
    use opentelemetry::{
        Context,
        trace::{SpanContext, SpanKind, TraceContextExt as _, TraceFlags, TraceId, TraceState},
    };
    use opentelemetry_sdk::trace::{SamplingDecision, ShouldSample as _};

    use super::*;

    /// Whether a trace is kept, of a parent that is kept, or is not, or of none.
    fn keeps(name: &str, argument: Option<&str>, parent: Option<bool>) -> bool {
        let trace = TraceId::from(0x4bf9_2f35_77b3_4da6_a3ce_929d_0e0e_4736);
        let parent = parent.map(|kept| {
            let flags = TraceFlags::default().with_sampled(kept);
            let span = SpanContext::new(trace, 7.into(), flags, true, TraceState::default());
            Context::new().with_remote_span_context(span)
        });
        let sampler = read(Some(name), argument).unwrap();
        let kind = SpanKind::Server;
        let result = sampler.should_sample(parent.as_ref(), trace, "call", &kind, &[], &[]);
        result.decision == SamplingDecision::RecordAndSample
    }

    #[test]
    fn a_share_of_nothing_keeps_what_a_caller_keeps() {
        let none = |parent| keeps("parentbased_traceidratio", Some("0"), parent);
        assert!(!none(None) && !none(Some(false)) && none(Some(true)));
        assert!(keeps("parentbased_traceidratio", Some("1"), None));
        assert!(!keeps("traceidratio", Some("0.0"), Some(true)));
        assert!(!keeps("always_off", None, Some(true)));
        assert!(keeps("always_on", None, Some(false)));
    }

    #[test]
    fn what_is_wrong_is_named() {
        assert!(read(None, Some("unused")).is_ok());
        for (name, argument, variable) in [
            ("xray", None, "OTEL_TRACES_SAMPLER is"),
            ("traceidratio", None, "OTEL_TRACES_SAMPLER_ARG"),
            (
                "parentbased_traceidratio",
                Some("10%"),
                "OTEL_TRACES_SAMPLER_ARG",
            ),
            ("traceidratio", Some("2"), "OTEL_TRACES_SAMPLER_ARG"),
        ] {
            let problem = read(Some(name), argument).unwrap_err().to_string();
            assert!(problem.contains(variable), "{problem}");
        }
    }
}
