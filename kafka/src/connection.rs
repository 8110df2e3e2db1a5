//! The connection that a program's clients share.

use std::{
    error::Error,
    fmt, mem,
    sync::{Arc, Mutex, MutexGuard, PoisonError, Weak},
    time::{Duration, SystemTime, UNIX_EPOCH},
};

use aws_types::SdkConfig;
use rdkafka::{
    ClientConfig,
    client::OAuthToken,
    error::{KafkaError, RDKafkaErrorCode},
};
use tokio::{
    sync::{oneshot, watch},
    time::sleep,
};
use trichrome_startup::{Variables, error_chain};

use crate::{
    login::{LoginError, Proof, Source, Token},
    settings::{Login, Settings},
};

/// How often a name and a password are asked for. The secret decides when to ask its store again.
const PASSWORD_INTERVAL: Duration = Duration::from_secs(5);

/// The wait after a failure to get a token.
const RETRY_INTERVAL: Duration = Duration::from_secs(5);

/// The share of a token's lifetime after which it is renewed. librdkafka's clients ask for another
/// one after 80 %, so they find it renewed.
const RENEWAL: f64 = 0.7;

/// The brokers, and how clients connect and log in to them. Cheap to clone.
#[derive(Clone)]
pub struct Connection(Arc<Inner>);

struct Inner {
    settings: Settings,
    state: Mutex<State>,
    /// Marks a change of the name or the password.
    changes: watch::Sender<()>,
}

#[derive(Default)]
struct State {
    proof: Option<Proof>,
    /// Why the connection was refused, until it succeeds.
    refusal: Option<String>,
    /// Whether the name or the password has changed and no broker has accepted it yet.
    changing: bool,
    /// Whether no broker could be reached, until one answers.
    unreachable: bool,
    /// Whether a broker has refused the login since it was read.
    refused: bool,
}

impl fmt::Debug for Connection {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Connection({})", self.0.settings.brokers)
    }
}

impl Connection {
    /// Reads the variables. Problems, such as a wrong combination, are recorded there.
    pub fn read(variables: &mut Variables<'_>) -> Self {
        Self::new(Settings::read(variables))
    }

    /// A connection in plain text, without a login.
    #[must_use]
    pub fn plaintext(brokers: &str) -> Self {
        Self::new(Settings::plaintext(brokers))
    }

    fn new(settings: Settings) -> Self {
        // What is in a store is read by `start`.
        let proof = match &settings.login {
            Login::Password { username, password } => username.local().zip(password.local()),
            Login::Anonymous | Login::Endpoint(_) | Login::MskIam => None,
        };
        let proof = proof.map(|(username, password)| Proof::Password {
            username: username.to_string(),
            password: password.to_string(),
        });
        Self(Arc::new(Inner {
            settings,
            state: Mutex::new(State {
                proof,
                ..State::default()
            }),
            changes: watch::Sender::new(()),
        }))
    }

    /// The bootstrap brokers.
    #[must_use]
    pub fn brokers(&self) -> &str {
        &self.0.settings.brokers
    }

    /// The settings of a client, with the current name and password. The context of a client that
    /// logs in by a token has to ask for [`token`](Self::token).
    #[must_use]
    pub fn client_config(&self) -> ClientConfig {
        let mut config = self.0.settings.client_config();
        if let Some(Proof::Password { username, password }) = &self.0.lock().proof {
            config
                .set("sasl.username", username)
                .set("sasl.password", password);
        }
        config
    }

    /// Starts to follow changes of the login: tokens are renewed before they expire, and names and
    /// passwords are read again, for as long as the connection exists. `aws` is asked for only if
    /// the login may need it.
    ///
    /// # Errors
    ///
    /// There is no token yet, or no password. It is tried again. Clients connect as soon as there is
    /// a token, but can't be created without a password ([`has_login`](Self::has_login)).
    pub async fn start(&self, aws: impl AsyncFnOnce() -> SdkConfig) -> Result<(), LoginError> {
        let Some(source) = Source::of(&self.0.settings.login, aws).await else {
            return Ok(());
        };
        if !source.may_change() {
            return Ok(());
        }
        let (sender, first) = oneshot::channel();
        tokio::spawn(follow(Arc::downgrade(&self.0), source, sender));
        // The sender is dropped only with the connection.
        first.await.unwrap_or(Ok(()))
    }

    /// Whether clients can be created: there is a name and a password, or they need none.
    #[must_use]
    pub fn has_login(&self) -> bool {
        !matches!(self.0.settings.login, Login::Password { .. }) || self.0.lock().proof.is_some()
    }

