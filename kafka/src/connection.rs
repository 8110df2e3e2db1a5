//! The connection that a program's clients share.

use std::{
    fmt,
    sync::{Arc, Mutex, MutexGuard, PoisonError, Weak},
    time::{Duration, SystemTime},
};

use aws_types::SdkConfig;
use rdkafka::{
    ClientConfig, ClientContext,
    admin::AdminClient,
    client::Client,
    consumer::{BaseConsumer, Consumer as _, ConsumerContext, StreamConsumer},
    error::{KafkaError, RDKafkaErrorCode},
    producer::{FutureProducer, Producer as _, ProducerContext, ThreadedProducer},
};
use tokio::{sync::oneshot, time::sleep};
use trichrome_startup::{Variables, error_chain};

use crate::{
    login::{LoginError, Proof, Source},
    native,
    settings::{Login, Settings},
};

/// How often files with a name or a password are read.
const FILES_INTERVAL: Duration = Duration::from_secs(5);

/// The wait after a failure to get a token.
const RETRY_INTERVAL: Duration = Duration::from_secs(5);

/// The share of a token's lifetime after which it is renewed.
const RENEWAL: f64 = 0.8;

/// The brokers, and how clients connect and log in to them. Cheap to clone.
#[derive(Clone)]
pub struct Connection(Arc<Inner>);

struct Inner {
    settings: Settings,
    state: Mutex<State>,
}

#[derive(Default)]
struct State {
    proof: Option<Proof>,
    clients: Vec<Weak<dyn Attach>>,
    /// Why the connection was refused, until it succeeds.
    refusal: Option<String>,
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
        // Files have been read once already, to check them.
        let proof = match &settings.login {
            Login::Password { username, password } => username
                .read()
                .and_then(|username| {
                    let password = password.read()?;
                    Ok(Proof::Password { username, password })
                })
                .ok(),
            Login::Anonymous | Login::Endpoint(_) | Login::MskIam => None,
        };
        Self(Arc::new(Inner {
            settings,
            state: Mutex::new(State {
                proof,
                ..State::default()
            }),
        }))
    }

    /// The bootstrap brokers.
    #[must_use]
    pub fn brokers(&self) -> &str {
        &self.0.settings.brokers
    }

    /// The settings of a client. One that logs in by a token is connected only after
    /// [`attach`](Self::attach) or [`log_in`](Self::log_in).
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

    /// Starts to follow changes of the login: tokens are renewed before they expire, and files
    /// are read again, for as long as the connection exists. `aws` is asked for only if the login
    /// needs it.
    ///
    /// # Errors
    ///
    /// There is no token yet. It is tried again, and clients connect as soon as there is one.
    pub async fn start(&self, aws: impl AsyncFnOnce() -> SdkConfig) -> Result<(), LoginError> {
        let Some(source) = Source::of(&self.0.settings.login, aws).await else {
            return Ok(());
        };
        let (sender, first) = oneshot::channel();
        tokio::spawn(follow(Arc::downgrade(&self.0), source, sender));
        // The sender is dropped only with the connection.
        first.await.unwrap_or(Ok(()))
    }

    /// Gives a client the current login, and each that follows, for as long as it lives.
    pub fn attach<T: Attach + 'static>(&self, client: &Arc<T>) {
        let weak: Weak<T> = Arc::downgrade(client);
        {
            let mut state = self.0.lock();
            state.clients.retain(|client| client.strong_count() > 0);
            state.clients.push(weak);
        }
        self.log_in(client.as_ref());
    }

    /// Gives a short-lived client the current login.
    pub fn log_in(&self, client: &impl Attach) {
        let proof = self.0.lock().proof.clone();
        if let Some(proof) = proof {
            log_in(client, &proof);
        }
    }

    /// Notes a client's error. One that means that the broker refuses the connection, by its
    /// certificate or by the login, is logged once, however many clients repeat it.
    pub fn note_error(&self, error: &KafkaError, reason: &str) {
        let what = match error.rdkafka_error_code() {
            Some(RDKafkaErrorCode::Authentication | RDKafkaErrorCode::SaslAuthenticationFailed) => {
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
        if self.0.lock().refusal.take().is_some() {
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

    /// Gives all clients a new login.
    fn log_in_all(&self, proof: Proof) {
        let clients = {
            let mut state = self.lock();
            state.proof = Some(proof.clone());
            state.clients.retain(|client| client.strong_count() > 0);
            state.clients.clone()
        };
        for client in clients.iter().filter_map(Weak::upgrade) {
            log_in(client.as_ref(), &proof);
        }
    }
}

fn log_in(client: &dyn Attach, proof: &Proof) {
    if let Err(problem) = client.log_in(&Given(proof.clone())) {
        tracing::error!(problem, "kafka: a client doesn't take its login");
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
        let proof = source.proof().await;
        let Some(connection) = connection.upgrade() else {
            return;
        };
        let wait = wait(&source, proof.as_ref().ok());
        let result = match proof {
            Ok(proof) => {
                renew(connection, proof).await;
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

/// Gives the clients a login if it is another.
async fn renew(connection: Arc<Inner>, proof: Proof) {
    let before = connection.lock().proof.clone();
    if before.as_ref() == Some(&proof) {
        return;
    }
    if before.is_some() && matches!(proof, Proof::Password { .. }) {
        tracing::info!("kafka: the login has changed; further connections use it");
    }
    // librdkafka may block, and dropping a client that ends meanwhile does.
    let renewing = tokio::task::spawn_blocking(move || connection.log_in_all(proof));
    // It fails only if the runtime ends.
    drop(renewing.await);
}

/// When to ask for a proof again.
fn wait(source: &Source, proof: Option<&Proof>) -> Duration {
    match (source, proof) {
        (Source::Files { .. }, _) => FILES_INTERVAL,
        (_, Some(Proof::Token(token))) => {
            let left = token.expires.duration_since(SystemTime::now());
            left.unwrap_or_default()
                .mul_f64(RENEWAL)
                .max(Duration::from_secs(1))
        }
        _ => RETRY_INTERVAL,
    }
}

/// A login, for clients.
pub struct Given(Proof);

/// A client that can be given another login.
pub trait Attach: Send + Sync {
    /// Uses a login for further connections.
    ///
    /// # Errors
    ///
    /// librdkafka doesn't take it, and why.
    fn log_in(&self, login: &Given) -> Result<(), String>;
}

fn log_in_client<C: ClientContext>(client: &Client<C>, Given(proof): &Given) -> Result<(), String> {
    match proof {
        Proof::Password { username, password } => native::set_password(client, username, password),
        Proof::Token(token) => native::set_token(client, token),
    }
}

impl<C: ClientContext + 'static> Attach for FutureProducer<C> {
    fn log_in(&self, login: &Given) -> Result<(), String> {
        log_in_client(self.client(), login)
    }
}

impl<C: ProducerContext + 'static> Attach for ThreadedProducer<C> {
    fn log_in(&self, login: &Given) -> Result<(), String> {
        log_in_client(self.client(), login)
    }
}

impl<C: ConsumerContext + 'static> Attach for StreamConsumer<C> {
    fn log_in(&self, login: &Given) -> Result<(), String> {
        log_in_client(self.client(), login)
    }
}

impl<C: ConsumerContext + 'static> Attach for BaseConsumer<C> {
    fn log_in(&self, login: &Given) -> Result<(), String> {
        log_in_client(self.client(), login)
    }
}

impl<C: ClientContext + 'static> Attach for AdminClient<C> {
    fn log_in(&self, login: &Given) -> Result<(), String> {
        log_in_client(self.inner(), login)
    }
}
