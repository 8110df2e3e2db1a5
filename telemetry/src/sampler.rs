//! Which traces are sampled, by OpenTelemetry's variables.
//!
//! The SDK reads them too, but samples every trace if they are invalid, and reports that only
//! in its internal log, which is off.

use opentelemetry_sdk::trace::Sampler;

/// Why a sampler is invalid.
#[derive(Debug, PartialEq, thiserror::Error)]
pub(crate) enum Problem {
    #[error(
        "OTEL_TRACES_SAMPLER is {0:?}; it must be always_on, always_off or traceidratio, or one of \
         them with the prefix parentbased_"
    )]
    Name(String),
    #[error("OTEL_TRACES_SAMPLER_ARG is {0:?}; for {1} it must be a ratio from 0 to 1")]
    Ratio(String, String),
}

/// The sampler with this name and argument. Without a name it is [`all`].
///
/// # Errors
///
/// The name is unknown, or the argument isn't a ratio.
pub(crate) fn read(name: Option<&str>, argument: Option<&str>) -> Result<Sampler, Problem> {
    let name = name.unwrap_or("parentbased_always_on").trim();
    let ratio = || {
        let text = argument.unwrap_or_default().trim();
        text.parse()
            .ok()
            .filter(|ratio| (0.0..=1.0).contains(ratio))
            .map(Sampler::TraceIdRatioBased)
            .ok_or_else(|| Problem::Ratio(text.to_owned(), name.to_owned()))
    };
    let (root, by_parent) = match name.strip_prefix("parentbased_") {
        Some(root) => (root, true),
        None => (name, false),
    };
    let sampler = match root {
        "always_on" => Sampler::AlwaysOn,
        "always_off" => Sampler::AlwaysOff,
        "traceidratio" => ratio()?,
        _ => return Err(Problem::Name(name.to_owned())),
    };
    Ok(if by_parent {
        Sampler::ParentBased(Box::new(sampler))
    } else {
        sampler
    })
}

/// The default: samples every trace unless the caller doesn't.
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

    /// Whether a trace is sampled, without a parent or with one that is sampled or not.
    fn samples(name: &str, argument: Option<&str>, parent: Option<bool>) -> bool {
        let trace = TraceId::from(0x4bf9_2f35_77b3_4da6_a3ce_929d_0e0e_4736);
        let parent = parent.map(|sampled| {
            let flags = TraceFlags::default().with_sampled(sampled);
            let span = SpanContext::new(trace, 7.into(), flags, true, TraceState::default());
            Context::new().with_remote_span_context(span)
        });
        let sampler = read(Some(name), argument).unwrap();
        let kind = SpanKind::Server;
        let result = sampler.should_sample(parent.as_ref(), trace, "call", &kind, &[], &[]);
        result.decision == SamplingDecision::RecordAndSample
    }

    #[test]
    fn a_ratio_of_zero_samples_what_the_caller_samples() {
        let none = |parent| samples("parentbased_traceidratio", Some("0"), parent);
        assert!(!none(None) && !none(Some(false)) && none(Some(true)));
        assert!(samples("parentbased_traceidratio", Some("1"), None));
        assert!(!samples("traceidratio", Some("0.0"), Some(true)));
        assert!(!samples("always_off", None, Some(true)));
        assert!(samples("always_on", None, Some(false)));
    }

    #[test]
    fn an_invalid_variable_is_named() {
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
