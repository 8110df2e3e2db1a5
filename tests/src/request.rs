//! Builds and sends a call.

use std::{net::IpAddr, time::Duration};

use anyhow::{Context as _, Result, bail};
use serde_json::{Map, Value};
use tokio::time::{Instant, sleep, timeout};
use trichrome_proto::{
    contract::Operation,
    error::ErrorCode,
    wire::header::{AUTHORIZATION, FORWARDED_FOR, IDEMPOTENCY_KEY, REQUEST_ID, TRACEPARENT},
};
use uuid::Uuid;

use crate::{account::Account, reply::Reply, scenario::Scenario, transport::Transport};

/// The timeout of a call. The gateway's own deadline is ten seconds.
const PATIENCE: Duration = Duration::from_secs(25);

/// How long a rate-limited call is retried.
const LIMITED: Duration = Duration::from_secs(15);

/// The caller's span id, sent with every call.
pub const SPAN: &str = "b7ad6b7169203331";

/// The header of a trace.
pub fn traceparent(trace: Uuid) -> String {
    format!("00-{}-{SPAN}-01", trace.simple())
}

/// A call that is ready to be sent.
#[derive(Clone)]
pub(crate) struct Outgoing {
    pub(crate) operation: &'static Operation,
    pub(crate) args: Map<String, Value>,
    /// The value of the `authorization` header.
    pub(crate) authorization: Option<String>,
    /// The value of a second `authorization` header.
    pub(crate) second_authorization: Option<String>,
    pub(crate) idempotency_key: Option<String>,
    /// The address that a proxy would name.
    pub(crate) address: Option<IpAddr>,
    pub(crate) request_id: String,
    pub(crate) trace: Uuid,
}

impl Outgoing {
    /// The HTTP headers, gRPC metadata or Kafka record headers.
    pub(crate) fn headers(&self) -> Vec<(&'static str, String)> {
        let mut headers = vec![
            (REQUEST_ID, self.request_id.clone()),
            (TRACEPARENT, traceparent(self.trace)),
        ];
        let address = self.address.map(|address| address.to_string());
        let optional = [
            (AUTHORIZATION, &self.authorization),
            (AUTHORIZATION, &self.second_authorization),
            (IDEMPOTENCY_KEY, &self.idempotency_key),
            (FORWARDED_FOR, &address),
        ];
        for (name, value) in optional {
            headers.extend(value.clone().map(|value| (name, value)));
        }
        headers
    }
}

/// A call that hasn't been sent yet.
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
                second_authorization: None,
                idempotency_key: None,
                address: None,
                request_id: Uuid::new_v4().to_string(),
                trace: Uuid::new_v4(),
            },
        }
    }

    /// Adds the account's token.
    pub fn by(self, account: &Account) -> Self {
        self.token(&account.token)
    }

    /// Adds a token.
    pub fn token(self, token: &str) -> Self {
        self.authorization(format!("Bearer {token}"))
    }

    /// Sets the `authorization` header.
    pub fn authorization(mut self, value: String) -> Self {
        self.call.authorization = Some(value);
        self
    }

    /// Repeats the `authorization` header.
    pub fn authorized_twice(mut self) -> Self {
        self.call
            .second_authorization
            .clone_from(&self.call.authorization);
        self
    }

    /// Sets the idempotency key, which is the EventId over Kafka.
    pub fn key(mut self, key: &str) -> Self {
        self.call.idempotency_key = Some(key.to_owned());
        self
    }

    /// Calls from this address, behind a proxy.
    pub fn at_address(mut self, address: IpAddr) -> Self {
        self.call.address = Some(address);
        self
    }

    /// Sets the trace id.
    pub fn trace(mut self, trace: Uuid) -> Self {
        self.call.trace = trace;
        self
    }

    /// Sends the call and waits for the reply. If the contract limits the operation's rate, the
    /// call is retried while the limit is exceeded, as clients should do.
    ///
    /// # Errors
    ///
    /// If there is no reply in time, or if it doesn't conform to the contract.
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

    /// Sends the call without retries.
    pub async fn send_once(self) -> Result<Reply> {
        once(&self.scenario, self.transport, self.call).await
    }
}

async fn once(scenario: &Scenario, transport: Transport, call: Outgoing) -> Result<Reply> {
    let (operation, trace) = (call.operation, call.trace);
    let request_id = call.request_id.clone();
    let what = format!("{} over {transport}", operation.function);
    let mut reply = timeout(PATIENCE, transport.carry(scenario.stack(), call))
        .await
        .with_context(|| format!("{what}: no reply within {PATIENCE:?}"))?
        .with_context(|| what.clone())?;
    if reply.request_id != request_id {
        bail!(
            "{what}: the reply has the request id {:?}, but {request_id:?} was sent",
            reply.request_id
        );
    }
    if let Err(error) = &reply.outcome
        && error.trace_id != trace.simple().to_string()
    {
        bail!(
            "{what}: the error has the trace {:?}, but {trace} was sent",
            error.trace_id
        );
    }
    scenario.made(transport, operation, trace, reply.status);
    reply.what = what;
    Ok(reply)
}
