//! Against RustyVault, a server with Vault's API. `cargo xtask verify vault` builds it and runs this.
//!
//! RustyVault 0.2.1 has AppRole, tokens, sealing and the key/value engine of version 1; a secret is
//! written so that its answer has the shape of version 2. It has no `renew-self`, so a renewal fails
//! here, and another login follows.

#![cfg(feature = "vault")]
#![expect(
    clippy::unwrap_used,
    clippy::expect_used,
    reason = "tests and their helpers fail by panicking"
)]

use std::{
    fs,
    net::TcpListener,
    path::Path,
    process::{Child, Command, Stdio},
    time::{Duration, Instant},
};

use aws_types::SdkConfig;
use serde_json::{Value, json};
use trichrome_secrets::{Forms, Opener, Secret, SecretSource};
use trichrome_startup::Variables;

/// The variable with the path of the server's program.
const PROGRAM: &str = "TRICHROME_RVAULT";

/// The lease of a login, in seconds: a value is read again after two thirds of it.
const LEASE: u64 = 6;

/// How long to wait for an effect.
const SOON: Duration = Duration::from_secs(30);

/// A server with its data in a temporary folder; stopped when dropped.
struct Server {
    process: Child,
    address: String,
    folder: tempfile::TempDir,
    unseal_key: String,
    root: String,
}

impl Server {
    fn start() -> Self {
        let program = std::env::var_os(PROGRAM).expect("run `cargo xtask verify vault`");
        let port = {
            let listener = TcpListener::bind("127.0.0.1:0").unwrap();
            listener.local_addr().unwrap().port()
        };
        let folder = tempfile::tempdir().unwrap();
        let config = folder.path().join("config.hcl");
        let data = folder.path().join("data");
        fs::create_dir(&data).unwrap();
        let text = format!(
            "storage \"file\" {{\n  path = \"{}\"\n}}\n\
             listener \"tcp\" {{\n  address = \"127.0.0.1:{port}\"\n  tls_disable = true\n}}\n\
             api_addr = \"http://127.0.0.1:{port}\"\n\
             log_level = \"info\"\n\
             work_dir = \"{}\"\n",
            data.display(),
            folder.path().display()
        );
        fs::write(&config, text).unwrap();
        let process = Command::new(program)
            .arg("server")
            .arg("--config")
            .arg(&config)
            .current_dir(folder.path())
            .stdout(Stdio::null())
            .spawn()
            .unwrap();
        let mut server = Self {
            process,
            address: format!("http://127.0.0.1:{port}"),
            folder,
            unseal_key: String::new(),
            root: String::new(),
        };
        let started = Instant::now();
        while ureq::get(format!("{}/v1/sys/init", server.address))
            .call()
            .is_err()
        {
            assert!(started.elapsed() < SOON, "the server doesn't serve");
            assert!(
                server.process.try_wait().unwrap().is_none(),
                "the server ended"
            );
            std::thread::sleep(Duration::from_millis(50));
        }
        let shares = json!({"secret_shares": 1, "secret_threshold": 1});
        let initialized = server.post("sys/init", &shares);
        server.unseal_key = initialized["keys"][0].as_str().unwrap().to_owned();
        server.root = initialized["root_token"].as_str().unwrap().to_owned();
        server.unseal();
        server
    }

    fn post(&self, path: &str, body: &Value) -> Value {
        let request = ureq::post(format!("{}/v1/{path}", self.address));
        let sent = request.header("x-vault-token", &self.root).send_json(body);
        let mut answer = sent.unwrap_or_else(|error| panic!("{path}: {error}"));
        let text = answer.body_mut().read_to_string().unwrap();
        serde_json::from_str(&text).unwrap_or_default()
    }

    fn get(&self, path: &str) -> Value {
        let request = ureq::get(format!("{}/v1/{path}", self.address));
        let sent = request.header("x-vault-token", &self.root).call();
        sent.unwrap().body_mut().read_json().unwrap()
    }

