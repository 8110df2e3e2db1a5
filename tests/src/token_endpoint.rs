//! A token endpoint as OAuth's client credentials grant has it (RFC 6749, section 4.4).

use std::{
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering},
    },
    time::{Duration, SystemTime, UNIX_EPOCH},
};

use anyhow::{Context as _, Result};
use base64::{Engine as _, engine::general_purpose::URL_SAFE_NO_PAD};
use serde_json::json;
use tokio::{
    io::{AsyncBufReadExt as _, AsyncReadExt as _, AsyncWriteExt as _, BufReader},
    net::{TcpListener, TcpStream},
    task::JoinHandle,
    time::timeout,
};

/// The timeout of one request.
const TIMEOUT: Duration = Duration::from_secs(10);

/// Issues unsigned tokens (RFC 7519, section 6) until it is dropped.
pub struct TokenEndpoint {
    url: String,
    issued: Arc<AtomicUsize>,
    task: JoinHandle<()>,
}

impl TokenEndpoint {
    /// Starts to issue tokens to this user, each valid for `lifetime`.
    pub async fn start(user: &str, lifetime: Duration) -> Result<Self> {
        let listener = TcpListener::bind("127.0.0.1:0").await?;
        let url = format!("http://{}/token", listener.local_addr()?);
        let issued = Arc::new(AtomicUsize::new(0));
        let (user, count) = (user.to_owned(), Arc::clone(&issued));
        let task = tokio::spawn(async move {
            while let Ok((socket, _)) = listener.accept().await {
                let answering = answer(socket, &user, lifetime);
                match timeout(TIMEOUT, answering).await {
                    Ok(Ok(())) => drop(count.fetch_add(1, Ordering::Relaxed)),
                    Ok(Err(error)) => eprintln!("no token was issued: {error:#}"),
                    Err(_) => eprintln!("no token was issued in time"),
                }
            }
        });
        Ok(Self { url, issued, task })
    }

    /// Its address.
    pub fn url(&self) -> &str {
        &self.url
    }

    /// The number of tokens issued.
    pub fn issued(&self) -> usize {
        self.issued.load(Ordering::Relaxed)
    }
}

impl Drop for TokenEndpoint {
    fn drop(&mut self) {
        self.task.abort();
    }
}

/// Answers one request. The request isn't checked: the gateway's unit tests do that.
async fn answer(mut socket: TcpStream, user: &str, lifetime: Duration) -> Result<()> {
    let mut request = BufReader::new(&mut socket);
    let (mut line, mut length) = (String::new(), 0);
    while request.read_line(&mut line).await? > 0 && line != "\r\n" {
        if let Some(value) = line.to_ascii_lowercase().strip_prefix("content-length:") {
            length = value.trim().parse()?;
        }
        line.clear();
    }
    request.read_exact(&mut vec![0; length]).await?;
    let body = json!({
        "access_token": token(user, lifetime)?,
        "token_type": "Bearer",
        "expires_in": lifetime.as_secs(),
    });
    let body = body.to_string();
    let length = body.len();
    let answer = format!(
        "HTTP/1.1 200 OK\r\ncontent-type: application/json\r\ncontent-length: {length}\r\n\
         connection: close\r\n\r\n{body}"
    );
    socket.write_all(answer.as_bytes()).await?;
    socket.shutdown().await.context("the answer's end")
}

fn token(user: &str, lifetime: Duration) -> Result<String> {
    let now = SystemTime::now().duration_since(UNIX_EPOCH)?;
    let claims = json!({
        "sub": user,
        "iat": now.as_secs(),
        "exp": (now + lifetime).as_secs(),
    });
    let [header, claims] =
        [json!({"alg": "none"}), claims].map(|part| URL_SAFE_NO_PAD.encode(part.to_string()));
    Ok(format!("{header}.{claims}."))
}
