//! Kubernetes' own API server, with Debian's etcd, on loopback.

use std::{
    fs::{self, File},
    io::Write as _,
    path::{Path, PathBuf},
    process::Command,
    time::Duration,
};

use anyhow::{Context as _, Result};
use serde_json::json;

use super::programs::API_SERVER;
use crate::{
    chart, port, process,
    progress::Step,
    random,
    tools::etcd,
    verify::{checks, server::Server},
    workspace::local,
};

/// How long the server may take to start.
const PATIENCE: Duration = Duration::from_secs(120);

pub(in crate::verify) struct ApiServer {
    pub(in crate::verify) state: PathBuf,
    pub(in crate::verify) kubeconfig: PathBuf,
    /// Signs the tokens of service accounts.
    pub(in crate::verify) key: PathBuf,
    /// Stopped before its store.
    server: Server,
    _etcd: Server,
}

impl ApiServer {
    /// Starts it, and waits until `helm` can talk to it.
    pub(in crate::verify) fn start(helm: &Path) -> Result<Self> {
        let state = local().join("kubernetes");
        if state.exists() {
            fs::remove_dir_all(&state)?;
        }
        fs::create_dir_all(&state)?;
        let (store, peer, secure) = (port::free()?, port::free()?, port::free()?);
        let store = url(store);
        let etcd = start_etcd(&state, &store, &url(peer))?;
        let token = random::text()?;
        let tokens = state.join("tokens.csv");
        private(&tokens, &format!("{token},admin,admin,system:masters\n"))?;
        let key = state.join("service-accounts.pem");
        process::run_logged(
            Command::new("openssl")
                .args(["genrsa", "-out"])
                .arg(&key)
                .arg("2048"),
            "key of the service accounts",
            &checks::log("openssl")?,
        )?;
        let certificates = state.join("certificates");
        let mut command = Command::new(API_SERVER.get()?);
        command
            .args(["--etcd-servers", &store])
            .args(["--bind-address=127.0.0.1", "--advertise-address=127.0.0.1"])
            .arg(format!("--secure-port={secure}"))
            // It makes its own.
            .arg("--cert-dir")
            .arg(&certificates)
            .arg("--token-auth-file")
            .arg(&tokens)
            .args(["--authorization-mode=RBAC", "--anonymous-auth=false"])
            .args(["--service-cluster-ip-range=10.96.0.0/16"])
            .args(["--endpoint-reconciler-type=none"])
            // Debian's etcd is too old for lists by way of a watch; not all clients ask again without.
            .args(["--feature-gates=WatchList=false"])
            .args(["--service-account-issuer=https://kubernetes.default.svc"])
            .arg("--service-account-key-file")
            .arg(&key)
            .arg("--service-account-signing-key-file")
            .arg(&key);
        let server = Server::begin("kube-apiserver", &mut command)?;
        let kubeconfig = state.join("kubeconfig");
        let authority = certificates.join("apiserver.crt");
        private(&kubeconfig, &config(secure, &authority, &token))?;
        let mut api_server = Self {
            state,
            kubeconfig,
            key,
            server,
            _etcd: etcd,
        };
        api_server.await_ready(helm)?;
        Ok(api_server)
    }

    /// A Helm that talks to this server.
    pub(in crate::verify) fn helm(&self, program: &Path) -> Command {
        helm(program, &self.kubeconfig)
    }

    fn await_ready(&mut self, program: &Path) -> Result<()> {
        let mut step = Step::begin("kube-apiserver");
        let mut list = helm(program, &self.kubeconfig);
        list.args(["list", "--all-namespaces"]);
        let outcome = self.server.wait(PATIENCE, |_| {
            step.tick("");
            Ok(process::succeeds(&mut list))
        });
        step.end(outcome.is_ok());
        outcome
    }
}

fn helm(program: &Path, kubeconfig: &Path) -> Command {
    let mut command = chart::helm(program);
    command.arg("--kubeconfig").arg(kubeconfig);
    command
}

fn start_etcd(state: &Path, client: &str, peer: &str) -> Result<Server> {
    let mut command = Command::new(etcd::program()?);
    command
        .arg("--data-dir")
        .arg(state.join("etcd"))
        .args(["--listen-client-urls", client])
        .args(["--advertise-client-urls", client])
        .args(["--listen-peer-urls", peer])
        .args(["--initial-advertise-peer-urls", peer])
        .args(["--initial-cluster", &format!("default={peer}")])
        // The objects may be lost with the machine.
        .arg("--unsafe-no-fsync");
    Server::start("etcd", &mut command, &format!("{client}/health"))
}

fn url(port: u16) -> String {
    format!("http://127.0.0.1:{port}")
}

fn config(port: u16, authority: &Path, token: &str) -> String {
    json!({
        "apiVersion": "v1",
        "kind": "Config",
        "current-context": "verify",
        "clusters": [{"name": "verify", "cluster": {
            "server": format!("https://127.0.0.1:{port}"),
            "certificate-authority": authority,
        }}],
        "users": [{"name": "admin", "user": {"token": token}}],
        "contexts": [{"name": "verify", "context": {"cluster": "verify", "user": "admin"}}],
    })
    .to_string()
}

/// Writes a file that only this user can read.
fn private(path: &Path, content: &str) -> Result<()> {
    use std::os::unix::fs::OpenOptionsExt as _;
    File::options()
        .write(true)
        .create_new(true)
        .mode(0o600)
        .open(path)
        .and_then(|mut file| file.write_all(content.as_bytes()))
        .with_context(|| format!("cannot write {}", path.display()))
}
