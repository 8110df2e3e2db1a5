//! What a function is to the shell.

use std::future::Future;

use serde::{Serialize, de::DeserializeOwned};
use trichrome_proto::{analytics::AnalyticsEntryMessage, error::Fault};

use crate::Env;

/// One operation of the contract, served by one Lambda function.
pub trait Function: Sized + Send + Sync + 'static {
    /// The function's name in the contract.
    const NAME: &'static str;
    /// The request message.
    type Input: DeserializeOwned + Send;
    /// The response message; `()` for `google.protobuf.Empty`.
    type Output: Serialize + Send;
    /// The domain's error.
    type Error: Fault + Send + Sync + 'static;

    /// Reads the configuration and builds the clients. Problems are kept in `env`, so that
    /// the start reports all of them at once.
    fn build(env: &mut Env) -> Self;

    /// Serves one call. The caller is who the contract demands, and the request satisfies
    /// the contract's rules.
    fn call(
        &self,
        call: &Call,
        input: Self::Input,
    ) -> impl Future<Output = Result<Self::Output, Self::Error>> + Send;
}

/// A function that AWS invokes with an event of its own, not a caller with a request: a batch
/// of Kafka records, a schedule, a request from CloudFormation.
pub trait EventFunction: Sized + Send + Sync + 'static {
    /// The function's name in the contract or in `template.yaml`.
    const NAME: &'static str;
    /// The kind of event source, one of OpenTelemetry's values of `faas.trigger`.
    const TRIGGER: &'static str;
    /// The event, as AWS encodes it.
    type Event: DeserializeOwned + Send;
    /// The response that AWS expects.
    type Output: Serialize + Send;
    /// The domain's error. The invocation fails with it, so that the event is redelivered.
    type Error: Fault + Send + Sync + 'static;

    /// See [`Function::build`].
    fn build(env: &mut Env) -> Self;

    /// Handles one event.
    fn call(
        &self,
        event: Self::Event,
    ) -> impl Future<Output = Result<Self::Output, Self::Error>> + Send;
}

/// One call, apart from its request message.
#[derive(Clone, Debug)]
pub struct Call {
    /// The verified caller; `None` only for public operations.
    pub user_id: Option<String>,
    /// The key under which a create has one effect however often it is delivered.
    pub idempotency_key: Option<String>,
    /// Finds the call in the logs.
    pub request_id: String,
    /// The W3C trace id, 32 hexadecimal digits.
    pub trace_id: String,
    /// How the call came.
    pub transport: Transport,
    /// The entry that the shell of another function sends to be logged; only
    /// [`Transport::Internal`] carries one.
    pub internal_entry: Option<AnalyticsEntryMessage>,
}

impl Call {
    /// The caller's id; empty for public operations.
    pub fn caller(&self) -> &str {
        self.user_id.as_deref().unwrap_or_default()
    }
}

/// How a call came.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Transport {
    /// Through API Gateway.
    Rest,
    /// Through the gateway, over gRPC.
    Grpc,
    /// Through the gateway, as a Kafka command.
    Events,
    /// From the shell of another function; who may invoke functions is IAM's business.
    Internal,
}

impl Transport {
    /// Told from `requestContext.apiId`, which API Gateway sets itself: a caller of the API
    /// cannot forge it, as it could a header.
    pub(crate) fn from_api_id(api_id: Option<&str>) -> Self {
        match api_id {
            Some("trichrome-gateway:grpc") => Self::Grpc,
            Some("trichrome-gateway:events") => Self::Events,
            Some(crate::call_log::API_ID) => Self::Internal,
            _ => Self::Rest,
        }
    }

    /// The name in call logs.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Rest => "rest",
            Self::Grpc => "grpc",
            Self::Events => "events",
            Self::Internal => "internal",
        }
    }
}
