//! Against a server that answers as Vault's HTTP API documents.

use std::{
    collections::VecDeque,
    fs,
    sync::{Arc, Mutex as Lock},
};

use aws_credential_types::{Credentials, provider::SharedCredentialsProvider};
use aws_types::region::Region;
use axum::{Router, body::Bytes, extract::State, http::HeaderMap, response::IntoResponse};
use base64::{Engine as _, engine::general_purpose::STANDARD};
use serde_json::json;
use tempfile::NamedTempFile;
use tokio::net::TcpListener;
use trichrome_startup::{Variables, error_chain};

use super::*;
use crate::{Forms, Opener, Secret, SecretSource};

/// A request as it arrived.
#[derive(Clone, Debug)]
struct Asked {
    line: String,
    headers: HeaderMap,
    body: Json,
}

/// A Vault that gives these answers, in this order, and then is sealed.
#[derive(Clone, Default)]
struct Server {
    answers: Arc<Lock<VecDeque<(u16, Json)>>>,
    asked: Arc<Lock<Vec<Asked>>>,
}

impl Server {
    /// Starts it; returns it and its address.
    async fn start(answers: impl IntoIterator<Item = (u16, Json)>) -> (Self, String) {
        let server = Self::default();
        server.then(answers);
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = format!("http://{}", listener.local_addr().unwrap());
        let router = Router::new().fallback(answer).with_state(server.clone());
        tokio::spawn(async move { axum::serve(listener, router).await.unwrap() });
        (server, address)
    }

    fn then(&self, answers: impl IntoIterator<Item = (u16, Json)>) {
        self.answers.lock().unwrap().extend(answers);
    }

    /// The requests since the last time.
    fn asked(&self) -> Vec<Asked> {
        std::mem::take(&mut self.asked.lock().unwrap())
    }

    fn lines(&self) -> Vec<String> {
        self.asked().into_iter().map(|it| it.line).collect()
    }
}

async fn answer(
    State(server): State<Server>,
    method: axum::http::Method,
    uri: axum::http::Uri,
    headers: HeaderMap,
    body: Bytes,
) -> impl IntoResponse {
    server.asked.lock().unwrap().push(Asked {
        line: format!("{method} {uri}"),
        headers,
        body: serde_json::from_slice(&body).unwrap_or_default(),
    });
    let answer = server.answers.lock().unwrap().pop_front();
    let (status, body) = answer.unwrap_or_else(sealed);
    let status = axum::http::StatusCode::from_u16(status).unwrap();
    (status, body.to_string())
}

/// A login's answer.
fn login(token: &str, seconds: u64) -> (u16, Json) {
    let auth = json!({
        "client_token": token,
        "accessor": "a",
        "policies": ["default", "trichrome"],
        "lease_duration": seconds,
        "renewable": true,
    });
    (
        200,
        json!({"auth": auth, "data": null, "lease_duration": 0}),
    )
}

/// What a secret's read answers.
fn secret(fields: &Json) -> (u16, Json) {
    let metadata = json!({"version": 1, "destroyed": false, "deletion_time": ""});
    let data = json!({"data": fields, "metadata": metadata});
    (
        200,
        json!({"auth": null, "data": data, "lease_duration": 0}),
    )
}

fn url() -> (u16, Json) {
    secret(&json!({"url": "postgres://u:hunter2@h/d"}))
}

fn refusal(status: u16, error: &str) -> (u16, Json) {
    (status, json!({"errors": [error]}))
}

fn sealed() -> (u16, Json) {
    refusal(503, "Vault is sealed")
}

const READ: &str = "GET /v1/secret/data/trichrome/database";

/// The secret at this address, with these variables of the login.
fn open(address: &str, variables: &[(&str, &str)]) -> Secret {
    let source = format!("vault+{address}/secret/data/trichrome/database#url");
    let mut variables = Variables::new(|name| {
        let found = variables.iter().find(|(key, _)| *key == name);
        let found = found.map(|(_, value)| (*value).to_owned());
        found.or_else(|| (name == "DATABASE_URL_SOURCE").then(|| source.clone()))
    });
    let source = SecretSource::read(&mut variables, Forms::source("DATABASE_URL"));
    variables.check().unwrap();
    Opener::new().open(source.unwrap(), aws)
}

fn aws() -> SdkConfig {
    let session = Some("session".to_owned());
    let credentials = Credentials::new("AKIDEXAMPLE", "secret-access-key", session, None, "test");
    SdkConfig::builder()
        .region(Region::new("eu-west-1"))
        .credentials_provider(SharedCredentialsProvider::new(credentials))
        .build()
}

