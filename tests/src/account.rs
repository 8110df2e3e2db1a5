//! A user of the service, made for one scenario and deleted at its end.

use anyhow::{Context as _, Result};
use serde_json::json;
use uuid::Uuid;

use crate::{reply::text, scenario::Scenario, token, transport::Transport};

/// A user, with what it takes to be one.
#[derive(Clone, Debug)]
pub struct Account {
    /// The id.
    pub id: String,
    /// The name.
    pub username: String,
    /// The password.
    pub password: String,
    /// A token.
    pub token: String,
}

/// A name that nobody has.
pub fn unused_name() -> String {
    format!("e2e-{}", Uuid::new_v4().simple())
}

/// The password of every account here.
pub const PASSWORD: &str = "correct horse battery staple";

impl Account {
    /// Signs up over this transport.
    ///
    /// # Errors
    ///
    /// It fails, or the token is none.
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