    /// The mechanism, if it logs in by tokens: they need a client that is polled.
    #[must_use]
    pub fn token_mechanism(&self) -> Option<&'static str> {
        self.0.settings.token_mechanism()
    }

    /// The current token, for [`ClientContext::generate_oauth_token`]. It never waits: the token
    /// is renewed in the background. librdkafka asks again ten seconds after an error.
    ///
    /// [`ClientContext::generate_oauth_token`]: rdkafka::ClientContext::generate_oauth_token
    ///
    /// # Errors
    ///
    /// There is no token, or it has expired.
    pub fn token(&self) -> Result<OAuthToken, Box<dyn Error>> {
        match &self.0.lock().proof {
            Some(Proof::Token(token)) if token.expires > SystemTime::now() => Ok(token.into()),
            Some(Proof::Token(_)) => Err("the token has expired, and there is no other yet".into()),
            Some(Proof::Password { .. }) | None => Err("there is no token yet".into()),
        }
    }

    /// Marks each change of the name or the password. A client keeps those that it was created
    /// with, so it has to be replaced by another.
    #[must_use]
    pub fn changes(&self) -> watch::Receiver<()> {
        self.0.changes.subscribe()
    }

    /// Notes that a broker has accepted the name and the password that have changed.
    pub fn change_accepted(&self) {
        self.0.lock().changing = false;
    }

    /// Notes a client's error. One that means that the broker refuses the connection, by its
    /// certificate or by the login, or that no broker can be reached, is logged once, however
    /// many clients repeat it.
    pub fn note_error(&self, error: &KafkaError, reason: &str) {
        let what = match error.rdkafka_error_code() {
            Some(RDKafkaErrorCode::AllBrokersDown) => return self.0.unreachable(),
            Some(RDKafkaErrorCode::Authentication | RDKafkaErrorCode::SaslAuthenticationFailed) => {
                self.0.lock().refused = true;
                "kafka refuses the login"
            }
            Some(RDKafkaErrorCode::SSL) => "no TLS connection to kafka",
            _ => return,
        };
        let by = self.0.settings.description();
        self.0.refused(&format!("{what} by {by}: {reason}"));
    }

    /// Notes that a broker has answered.
    pub fn note_success(&self) {
        let mut state = self.0.lock();
        if mem::take(&mut state.unreachable) {
            tracing::info!("kafka can be reached again");
        }
        // Clients that still use the login from before say nothing about its successor.
        if state.changing {
            return;
        }
        if state.refusal.take().is_some() {
            tracing::info!("kafka accepts the connection");
        }
    }

    /// Why the broker refuses the connection; `None` if it doesn't.
    #[must_use]
    pub fn refusal(&self) -> Option<String> {
        self.0.lock().refusal.clone()
    }
}

impl Inner {
    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Logs a refusal unless the connection is refused already.
    fn refused(&self, problem: &str) {
        let before = self.lock().refusal.replace(problem.to_owned());
        if before.is_none() {
            tracing::error!("{problem}");
        }
    }

    /// Logs an outage unless it is known already, or is the result of a refusal.
    fn unreachable(&self) {
        let mut state = self.lock();
        if state.refusal.is_none() && !mem::replace(&mut state.unreachable, true) {
            tracing::warn!("kafka: no broker can be reached");
        }
    }

    /// Replaces the proof if it is another.
    fn renew(&self, proof: Proof) {
        let mut state = self.lock();
        if state.proof.as_ref() == Some(&proof) {
            return;
        }
        let is_password = matches!(proof, Proof::Password { .. });
        if state.proof.replace(proof).is_some() && is_password {
            state.changing = true;
            drop(state);
            tracing::info!("kafka: the login has changed");
            self.changes.send_replace(());
        }
    }
}

/// Follows the changes of a login until the connection is dropped.
async fn follow(
    connection: Weak<Inner>,
    source: Source,
    first: oneshot::Sender<Result<(), LoginError>>,
) {
    let mut first = Some(first);
    loop {
        let Some(refused) = connection
            .upgrade()
            .map(|it| mem::take(&mut it.lock().refused))
        else {
            return;
        };
        let proof = source.proof(refused).await;
        let Some(connection) = connection.upgrade() else {
            return;
        };
        let wait = wait(&source, proof.as_ref().ok());
        let result = match proof {
            Ok(proof) => {
                connection.renew(proof);
                Ok(())
            }
            Err(error) => {
                let by = connection.settings.description();
                connection.refused(&format!("no login by {by}: {}", error_chain(&error)));
                Err(error)
            }
        };
        if let Some(first) = first.take() {
            // Sending fails only if the program no longer waits.
            drop(first.send(result));
        }
        sleep(wait).await;
    }
}

/// When to ask for a proof again.
fn wait(source: &Source, proof: Option<&Proof>) -> Duration {
    match (source, proof) {
        (Source::Password { .. }, _) => PASSWORD_INTERVAL,
        (_, Some(Proof::Token(token))) => {
            let left = token.expires.duration_since(SystemTime::now());
            left.unwrap_or_default()
                .mul_f64(RENEWAL)
                .max(Duration::from_secs(1))
        }
        _ => RETRY_INTERVAL,
    }
}

