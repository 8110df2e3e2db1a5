//! The gateway's lag as a metric of pods, from a stand-in for an adapter such as prometheus-adapter.

use std::{fs, path::PathBuf, process::Command};

use anyhow::Result;
use serde_json::json;

use super::kubectl::Kubectl;
use crate::{
    port, process,
    tools::{self, CONTAINERS},
    verify::{checks, kubernetes::api_server::ApiServer, server::Server},
};

pub(super) struct Lag {
    file: PathBuf,
    _server: Server,
}

impl Lag {
    /// Starts it, and waits until the API server passes requests on to it.
    pub(super) fn start(server: &ApiServer, kubectl: &Kubectl) -> Result<Self> {
        let state = server.state.join("lag");
        fs::create_dir_all(&state)?;
        let [certificate, key, file] =
            ["certificate.pem", "key.pem", "lag"].map(|it| state.join(it));
        process::run_logged(
            Command::new("openssl")
                .args(["req", "-x509", "-newkey", "rsa:2048", "-nodes"])
                .args(["-subj", "/CN=localhost", "-days", "1", "-keyout"])
                .arg(&key)
                .arg("-out")
                .arg(&certificate),
            "certificate of the metrics",
            &checks::log("openssl")?,
        )?;
        let port = port::free()?;
        // It needs no packages.
        let mut command = Command::new(CONTAINERS.find_python()?);
        command
            .arg(tools::pins().join("kubernetes/custom_metrics.py"))
            .args([&server.kubeconfig, &certificate, &key])
            .arg(port.to_string())
            .arg(&file);
        let lag = Self {
            file,
            _server: Server::begin("custom-metrics", &mut command)?,
        };
        lag.set(0)?;
        publish(kubectl, port)?;
        Ok(lag)
    }

    /// Sets the records that wait for all pods together.
    pub(super) fn set(&self, records: u64) -> Result<()> {
        // Not in place: it may be read meanwhile.
        let written = self.file.with_extension("new");
        fs::write(&written, records.to_string())?;
        Ok(fs::rename(written, &self.file)?)
    }
}

/// Has the API server pass the metrics' API on to a port of this machine.
fn publish(kubectl: &Kubectl, port: u16) -> Result<()> {
    const NAME: &str = "custom-metrics";
    const NAMESPACE: &str = "kube-system";
    kubectl.wait(&["--for=create", "namespace", NAMESPACE])?;
    kubectl.create(&json!({
        "apiVersion": "v1",
        "kind": "Service",
        "metadata": {"name": NAME, "namespace": NAMESPACE},
        "spec": {"type": "ExternalName", "externalName": "localhost"},
    }))?;
    kubectl.create(&json!({
        "apiVersion": "apiregistration.k8s.io/v1",
        "kind": "APIService",
        "metadata": {"name": "v1beta2.custom.metrics.k8s.io"},
        "spec": {
            "group": "custom.metrics.k8s.io",
            "version": "v1beta2",
            "groupPriorityMinimum": 100,
            "versionPriority": 100,
            "insecureSkipTLSVerify": true,
            "service": {"name": NAME, "namespace": NAMESPACE, "port": port},
        },
    }))?;
    kubectl.wait(&[
        "--for=condition=Available",
        "apiservice/v1beta2.custom.metrics.k8s.io",
    ])
}
