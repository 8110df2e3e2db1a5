//! The chart, installed with its hooks.

use std::{path::PathBuf, process::Command};

use anyhow::{Context as _, Result};
use serde_json::{Value, json};

use super::Cluster;
use crate::chart::{self, RELEASE};

/// A release in a namespace of its own, whose pods must meet the profile `restricted`.
pub(super) struct Release<'a> {
    pub(super) cluster: &'a Cluster,
    pub(super) namespace: String,
    values: PathBuf,
    /// Values on top, as `--set` takes them.
    set: Vec<String>,
}

/// The programs whose pods a release has.
pub(super) const GATEWAY: &str = "gateway";
pub(super) const WEB: &str = "web";

impl<'a> Release<'a> {
    /// Creates the namespace. `values` is the name of a set of values.
    pub(super) fn new(
        cluster: &'a Cluster,
        namespace: &str,
        values: &str,
        set: &[&str],
    ) -> Result<Self> {
        let kubectl = &cluster.kubectl;
        kubectl.create(&json!({
            "apiVersion": "v1",
            "kind": "Namespace",
            "metadata": {
                "name": namespace,
                "labels": {"pod-security.kubernetes.io/enforce": "restricted"},
            },
        }))?;
        let account = "serviceaccount/default";
        kubectl.wait(&["--for=create", account, "--namespace", namespace])?;
        Ok(Self {
            cluster,
            namespace: namespace.to_owned(),
            values: chart::folder().join("ci").join(format!("{values}.yaml")),
            set: set.iter().map(|&it| it.to_owned()).collect(),
        })
    }

    pub(super) fn install(&self) -> Command {
        self.with_chart(&["install", "--timeout=2m"], &[])
    }

    /// An upgrade with more values.
    pub(super) fn upgrade(&self, set: &[&str], timeout: &str) -> Command {
        self.with_chart(&["upgrade", "--timeout", timeout], set)
    }

    /// Back to the release before, or to a revision.
    pub(super) fn roll_back(&self) -> Command {
        self.helm(&["rollback", RELEASE, "--wait", "--timeout=2m"])
    }

    pub(super) fn test(&self) -> Command {
        self.helm(&["test", RELEASE, "--timeout=2m"])
    }

    pub(super) fn uninstall(&self) -> Command {
        self.helm(&["uninstall", RELEASE, "--wait", "--timeout=2m"])
    }

    /// The release as Helm has it.
    pub(super) fn status(&self) -> Result<Value> {
        let output = self
            .helm(&["status", RELEASE, "--output=json"])
            .output()?
            .stdout;
        Ok(serde_json::from_slice(&output)?)
    }

    fn with_chart(&self, arguments: &[&str], set: &[&str]) -> Command {
        let mut command = self.helm(arguments);
        command
            .arg("--wait")
            .arg("--values")
            .arg(&self.values)
            .arg(RELEASE)
            .arg(chart::folder());
        for value in self
            .set
            .iter()
            .map(String::as_str)
            .chain(set.iter().copied())
        {
            command.args(["--set", value]);
        }
        command
    }

    fn helm(&self, arguments: &[&str]) -> Command {
        let mut command = self.cluster.server.helm(&self.cluster.helm);
        command
            .args(["--namespace", &self.namespace])
            .args(arguments);
        command
    }

    /// Its objects of a kind, such as `pods`.
    pub(super) fn list(&self, kind: &str) -> Result<Vec<Value>> {
        let namespace = ["--namespace", &self.namespace];
        self.cluster
            .kubectl
            .list(&[&namespace[..], &[kind]].concat())
    }

    /// Those of a component.
    pub(super) fn of(&self, component: &str, kind: &str) -> Result<Vec<Value>> {
        let mut objects = self.list(kind)?;
        objects.retain(|it| it["metadata"]["labels"]["app.kubernetes.io/component"] == component);
        Ok(objects)
    }

    /// The only one of a component.
    pub(super) fn the(&self, component: &str, kind: &str) -> Result<Value> {
        let found = self.of(component, kind)?.into_iter().next();
        found.with_context(|| format!("{component} has no {kind}"))
    }

    /// What a component's Deployment lacks of this many available replicas, each of the latest version.
    pub(super) fn lacks(&self, component: &str, replicas: u64) -> Result<Option<String>> {
        let deployment = self.the(component, "deployments")?;
        let count = |field: &str| deployment["status"][field].as_u64().unwrap_or_default();
        let counts = ["replicas", "updatedReplicas", "availableReplicas"].map(count);
        let observed =
            deployment["status"]["observedGeneration"] == deployment["metadata"]["generation"];
        let complete = observed && counts == [replicas; 3];
        Ok((!complete).then(|| {
            let [all, updated, available] = counts;
            format!(
                "of {replicas} replicas of {component}, {available} are available and {updated} updated; \
                 there are {all}"
            )
        }))
    }
}

/// The name of an object.
pub(super) fn name(object: &Value) -> &str {
    object["metadata"]["name"].as_str().unwrap_or_default()
}