fn file(text: &str) -> (NamedTempFile, String) {
    let file = NamedTempFile::new().unwrap();
    fs::write(file.path(), text).unwrap();
    let path = file.path().display().to_string();
    (file, path)
}

fn by_token(address: &str) -> Secret {
    open(address, &[("VAULT_AUTH", "token"), ("VAULT_TOKEN", "t")])
}

/// A token's description.
fn described(seconds: u64) -> (u16, Json) {
    (200, json!({"data": {"ttl": seconds, "renewable": true}}))
}

fn renewed(seconds: u64) -> (u16, Json) {
    (
        200,
        json!({"auth": {"lease_duration": seconds, "renewable": true}}),
    )
}

/// Lets time pass without waiting. Sockets need the clock to run while requests are made.
async fn pass(seconds: u64) {
    tokio::time::pause();
    tokio::time::advance(Duration::from_secs(seconds)).await;
    tokio::time::resume();
}

#[tokio::test]
async fn approle_logs_in_with_the_secret_id_of_the_moment() {
    let (file, path) = file("first\n");
    let (server, address) = Server::start([login("t1", 60), url()]).await;
    let secret = open(
        &address,
        &[
            ("VAULT_AUTH", "approle"),
            ("VAULT_ROLE_ID", "role"),
            ("VAULT_SECRET_ID_FILE", &path),
            ("VAULT_NAMESPACE", "team"),
        ],
    );
    let value = secret.get().await.unwrap();
    assert_eq!(value.expose(), "postgres://u:hunter2@h/d");
    let asked = server.asked();
    assert_eq!(asked[0].line, "POST /v1/auth/approle/login");
    assert_eq!(
        asked[0].body,
        json!({"role_id": "role", "secret_id": "first"})
    );
    assert!(asked[0].headers.get("x-vault-token").is_none());
    assert_eq!(asked[1].line, READ);
    assert_eq!(asked[1].headers["x-vault-token"], "t1");
    for it in asked {
        assert_eq!(it.headers["x-vault-namespace"], "team");
        assert_eq!(it.headers["x-vault-request"], "true");
    }

    // The lease is over, and the secret id was replaced.
    fs::write(file.path(), "second").unwrap();
    server.then([login("t2", 60), url()]);
    pass(61).await;
    secret.get().await.unwrap();
    assert_eq!(server.asked()[0].body["secret_id"], "second");
}

#[tokio::test]
async fn kubernetes_logs_in_with_the_service_accounts_token() {
    let (file, path) = file("jwt-1");
    let (server, address) = Server::start([login("t1", 30), url()]).await;
    let variables = [
        ("VAULT_AUTH", "kubernetes"),
        ("VAULT_AUTH_MOUNT", "clusters/a"),
        ("VAULT_ROLE", "gateway"),
        ("VAULT_KUBERNETES_TOKEN_FILE", path.as_str()),
    ];
    let secret = open(&address, &variables);
    secret.get().await.unwrap();
    let asked = server.asked();
    assert_eq!(asked[0].line, "POST /v1/auth/clusters/a/login");
    assert_eq!(asked[0].body, json!({"role": "gateway", "jwt": "jwt-1"}));
    fs::write(file.path(), "jwt-2").unwrap();
    server.then([login("t2", 30), url()]);
    pass(31).await;
    secret.get().await.unwrap();
    assert_eq!(server.asked()[0].body["jwt"], "jwt-2");
}

#[tokio::test]
async fn aws_logs_in_with_a_signed_question_to_sts() {
    for (region, host, signed_for) in [
        (None, "sts.amazonaws.com", "us-east-1"),
        (
            Some("eu-west-1"),
            "sts.eu-west-1.amazonaws.com",
            "eu-west-1",
        ),
    ] {
        let (server, address) = Server::start([login("t", 60), url()]).await;
        let mut variables = vec![
            ("VAULT_AUTH", "aws"),
            ("VAULT_ROLE", "functions"),
            ("VAULT_AWS_SERVER_ID", "vault.example"),
        ];
        variables.extend(region.map(|region| ("VAULT_AWS_STS_REGION", region)));
        open(&address, &variables).get().await.unwrap();
        let asked = server.asked();
        assert_eq!(asked[0].line, "POST /v1/auth/aws/login");
        let body = &asked[0].body;
        let decoded = |name: &str| {
            let text = STANDARD.decode(body[name].as_str().unwrap()).unwrap();
            String::from_utf8(text).unwrap()
        };
        assert_eq!(body["role"], "functions");
        assert_eq!(body["iam_http_request_method"], "POST");
        assert_eq!(decoded("iam_request_url"), format!("https://{host}/"));
        assert_eq!(
            decoded("iam_request_body"),
            "Action=GetCallerIdentity&Version=2011-06-15"
        );
        let headers: Json = serde_json::from_str(&decoded("iam_request_headers")).unwrap();
        let header = |name: &str| headers[name][0].as_str().unwrap().to_owned();
        assert_eq!(header("host"), host);
        assert_eq!(header("x-amz-security-token"), "session");
        let authorization = header("authorization");
        let scope = format!("/{signed_for}/sts/aws4_request");
        assert!(authorization.contains(&scope), "{authorization}");
        // Vault refuses a login whose signature doesn't cover its own header.
        let (_, names) = authorization.split_once("SignedHeaders=").unwrap();
        let names: Vec<_> = names.split_once(',').unwrap().0.split(';').collect();
        assert!(names.contains(&"x-vault-aws-iam-server-id"), "{names:?}");
        assert!(names.contains(&"host"), "{names:?}");
        let signature = authorization.split_once("Signature=").unwrap().1;
        assert_eq!(signature, signature_of(&headers, &names, signed_for));
    }
}

