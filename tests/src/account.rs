//! Users created for a scenario and deleted at its end.

use anyhow::{Context as _, Result};
use serde_json::json;
use uuid::Uuid;

use crate::{reply::text, scenario::Scenario, token, transport::Transport};

/// A user and its credentials.
#[derive(Clone, Debug)]
pub struct Account {
    pub id: String,
    pub username: String,
    pub password: String,
    pub token: String,
}

/// A random username.
pub fn unused_name() -> String {
    format!("e2e-{}", Uuid::new_v4().simple())
}

/// The password of every test account.
pub const PASSWORD: &str = "correct horse battery staple";

/// A password that a test changes it to.
pub const NEW_PASSWORD: &str = "another horse and another battery";

impl Account {
    /// Signs up over a transport.
    pub async fn sign_up(scenario: &Scenario, transport: Transport) -> Result<Self> {
        let username = unused_name();
        let args = json!({"username": username, "password": PASSWORD});
        let request = scenario.call_over(transport, "auth-signup", args)?;
        let answer = request.send().await?.ok().context("sign up")?;
        let token = text(&answer, "access_token")?.to_owned();
        let id = token::subject(&token)?;
        scenario.adopt(&id);
        Ok(Self {
            id,
            username,
            password: PASSWORD.to_owned(),
            token,
        })
    }
}
