//! kubectl.

use std::{fs, path::PathBuf, process::Command};

use anyhow::{Context as _, Result, ensure};
use serde_json::Value;

use crate::verify::kubernetes::{api_server::ApiServer, programs::KUBECTL};

/// A kubectl that talks to one API server.
pub(super) struct Kubectl {
    program: PathBuf,
    kubeconfig: PathBuf,
    /// For its cache, and for objects on their way.
    state: PathBuf,
}

impl Kubectl {
    pub(super) fn new(server: &ApiServer) -> Result<Self> {
        let state = server.state.join("kubectl");
        fs::create_dir_all(&state)?;
        Ok(Self {
            program: KUBECTL.get()?,
            kubeconfig: server.kubeconfig.clone(),
            state,
        })
    }

    pub(super) fn command(&self, arguments: &[&str]) -> Command {
        let mut command = Command::new(&self.program);
        command
            .arg("--kubeconfig")
            .arg(&self.kubeconfig)
            .arg("--cache-dir")
            .arg(&self.state)
            .args(["--request-timeout=60s"])
            .args(arguments);
        command
    }

    /// Runs it; returns its output.
    pub(super) fn run(&self, arguments: &[&str]) -> Result<String> {
        let output = self.command(arguments).output()?;
        ensure!(
            output.status.success(),
            "kubectl {}: {}",
            arguments.join(" "),
            String::from_utf8_lossy(&output.stderr)
        );
        Ok(String::from_utf8(output.stdout)?)
    }

    /// Waits until its `wait` succeeds.
    pub(super) fn wait(&self, arguments: &[&str]) -> Result<()> {
        self.run(&[&["wait", "--timeout=60s"], arguments].concat())?;
        Ok(())
    }

    /// The objects of a list.
    pub(super) fn list(&self, arguments: &[&str]) -> Result<Vec<Value>> {
        let mut list: Value = serde_json::from_str(&self.run(&with_json(arguments))?)?;
        let items = list["items"].take();
        Ok(serde_json::from_value(items)?)
    }

    /// A command that creates an object by `POST` to a path, such as that of a subresource.
    pub(super) fn post(&self, path: &str, object: &Value) -> Result<Command> {
        let file = self.write(object)?;
        Ok(self.command(&["create", "--raw", path, "--filename", &file]))
    }

    /// A command that creates an object.
    pub(super) fn creating(&self, object: &Value) -> Result<Command> {
        let file = self.write(object)?;
        Ok(self.command(&["create", "--filename", &file]))
    }

    pub(super) fn create(&self, object: &Value) -> Result<()> {
        let file = self.write(object)?;
        self.run(&["create", "--filename", &file])?;
        Ok(())
    }

    fn write(&self, object: &Value) -> Result<String> {
        let file = self.state.join("object.json");
        fs::write(&file, object.to_string())?;
        Ok(file.to_str().context("the path isn't UTF-8")?.to_owned())
    }
}

fn with_json<'a>(arguments: &[&'a str]) -> Vec<&'a str> {
    [&["get", "--output=json"], arguments].concat()
}