/// The signature by the steps in AWS's documentation, "Create a signed AWS API request".
fn signature_of(headers: &Json, names: &[&str], region: &str) -> String {
    use ring::{digest, hmac};
    fn hex(bytes: &[u8]) -> String {
        bytes.iter().map(|it| format!("{it:02x}")).collect()
    }
    let hash = |text: &str| hex(digest::digest(&digest::SHA256, text.as_bytes()).as_ref());
    let mac = |key: &[u8], text: &str| {
        let key = hmac::Key::new(hmac::HMAC_SHA256, key);
        hmac::sign(&key, text.as_bytes()).as_ref().to_vec()
    };
    let header = |name: &str| headers[name][0].as_str().unwrap();
    let lines: String = names
        .iter()
        .map(|name| format!("{name}:{}\n", header(name)))
        .collect();
    let body = hash("Action=GetCallerIdentity&Version=2011-06-15");
    let canonical = format!("POST\n/\n\n{lines}\n{}\n{body}", names.join(";"));
    let time = header("x-amz-date");
    let scope = format!("{}/{region}/sts/aws4_request", &time[..8]);
    let to_sign = format!("AWS4-HMAC-SHA256\n{time}\n{scope}\n{}", hash(&canonical));
    let key = scope
        .split('/')
        .fold(b"AWS4secret-access-key".to_vec(), |key, part| {
            mac(&key, part)
        });
    hex(&mac(&key, &to_sign))
}

#[tokio::test]
async fn a_lease_is_renewed_in_time() {
    let (server, address) = Server::start([described(90), url()]).await;
    let secret = by_token(&address);
    secret.get().await.unwrap();
    let lookup = "GET /v1/auth/token/lookup-self";
    assert_eq!(server.lines(), [lookup, READ]);
    for _ in 0..3 {
        pass(40).await;
        secret.get().await.unwrap();
        assert!(server.lines().is_empty());
        server.then([renewed(90), url()]);
        pass(25).await;
        secret.get().await.unwrap();
        assert_eq!(server.lines(), ["POST /v1/auth/token/renew-self", READ]);
    }
}

#[tokio::test]
async fn a_lease_that_ends_leads_to_another_login() {
    let (_file, path) = file("id");
    let approle = [
        ("VAULT_AUTH", "approle"),
        ("VAULT_ROLE_ID", "role"),
        ("VAULT_SECRET_ID_FILE", path.as_str()),
    ];
    let (renew, log_in) = (
        "POST /v1/auth/token/renew-self",
        "POST /v1/auth/approle/login",
    );
    // The first is near its longest lifetime, the second was revoked.
    for answer in [renewed(10), refusal(403, "permission denied")] {
        let (server, address) = Server::start([login("t1", 90), url()]).await;
        let secret = open(&address, &approle);
        secret.get().await.unwrap();
        server.lines();
        server.then([answer, login("t2", 90), url()]);
        pass(61).await;
        secret.get().await.unwrap();
        let asked = server.asked();
        let lines: Vec<_> = asked.iter().map(|it| it.line.as_str()).collect();
        assert_eq!(lines, [renew, log_in, READ]);
        assert_eq!(asked[2].headers["x-vault-token"], "t2");
    }
}

#[tokio::test]
async fn a_token_that_was_revoked_early_is_replaced() {
    let (server, address) = Server::start([described(3600), url()]).await;
    let secret = by_token(&address);
    secret.get().await.unwrap();
    server.lines();
    server.then([
        refusal(403, "permission denied"),
        described(3600),
        secret_two(),
    ]);
    pass(301).await;
    assert_eq!(secret.get().await.unwrap().expose(), "two");
    assert_eq!(
        server.lines(),
        [READ, "GET /v1/auth/token/lookup-self", READ]
    );
}

