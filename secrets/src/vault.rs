//! Vault and OpenBao: secrets of the key/value engine, version 2.
//!
//! Four requests of the documented HTTP API: a login, `lookup-self` and `renew-self` for the token,
//! and the read. A client crate would bring a second HTTP client into the functions (see
//! ARCHITECTURE.md, "Choices").

mod http;
mod location;
mod login;
mod settings;
mod token;

use std::time::Duration;

use aws_types::SdkConfig;
use serde_json::Value as Json;
use tokio::{sync::Mutex, time::Instant};
use zeroize::Zeroizing;

use self::{http::Http, login::Login, token::Token};
pub(crate) use self::{location::Location, settings::Settings};
use crate::{error::Failed, secret::Fetched, value};

/// The deadline of a read with everything that it needs: a renewal, a login and the read. As for
/// other stores, it leaves a function time to answer 503.
const TIMEOUT: Duration = Duration::from_secs(6);

/// A Vault, and this program's login there.
pub(crate) struct Vault {
    address: String,
    http: Http,
    login: Login,
    /// Locked during a login, so that a secret id of a single use is enough for all secrets.
    token: Mutex<Option<Token>>,
}

impl Vault {
    pub(crate) fn new(
        location: &Location,
        settings: Settings,
        aws: impl FnOnce() -> SdkConfig,
    ) -> Self {
        Self {
            address: location.address.clone(),
            http: Http::new(&location.address, settings.namespace, settings.authorities),
            login: Login::new(settings.method, settings.mount, aws),
            token: Mutex::default(),
        }
    }

    pub(crate) fn is_at(&self, location: &Location) -> bool {
        self.address == location.address
    }

    /// Reads a secret, or a field of it.
    pub(crate) async fn read(&self, location: &Location) -> Result<Fetched, Failed> {
        tokio::time::timeout(TIMEOUT, self.read_within(location))
            .await
            .unwrap_or_else(|_| {
                let seconds = TIMEOUT.as_secs();
                Err(Failed::transient(format!(
                    "Vault did not answer within {seconds} s"
                )))
            })
    }

    async fn read_within(&self, location: &Location) -> Result<Fetched, Failed> {
        let mut held = self.token.lock().await;
        self.ensure_token(&mut held).await?;
        let mut answer = self.get(held.as_ref(), location).await;
        // 403 is also what a token gets that was revoked or has expired early.
        if matches!(&answer, Err(error) if error.status == Some(403)) {
            *held = Some(self.login.log_in(&self.http).await?);
            answer = self.get(held.as_ref(), location).await;
        }
        let mut answer = answer.map_err(|error| error.at(&location.path))?;
        let data = answer["data"]["data"].take();
        if !data.is_object() {
            let problem = format!("{} has no data; was it deleted?", location.path);
            return Err(Failed::lasting(problem));
        }
        let text = Zeroizing::new(data.to_string());
        let text = match &location.field {
            Some(field) => value::field(&text, field)?,
            None => text,
        };
        let lease = held.as_ref().and_then(Token::left);
        Ok(Fetched { text, lease })
    }

    async fn get(&self, token: Option<&Token>, location: &Location) -> Result<Json, http::Error> {
        self.http.get(&location.path, token).await
    }

    /// Logs in, or renews the token, where that is due.
    async fn ensure_token(&self, held: &mut Option<Token>) -> Result<(), Failed> {
        let now = Instant::now();
        let Some(token) = held.as_mut().filter(|token| !token.is_over(now)) else {
            *held = None;
            *held = Some(self.login.log_in(&self.http).await?);
            return Ok(());
        };
        if !token.is_due(now) {
            return Ok(());
        }
        let renewed = match token.is_renewable() {
            true => token.renew(&self.http).await,
            false => Ok(false),
        };
        match renewed {
            Ok(true) => return Ok(()),
            // Near the longest lifetime, which renewals don't extend, or no such token any more.
            Ok(false) => {}
            Err(error) if error.is_transient() => {
                // The token is good until its lease ends, and the read says whether Vault is back.
                return Ok(());
            }
            Err(_) => {}
        }
        match self.login.log_in(&self.http).await {
            Ok(token) => *held = Some(token),
            Err(error) => {
                let cause = error.cause.to_string();
                tracing::warn!(
                    error = cause,
                    "no new login to Vault; its lease goes on until it ends"
                );
            }
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests;
