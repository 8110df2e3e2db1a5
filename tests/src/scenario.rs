//! A scenario over one transport: its calls, its accounts and its cleanup.

use std::sync::{Arc, Mutex, PoisonError};

use anyhow::{Context as _, Result, ensure};
use bytes::Bytes;
use serde_json::Value;
use trichrome_proto::{
    contract::{self, Operation},
    wire::header::AUTHORIZATION,
};
use uuid::Uuid;

use crate::{
    account::Account, call_logs, call_logs::Expected, clients::http::Answer, request::Request,
    stack::Stack, transport::Transport,
};

/// How often a deletion that got no answer in time is tried. A repeated one continues.
const ATTEMPTS: usize = 3;

/// A running scenario. Cheap to clone.
#[derive(Clone)]
pub struct Scenario(Arc<Inner>);

struct Inner {
    stack: &'static Stack,
    transport: Transport,
    /// The expected call logs of its calls.
    calls: Mutex<Vec<Expected>>,
    /// The users to delete at the end.
    users: Mutex<Vec<String>>,
}

impl Scenario {
    pub(crate) fn new(stack: &'static Stack, transport: Transport) -> Self {
        Self(Arc::new(Inner {
            stack,
            transport,
            calls: Mutex::default(),
            users: Mutex::default(),
        }))
    }

    pub fn stack(&self) -> &'static Stack {
        self.0.stack
    }

    pub fn transport(&self) -> Transport {
        self.0.transport
    }

    /// Creates a call over the scenario's transport.
    pub fn call(&self, function: &str, args: Value) -> Result<Request> {
        self.call_over(self.transport(), function, args)
    }

    /// Creates a call over the given transport.
    pub fn call_over(&self, transport: Transport, function: &str, args: Value) -> Result<Request> {
        let operation = contract::by_function(function)
            .with_context(|| format!("the contract has no function {function}"))?;
        let Value::Object(args) = args else {
            anyhow::bail!("{function}: the arguments aren't an object: {args}");
        };
        Ok(Request::new(self.clone(), transport, operation, args))
    }

    /// Signs up a new user over REST, which is faster than most transports.
    pub async fn account(&self) -> Result<Account> {
        Account::sign_up(self, Transport::Rest).await
    }

    /// Signs up a user that scenarios share, who is deleted after the last one.
    pub async fn shared_account(&self) -> Result<Account> {
        let shared = Self::new(self.stack(), Transport::Rest);
        let account = Account::sign_up(&shared, Transport::Rest).await?;
        lock(&self.stack().shared_users).push(account.id.clone());
        Ok(account)
    }

    /// Deletes a user when the scenario ends.
    pub fn adopt(&self, user_id: &str) {
        lock(&self.0.users).push(user_id.to_owned());
    }

    pub(crate) fn made(
        &self,
        transport: Transport,
        operation: &'static Operation,
        trace: Uuid,
        status: u16,
    ) {
        lock(&self.0.calls).push(Expected {
            trace,
            transport: transport.logged_as(),
            service: operation.package,
            method: operation.method,
            status,
        });
    }

    /// Checks that every call so far has exactly one correct call log.
    pub async fn all_logged(&self) -> Result<()> {
        let calls = std::mem::take(&mut *lock(&self.0.calls));
        ensure!(!calls.is_empty(), "no calls were made");
        call_logs::wait_for_all(&self.stack().postgres, &calls).await
    }

    /// Deletes the scenario's users, unless they are already deleted.
    pub(crate) async fn clean_up(&self) -> Result<()> {
        let users = std::mem::take(&mut *lock(&self.0.users));
        delete(self.stack(), users).await
    }
}

/// Deletes the users that scenarios shared.
pub(crate) async fn clean_up_shared(stack: &Stack) -> Result<()> {
    let users = std::mem::take(&mut *lock(&stack.shared_users));
    delete(stack, users).await
}

async fn delete(stack: &Stack, users: Vec<String>) -> Result<()> {
    for user_id in users {
        let mut answer = delete_user(stack, &user_id).await?;
        for _ in 1..ATTEMPTS {
            if !matches!(answer.status, 503 | 504) {
                break;
            }
            answer = delete_user(stack, &user_id).await?;
        }
        ensure!(
            matches!(answer.status, 204 | 401),
            "user {user_id} was not deleted: {} {}",
            answer.status,
            answer.start()
        );
    }
    Ok(())
}

async fn delete_user(stack: &Stack, user_id: &str) -> Result<Answer> {
    let authorization = format!("Bearer {}", stack.signer.irrevocable(user_id)?);
    let url = format!("{}/users/{user_id}", stack.description.rest_url);
    let headers = [(AUTHORIZATION, authorization.as_str())];
    let sent = stack.http.send("DELETE", &url, &headers, Bytes::new());
    sent.await
}

fn lock<T>(mutex: &Mutex<T>) -> std::sync::MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