impl From<&Token> for OAuthToken {
    fn from(token: &Token) -> Self {
        let since = token.expires.duration_since(UNIX_EPOCH).unwrap_or_default();
        Self {
            token: token.value.clone(),
            principal_name: token.principal.clone(),
            lifetime_ms: i64::try_from(since.as_millis()).unwrap_or(i64::MAX),
        }
    }
}

#[cfg(test)]
mod tests {
    use std::fs;

    use tempfile::NamedTempFile;

    use super::*;

    fn connection(pairs: &[(&str, &str)]) -> Connection {
        let mut variables = Variables::new(|name| {
            let mut pairs = pairs.iter().chain([&("KAFKA_BROKERS", "b:9092")]);
            let (_, value) = pairs.find(|(key, _)| *key == name)?;
            Some((*value).to_owned())
        });
        let connection = Connection::read(&mut variables);
        variables.check().unwrap();
        connection
    }

    fn by_file(password: &NamedTempFile) -> Connection {
        connection(&[
            ("KAFKA_SECURITY_PROTOCOL", "SASL_PLAINTEXT"),
            ("KAFKA_SASL_MECHANISM", "PLAIN"),
            ("KAFKA_USERNAME", "gateway"),
            ("KAFKA_PASSWORD_FILE", password.path().to_str().unwrap()),
        ])
    }

    async fn no_aws() -> SdkConfig {
        panic!("a password needs no AWS")
    }

    fn token(expires: SystemTime) -> Proof {
        Proof::Token(Token {
            value: "t".to_owned(),
            principal: "p".to_owned(),
            expires,
        })
    }

    #[tokio::test(start_paused = true)]
    async fn new_clients_use_a_password_that_has_changed() {
        let file = NamedTempFile::new().unwrap();
        fs::write(file.path(), "first\n").unwrap();
        let connection = by_file(&file);
        let mut changes = connection.changes();
        connection.start(no_aws).await.unwrap();
        let password = || {
            let config = connection.client_config();
            config.get("sasl.password").map(str::to_owned)
        };
        assert_eq!(password().as_deref(), Some("first"));
        sleep(3 * PASSWORD_INTERVAL).await;
        assert!(!changes.has_changed().unwrap());

        fs::write(file.path(), "second\n").unwrap();
        tokio::time::timeout(2 * PASSWORD_INTERVAL, changes.changed())
            .await
            .expect("no change was marked")
            .unwrap();
        assert_eq!(password().as_deref(), Some("second"));
    }

    #[tokio::test(start_paused = true)]
    async fn a_refusal_of_the_next_login_outlives_successes_of_the_one_before() {
        let file = NamedTempFile::new().unwrap();
        fs::write(file.path(), "first").unwrap();
        let connection = by_file(&file);
        connection.start(no_aws).await.unwrap();
        fs::write(file.path(), "second").unwrap();
        connection.changes().changed().await.unwrap();
        let refused = KafkaError::Global(RDKafkaErrorCode::Authentication);
        connection.note_error(&refused, "wrong password");
        connection.note_success();
        let refusal = connection.refusal().unwrap_or_default();
        assert!(refusal.contains("KAFKA_PASSWORD_FILE"), "{refusal}");
        assert!(refusal.contains("wrong password"), "{refusal}");
        connection.change_accepted();
        connection.note_success();
        assert_eq!(connection.refusal(), None);
    }

    #[test]
    fn an_outage_lasts_until_a_broker_answers() {
        let connection = Connection::plaintext("b:9092");
        let is_known = || connection.0.lock().unreachable;
        connection.note_error(
            &KafkaError::Global(RDKafkaErrorCode::BrokerTransportFailure),
            "",
        );
        assert!(!is_known(), "there may be other brokers");
        connection.note_error(&KafkaError::Global(RDKafkaErrorCode::AllBrokersDown), "");
        assert!(is_known());
        connection.note_success();
        assert!(!is_known());
        connection.note_error(&KafkaError::Global(RDKafkaErrorCode::Authentication), "");
        connection.note_error(&KafkaError::Global(RDKafkaErrorCode::AllBrokersDown), "");
        assert!(!is_known(), "the refusal says more");
    }

    #[test]
    fn a_missing_or_expired_token_is_an_error() {
        let connection = Connection::plaintext("b:9092");
        assert!(connection.token().is_err());
        let now = SystemTime::now();
        connection.0.renew(token(now - Duration::from_secs(1)));
        let expired = connection.token().err().unwrap().to_string();
        assert!(expired.contains("expired"), "{expired}");
        connection.0.renew(token(now + Duration::from_mins(15)));
        let current = connection.token().unwrap();
        assert_eq!((&*current.token, &*current.principal_name), ("t", "p"));
        let left = u128::try_from(current.lifetime_ms).unwrap()
            - now.duration_since(UNIX_EPOCH).unwrap().as_millis();
        assert_eq!(left, Duration::from_mins(15).as_millis());
    }
}
