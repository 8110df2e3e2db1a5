//! Each set of values, installed with its hooks, tested and uninstalled.

use anyhow::Result;
use serde_json::{Value, json};

use super::{
    Cluster, PATIENCE,
    release::{Release, name},
};
use crate::{chart, verify::Checks};

pub(super) fn check(checks: &mut Checks, cluster: &Cluster) -> Result<()> {
    for (index, values) in chart::value_sets()?.iter().enumerate() {
        let release = Release::new(cluster, &values.name, &values.name, &[])?;
        if index == 0 {
            refuse(checks, &release)?;
        }
        life(checks, &release)?;
    }
    Ok(())
}

/// The namespaces refuse pods that the profile `restricted` doesn't allow.
fn refuse(checks: &mut Checks, release: &Release<'_>) -> Result<()> {
    let pod = json!({
        "apiVersion": "v1",
        "kind": "Pod",
        "metadata": {"name": "root", "namespace": release.namespace},
        "spec": {"containers": [{"name": "root", "image": "root"}]},
    });
    checks.refuses(
        "cluster: a pod that may run as root",
        &mut release.cluster.kubectl.creating(&pod)?,
        "violates PodSecurity \"restricted:latest\"",
    )
}

fn life(checks: &mut Checks, release: &Release<'_>) -> Result<()> {
    let step = |what: &str| format!("cluster: {what}, {}", release.namespace);
    checks.accepts(&step("helm install with its hooks"), &mut release.install())?;
    let unfinished = unfinished_hooks(&release.status()?, "pre-install");
    checks.holds(
        &step("the hooks have run"),
        unfinished.is_empty(),
        &format!("not completed: {}", unfinished.join(", ")),
    );
    checks.becomes(&step("each Service has pods"), PATIENCE, || {
        unreachable(release)
    })?;
    checks.accepts(&step("helm test's pod"), &mut release.test())?;
    checks.accepts(&step("helm uninstall"), &mut release.uninstall())?;
    checks.becomes(&step("nothing is left running"), PATIENCE, || left(release))
}

/// The hooks of an event that didn't succeed.
fn unfinished_hooks(status: &Value, event: &str) -> Vec<String> {
    let hooks = status["hooks"].as_array().into_iter().flatten();
    hooks
        .filter(|hook| {
            let mut events = hook["events"].as_array().into_iter().flatten();
            events.any(|it| it == event)
        })
        .filter(|hook| hook["last_run"]["phase"] != "Succeeded")
        .map(|hook| hook["name"].as_str().unwrap_or_default().to_owned())
        .collect()
}

/// A Service without ready pods, or with a port that its pods don't have.
pub(super) fn unreachable(release: &Release<'_>) -> Result<Option<String>> {
    let slices = release.list("endpointslices")?;
    for service in release.list("services")? {
        let name = name(&service);
        let reached = slices
            .iter()
            .filter(|slice| slice["metadata"]["labels"]["kubernetes.io/service-name"] == name)
            .any(|slice| {
                let mut endpoints = slice["endpoints"].as_array().into_iter().flatten();
                count(&slice["ports"]) == count(&service["spec"]["ports"])
                    && endpoints.any(|it| it["conditions"]["ready"] == true)
            });
        if !reached {
            return Ok(Some(format!("no ready pod has all ports of {name}")));
        }
    }
    Ok(None)
}

fn count(list: &Value) -> usize {
    list.as_array().map_or(0, Vec::len)
}

/// What the garbage collector hasn't removed. The last test's pod stays.
fn left(release: &Release<'_>) -> Result<Option<String>> {
    let mut names = Vec::new();
    for kind in ["deployments", "replicasets", "jobs", "pods"] {
        let objects = release.list(kind)?;
        names.extend(objects.iter().map(|it| name(it).to_owned()));
    }
    names.retain(|name| !name.ends_with("-test"));
    Ok((!names.is_empty()).then(|| format!("still there: {}", names.join(", "))))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_hook_that_did_not_succeed_is_named() {
        let hook = |name: &str, event: &str, phase: &str| json!({"name": name, "kind": "Job", "events": [event], "last_run": {"phase": phase}});
        let status = json!({"hooks": [
            hook("one", "pre-install", "Succeeded"),
            hook("two", "pre-install", "Failed"),
            hook("three", "test", ""),
        ]});
        let unfinished = unfinished_hooks(&status, "pre-install");
        assert_eq!(unfinished, ["two"]);
    }
}