    fn unseal(&self) {
        self.post("sys/unseal", &json!({"key": self.unseal_key}));
    }

    fn write(&self, url: &str) {
        let data = json!({"data": {"url": url, "other": "hush"}});
        self.post("secret/data/trichrome/database", &data);
    }

    /// Creates a secret id and puts it into the file.
    fn secret_id(&self, file: &Path) -> String {
        let answer = self.post("auth/approle/role/trichrome/secret-id", &json!({}));
        let id = answer["data"]["secret_id"].as_str().unwrap().to_owned();
        fs::write(file, &id).unwrap();
        id
    }

    fn destroy(&self, secret_id: &str) {
        let path = "auth/approle/role/trichrome/secret-id/destroy";
        self.post(path, &json!({"secret_id": secret_id}));
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}

fn open(server: &Server, login: &[(&str, &str)]) -> Secret {
    let source = format!(
        "vault+{}/secret/data/trichrome/database#url",
        server.address
    );
    let mut variables = Variables::new(|name| {
        let found = login.iter().find(|(key, _)| *key == name);
        let found = found.map(|(_, value)| (*value).to_owned());
        found.or_else(|| (name == "DATABASE_URL_SOURCE").then(|| source.clone()))
    });
    let source = SecretSource::read(&mut variables, Forms::source("DATABASE_URL"));
    variables.check().unwrap();
    Opener::new().open(source.unwrap(), || SdkConfig::builder().build())
}

/// Asks until the outcome is the expected one: a value, or whether the failure is transient.
async fn until(secret: &Secret, expected: Result<&str, bool>) {
    let started = Instant::now();
    loop {
        let outcome = secret.get().await;
        let is_expected = match (&outcome, expected) {
            (Ok(value), Ok(expected)) => value.expose() == expected,
            (Err(error), Err(is_transient)) => error.is_transient() == is_transient,
            _ => false,
        };
        if is_expected {
            return;
        }
        assert!(
            started.elapsed() < SOON,
            "{outcome:?} instead of {expected:?}"
        );
        tokio::time::sleep(Duration::from_millis(100)).await;
    }
}

#[tokio::test]
#[ignore = "needs RustyVault: cargo xtask verify vault"]
async fn secrets_follow_a_vault() {
    let server = Server::start();
    server.post("sys/auth/approle", &json!({"type": "approle"}));
    let role = json!({"token_ttl": LEASE, "token_max_ttl": 60, "policies": "default"});
    server.post("auth/approle/role/trichrome", &role);
    let role_id = server.get("auth/approle/role/trichrome/role-id");
    let role_id = role_id["data"]["role_id"].as_str().unwrap();
    let file = server.folder.path().join("secret-id");
    let first = server.secret_id(&file);
    server.write("one");

    let path = file.display().to_string();
    let approle = [
        ("VAULT_AUTH", "approle"),
        ("VAULT_ROLE_ID", role_id),
        ("VAULT_SECRET_ID_FILE", &path),
    ];
    let secret = open(&server, &approle);
    assert_eq!(secret.get().await.unwrap().expose(), "one");

    // Another value, and another secret id.
    server.write("two");
    until(&secret, Ok("two")).await;
    let second = server.secret_id(&file);
    server.destroy(&first);
    server.write("three");
    until(&secret, Ok("three")).await;

    // The value lasts as long as the lease, and no longer.
    server.post("sys/seal", &json!({}));
    assert_eq!(secret.get().await.unwrap().expose(), "three");
    until(&secret, Err(true)).await;
    server.unseal();
    until(&secret, Ok("three")).await;

    // Without a valid secret id, it ends likewise.
    server.destroy(&second);
    until(&secret, Err(false)).await;
    server.secret_id(&file);
    until(&secret, Ok("three")).await;

    // A token that was never issued.
    let stranger = open(
        &server,
        &[("VAULT_AUTH", "token"), ("VAULT_TOKEN", "s.stranger")],
    );
    let error = stranger.get().await.unwrap_err();
    assert!(!error.is_transient(), "{error:?}");
}
