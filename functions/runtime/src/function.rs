//! The interface between the shell and a function.

use std::{future::Future, net::IpAddr};

use serde::{Serialize, de::DeserializeOwned};
use trichrome_proto::{error::Fault, wire::Transport};

use crate::{Env, TokenCheck};

/// One operation of the contract, served by one Lambda function.
///
/// ```no_run
/// use trichrome_proto::{
///     error::{ApiError, ErrorCode},
///     users::{CreateUserRequest, UserMessage},
/// };
/// use trichrome_runtime::{Call, Env, Function, NoTokens};
///
/// struct Create {
///     table: String,
/// }
///
/// impl Function for Create {
///     const NAME: &'static str = "users-create";
///     type Input = CreateUserRequest;
///     type Output = UserMessage;
///     type Error = ApiError;
///     type Tokens = NoTokens;
///
///     fn build(env: &mut Env) -> Self {
///         Self {
///             table: env.required("USERS_TABLE"),
///         }
///     }
///
///     async fn call(&self, _: &Call, input: CreateUserRequest) -> Result<UserMessage, ApiError> {
///         let (table, name) = (&self.table, input.username);
///         Err(ApiError::new(ErrorCode::AlreadyExists, format!("{table} has a user {name}")))
///     }
/// }
///
/// fn main() -> std::process::ExitCode {
///     trichrome_runtime::run::<Create>()
/// }
/// ```
pub trait Function: Sized + Send + Sync + 'static {
    /// The function's name in the contract.
    const NAME: &'static str;
    /// The request message.
    type Input: DeserializeOwned + Send;
    /// The response message; `()` for `google.protobuf.Empty`.
    type Output: Serialize + Send;
    /// The domain's error.
    type Error: Fault + Send + Sync + 'static;
    /// Decides whether a caller's token still counts.
    type Tokens: TokenCheck;

    /// Reads the configuration and builds the clients. Problems are recorded in `env`, so that
    /// all of them are reported at once.
    fn build(env: &mut Env) -> Self;

    /// Serves one call. The caller has the access that the contract requires, and the request
    /// satisfies its rules.
    fn call(
        &self,
        call: &Call,
        input: Self::Input,
    ) -> impl Future<Output = Result<Self::Output, Self::Error>> + Send;

    /// The state of what the caller owns: a text that differs from all earlier ones once anything of it
    /// has been deleted. A response is kept together with the state from before the call, and counts
    /// only as long as that is the state, so a response with something deleted never does, even if an
    /// eviction got lost.
    ///
    /// `None`, the default, if the response to this request isn't worth keeping, or if the state is
    /// unknown.
    fn revision<'a>(
        &'a self,
        call: &'a Call,
        input: &'a Self::Input,
    ) -> Option<impl Future<Output = Result<Option<String>, Self::Error>> + Send + 'a> {
        let _unused = (call, input);
        None::<std::future::Ready<_>>
    }
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
    /// How often the caller had revoked their tokens when the call's token was issued.
    pub token_generation: u64,
    /// Repeated creates with the same key have one effect.
    pub idempotency_key: Option<String>,
    /// Identifies the call in the logs.
    pub request_id: String,
    /// The W3C trace id, 32 hexadecimal digits.
    pub trace_id: String,
    /// How the call reached the service.
    pub transport: Transport,
    /// The caller's address; `None` over Kafka.
    pub address: Option<IpAddr>,
}

impl Call {
    /// The caller's id; empty for public operations.
    pub fn caller(&self) -> &str {
        self.user_id.as_deref().unwrap_or_default()
    }
}
