//! Trace context of an invocation.

use std::collections::BTreeMap;

use serde::Serialize;

use super::header::{TRACEPARENT, TRACESTATE};

/// Lambda's client context with an invocation's W3C trace context. The event is the same for
/// every attempt, and a batch of records has no headers, so the trace doesn't depend on either.
#[derive(Debug, Serialize)]
pub struct ClientContext<'a> {
    custom: BTreeMap<&'static str, &'a str>,
    env: BTreeMap<&'static str, &'a str>,
}

impl<'a> ClientContext<'a> {
    /// A client context that carries these headers' values.
    pub fn new(traceparent: &'a str, tracestate: Option<&'a str>) -> Self {
        let mut custom = BTreeMap::from([(TRACEPARENT, traceparent)]);
        custom.extend(tracestate.map(|state| (TRACESTATE, state)));
        Self {
            custom,
            env: BTreeMap::new(),
        }
    }

    /// Its JSON. Lambda's `X-Amz-Client-Context` header is this in base64.
    pub fn to_json(&self) -> String {
        // Maps of strings always serialize.
        serde_json::to_string(self).unwrap_or_default()
    }
}
