//! One call, as a test writes it.

use std::time::Duration;

use anyhow::{Context as _, Result, bail};
use serde_json::{Map, Value};
use tokio::time::{Instant, sleep, timeout};
use trichrome_proto::{
    contract::Operation,
    error::ErrorCode,
    wire::header::{AUTHORIZATION, IDEMPOTENCY_KEY, REQUEST_ID, TRACEPARENT},
};
use uuid::Uuid;

use crate::{account::Account, reply::Reply, scenario::Scenario, transport::Transport};

/// A read straight through the REST API that has no answer after this is made again, as the
/// facade does: cargo-lambda 1.9.2 now and then keeps an answer of megabytes until the same
/// instance of its function is called again (`gateway/src/http/facade/rest.rs`).
const LATE_READ: Duration = Duration::from_secs(5);

/// How often that is done.
const LATE_READS: u32 = 5;

/// The longest that a call is waited for: the gateway's own deadline is ten seconds.
const PATIENCE: Duration = Duration::from_secs(25);

/// How long a call that the contract limits is tried again.
const LIMITED: Duration = Duration::from_secs(15);

/// The span in which every call is made, as far as the service knows.
pub const SPAN: &str = "b7ad6b7169203331";

/// A call on its way.
#[derive(Clone)]
pub(crate) struct Outgoing {
    pub(crate) operation: &'static Operation,
    pub(crate) args: Map<String, Value>,
    /// The whole header.
    pub(crate) authorization: Option<String>,
    pub(crate) idempotency_key: Option<String>,
    pub(crate) request_id: String,
    pub(crate) trace: Uuid,
}

impl Outgoing {
    /// What travels beside the message: HTTP headers, gRPC metadata, Kafka record headers.
    pub(crate) fn headers(&self) -> Vec<(&'static str, String)> {
        let trace = self.trace.simple();
        let mut headers = vec![
            (REQUEST_ID, self.request_id.clone()),
            (TRACEPARENT, format!("00-{trace}-{SPAN}-01")),
        ];
        let optional = [
            (AUTHORIZATION, &self.authorization),
            (IDEMPOTENCY_KEY, &self.idempotency_key),
        ];
        for (name, value) in optional {
            headers.extend(value.clone().map(|value| (name, value)));
        }
        headers
    }
}

/// A call, not yet sent.
#[must_use = "a call that is not sent tests nothing"]
pub struct Request {
    scenario: Scenario,
    transport: Transport,
    call: Outgoing,
}

impl Request {
    pub(crate) fn new(
        scenario: Scenario,
        transport: Transport,
        operation: &'static Operation,
        args: Map<String, Value>,
    ) -> Self {
        Self {
            scenario,
            transport,
            call: Outgoing {
                operation,
                args,
                authorization: None,
                idempotency_key: None,
                request_id: Uuid::new_v4().to_string(),
                trace: Uuid::new_v4(),
            },
        }
    }

    /// With the account's token.
    pub fn by(self, account: &Account) -> Self {
        self.token(&account.token)
    }

    /// With this token.
    pub fn token(self, token: &str) -> Self {
        self.authorization(format!("Bearer {token}"))
    }

    /// With this in the `authorization` header.
    pub fn authorization(mut self, value: String) -> Self {
        self.call.authorization = Some(value);
        self
    }

    /// With this idempotency key; over Kafka it is the EventId.
    pub fn key(mut self, key: &str) -> Self {
        self.call.idempotency_key = Some(key.to_owned());
        self
    }

    /// With this trace id.
    pub fn trace(mut self, trace: Uuid) -> Self {
        self.call.trace = trace;
        self
    }

    /// Sends it, and waits for the answer. An operation that the contract limits is tried
    /// again while the answer is that it was called too often, as its clients should.
    ///
    /// # Errors
    ///
    /// There is no answer in time, or it is not of the contract's shape.
    pub async fn send(self) -> Result<Reply> {
        let Self {
            scenario,
            transport,
            mut call,
        } = self;
        let until = Instant::now() + LIMITED;
        loop {
            let reply = once(&scenario, transport, call.clone()).await?;
            let limited = call.operation.rate_limit > 0
                && reply.code() == Some(ErrorCode::ResourceExhausted)
                && Instant::now() < until;
            if !limited {
                return Ok(reply);
            }
            sleep(Duration::from_millis(100)).await;
            call.trace = Uuid::new_v4();
        }
    }

    /// Sends it once, whatever the answer.
    ///
    /// # Errors
    ///
    /// As [`Self::send`].
    pub async fn send_once(self) -> Result<Reply> {
        once(&self.scenario, self.transport, self.call).await
    }
}

async fn once(scenario: &Scenario, transport: Transport, call: Outgoing) -> Result<Reply> {
    let (operation, trace) = (call.operation, call.trace);
    let request_id = call.request_id.clone();
    let what = format!("{} over {transport}", operation.function);
    let reads = transport == Transport::Rest && operation.http.method == "GET";
    let mut carried = None;
    for _ in 0..if reads { LATE_READS } else { 0 } {
        let read = transport.carry(scenario.stack(), call.clone());
        carried = timeout(LATE_READ, read).await.ok();
        if carried.is_some() {
            break;
        }
    }
    let carried = match carried {
        Some(carried) => Ok(carried),
        None => timeout(PATIENCE, transport.carry(scenario.stack(), call)).await,
    };
    let mut reply = carried
        .with_context(|| format!("{what}: no answer within {PATIENCE:?}"))?
        .with_context(|| what.clone())?;
    if reply.request_id != request_id {
        bail!(
            "{what}: the answer has the request id {:?}, and {request_id:?} was sent",
            reply.request_id
        );
    }
    if let Err(error) = &reply.outcome
        && error.trace_id != trace.simple().to_string()
    {
        bail!(
            "{what}: the error names the trace {:?}, and {trace} was sent",
            error.trace_id
        );
    }
    scenario.made(transport, operation, trace, reply.status);
    reply.what = what;
    Ok(reply)
}