fn secret_two() -> (u16, Json) {
    secret(&json!({"url": "two"}))
}

#[tokio::test]
async fn a_sealed_vault_fails_closed_and_recovers() {
    let (server, address) = Server::start([described(90), url()]).await;
    let secret = by_token(&address);
    secret.get().await.unwrap();
    // Sealed from now on; the lease goes on for half a minute.
    pass(61).await;
    assert_eq!(secret.get().await.unwrap().version(), 1);
    pass(31).await;
    let error = secret.get().await.unwrap_err();
    assert!(error.is_transient());
    let text = error_chain(&error);
    assert!(
        text.contains("503") && text.contains("Vault is sealed"),
        "{text}"
    );
    server.then([described(90), secret_two()]);
    assert_eq!(secret.get().await.unwrap().expose(), "two");
}

#[tokio::test]
async fn an_unreachable_vault_is_transient() {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = format!("http://{}", listener.local_addr().unwrap());
    drop(listener);
    let error = by_token(&address).get().await.unwrap_err();
    assert!(error.is_transient(), "{error:?}");
}

#[tokio::test]
async fn refusals_name_the_path_and_show_no_secret() {
    let (_file, path) = file("hunter2");
    let approle = [
        ("VAULT_AUTH", "approle"),
        ("VAULT_ROLE_ID", "role"),
        ("VAULT_SECRET_ID_FILE", path.as_str()),
    ];
    for (answers, transient, parts) in [
        // An expired secret id, as Vault answers it, and as a policy may.
        (
            vec![refusal(400, "invalid role or secret ID")],
            false,
            ["/v1/auth/approle/login", "invalid role or secret ID"],
        ),
        (
            vec![refusal(403, "permission denied")],
            false,
            ["/v1/auth/approle/login", "permission denied"],
        ),
        (
            vec![
                login("hunter2", 60),
                refusal(403, "1 error occurred:\n\t* permission denied\n\n"),
                login("hunter2", 60),
                refusal(403, "1 error occurred:\n\t* permission denied\n\n"),
            ],
            false,
            ["/v1/secret/data/trichrome/database", "permission denied"],
        ),
        (
            vec![login("hunter2", 60), (404, json!({"errors": []}))],
            false,
            ["/v1/secret/data/trichrome/database", "404"],
        ),
        (
            vec![login("hunter2", 60), (429, json!({"errors": ["quota"]}))],
            true,
            ["/v1/secret/data/trichrome/database", "quota"],
        ),
        (
            vec![login("hunter2", 60), secret(&Json::Null)],
            false,
            ["/v1/secret/data/trichrome/database", "deleted"],
        ),
        (
            vec![login("hunter2", 60), secret(&json!({"other": "hunter2"}))],
            false,
            ["DATABASE_URL_SOURCE", "\"url\""],
        ),
        (
            vec![(200, json!({"auth": null}))],
            false,
            ["/v1/auth/approle/login", "no token"],
        ),
    ] {
        let (_server, address) = Server::start(answers).await;
        let error = open(&address, &approle).get().await.unwrap_err();
        let text = error_chain(&error);
        assert_eq!(error.is_transient(), transient, "{text}");
        for part in parts {
            assert!(text.contains(part), "{text}");
        }
        assert!(!format!("{text} {error:?}").contains("hunter2"), "{text}");
    }
}

#[tokio::test]
async fn secrets_in_one_vault_share_its_login() {
    let (_file, path) = file("id of one use");
    let fields = json!({"username": "u", "password": "p"});
    let (server, address) = Server::start([login("t", 60), secret(&fields), secret(&fields)]).await;
    let mut opener = Opener::new();
    let mut open = |name: &'static str, field: &str| {
        let source = format!("vault+{address}/secret/data/kafka{field}");
        let mut variables = Variables::new(|variable| match variable {
            "VAULT_AUTH" => Some("approle".to_owned()),
            "VAULT_ROLE_ID" => Some("role".to_owned()),
            "VAULT_SECRET_ID_FILE" => Some(path.clone()),
            _ => Some(source.clone()),
        });
        let source = SecretSource::read(&mut variables, Forms::source(name)).unwrap();
        opener.open(source, aws)
    };
    let (username, password) = (open("USERNAME", "#username"), open("PASSWORD", "#password"));
    let (username, password) = tokio::join!(username.get(), password.get());
    assert_eq!(username.unwrap().expose(), "u");
    assert_eq!(password.unwrap().expose(), "p");
    assert_eq!(server.lines().len(), 3);

    // Without a field, the secret is all of them.
    server.then([secret(&fields)]);
    let all: Json = serde_json::from_str(open("ALL", "").get().await.unwrap().expose()).unwrap();
    assert_eq!(all, fields);
}
