//! The measured call, directly through Lambda's Invoke API and through the gateway. The function
//! is `auth-validate`, which uses no store.

use std::time::Duration;

use anyhow::{Context as _, Result, ensure};
use reqwest::Client;
use serde_json::{Value, json};
use tonic::transport::{Channel, Endpoint};
use trichrome_proto::{
    auth::{SignupInput, ValidateRpcRequestInput, auth_client::AuthClient},
    binding::Target,
    contract::by_function,
    wire::{Event, Transport, event, header::REQUEST_ID, media::Form},
};
use uuid::Uuid;

use crate::settings::Stack;

/// The function under test.
pub(crate) const FUNCTION: &str = "auth-validate";

const TIMEOUT: Duration = Duration::from_secs(10);

/// Connects to the gateway.
pub(crate) async fn connect(grpc_url: &str) -> Result<AuthClient<Channel>> {
    let endpoint = Endpoint::from_shared(grpc_url.to_owned())?.timeout(TIMEOUT);
    Ok(AuthClient::new(endpoint.connect().await?))
}

/// A client with one HTTP connection.
pub(crate) fn http() -> Result<Client> {
    let client = Client::builder()
        .pool_max_idle_per_host(1)
        .tcp_nodelay(true)
        .timeout(TIMEOUT);
    Ok(client.build()?)
}

/// Signs up and returns the token.
pub(crate) async fn token(stack: &Stack) -> Result<String> {
    let user = SignupInput {
        username: format!("bench-{}", Uuid::new_v4()),
        password: "correct horse battery".to_owned(),
    };
    let answer = connect(&stack.grpc_url).await?.signup(user).await?;
    Ok(answer.into_inner().access_token)
}

/// The call through the gateway.
pub(crate) async fn over_grpc(mut client: AuthClient<Channel>, token: &str) -> Result<()> {
    let input = ValidateRpcRequestInput {
        access_token: token.to_owned(),
        ..Default::default()
    };
    let answer = client.validate_rpc_request(input).await?.into_inner();
    ensure!(!answer.user_id.is_empty(), "the token is invalid");
    Ok(())
}

/// The call through the REST API, without the gateway.
pub(crate) async fn over_rest(client: &Client, rest_url: &str, token: &str) -> Result<()> {
    let request = client
        .post(format!("{rest_url}/auth"))
        .json(&json!({"access_token": token}));
    let response = request.send().await?.error_for_status()?;
    let answer: Value = response.json().await?;
    ensure!(
        answer["user_id"].is_string(),
        "unexpected response: {answer}"
    );
    Ok(())
}

/// Lambda's Invoke API without an SDK, the baseline of a call.
pub(crate) struct Direct {
    client: Client,
    url: String,
    event: String,
}

impl Direct {
    /// Opens a connection.
    pub(crate) fn new(lambda_endpoint: &str, token: &str) -> Result<Self> {
        Ok(Self {
            client: http()?,
            url: format!("{lambda_endpoint}/2015-03-31/functions/{FUNCTION}/invocations"),
            event: event(token)?,
        })
    }

    pub(crate) async fn call(&self) -> Result<()> {
        let response = self.client.post(&self.url).body(self.event.clone());
        let answer: Value = response.send().await?.json().await?;
        ensure!(answer["statusCode"] == 200, "unexpected response: {answer}");
        Ok(())
    }
}

/// The event that the gateway sends.
fn event(token: &str) -> Result<String> {
    let operation = by_function(FUNCTION).context("the contract has no such function")?;
    let target = Target {
        path: operation.http.path.to_owned(),
        ..Target::default()
    };
    let request_id = Uuid::new_v4().to_string();
    let event = Event::new(event::Request {
        operation,
        target: &target,
        headers: vec![(REQUEST_ID, request_id.as_str())],
        // The function leaves the call log to the gateway.
        api_id: Transport::Grpc.api_id(),
        request_id: &request_id,
        client: None,
        form: Form::Json,
        body: Some(json!({"access_token": token}).to_string()),
    });
    Ok(serde_json::to_string(&event)?)
}
