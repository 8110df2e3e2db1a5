//! The PodDisruptionBudget: evictions one by one, and zones that are drained.

use anyhow::{Context as _, Result};
use serde_json::json;

use super::{
    Cluster, PATIENCE, nodes,
    release::{GATEWAY, Release, WEB, name},
    rollouts::REPLICAS,
    watch::Watch,
};
use crate::verify::Checks;

/// Pods that may be missing, by the chart's default.
const MISSING: u64 = 1;

pub(super) fn check(checks: &mut Checks, cluster: &Cluster, release: &Release<'_>) -> Result<()> {
    // Replacements can't start.
    nodes::admit(&cluster.kubectl, false)?;
    one_by_one(checks, release)?;
    nodes::admit(&cluster.kubectl, true)?;
    all_available(checks, release, "the evicted pod is replaced")?;
    drain(checks, release)
}

fn one_by_one(checks: &mut Checks, release: &Release<'_>) -> Result<()> {
    allows(checks, release, MISSING)?;
    evict(checks, release, true)?;
    allows(checks, release, 0)?;
    evict(checks, release, false)
}

/// Evicts a pod that is ready, or expects the budget to forbid it.
fn evict(checks: &mut Checks, release: &Release<'_>, accepted: bool) -> Result<()> {
    let pods = release.of(GATEWAY, "pods")?;
    let ready = pods.iter().find(|pod| {
        pod["status"]["phase"] == "Running" && pod["metadata"]["deletionTimestamp"].is_null()
    });
    let pod = name(ready.context("no pod of the gateway runs")?);
    let namespace = &release.namespace;
    let eviction = json!({
        "apiVersion": "policy/v1",
        "kind": "Eviction",
        "metadata": {"name": pod, "namespace": namespace},
    });
    let path = format!("/api/v1/namespaces/{namespace}/pods/{pod}/eviction");
    let mut command = release.cluster.kubectl.post(&path, &eviction)?;
    if accepted {
        checks.accepts("cluster: the first eviction", &mut command)
    } else {
        checks.refuses(
            "cluster: another eviction before there is a replacement",
            &mut command,
            "violate the pod's disruption budget",
        )
    }
}

/// Waits until the budget allows this many evictions of the gateway's pods.
fn allows(checks: &mut Checks, release: &Release<'_>, evictions: u64) -> Result<()> {
    let check = format!("cluster: evictions that the budget allows: {evictions}");
    checks.becomes(&check, PATIENCE, || {
        let budget = release.the(GATEWAY, "poddisruptionbudgets")?;
        let status = &budget["status"];
        let healthy = status["currentHealthy"].as_u64();
        let expected = status["disruptionsAllowed"] == evictions
            && healthy == Some(REPLICAS - MISSING + evictions);
        Ok((!expected).then(|| status.to_string()))
    })
}

/// Zone after zone, as for an update of the nodes.
fn drain(checks: &mut Checks, release: &Release<'_>) -> Result<()> {
    let kubectl = &release.cluster.kubectl;
    let watches = [Watch::begin(release, GATEWAY)?, Watch::begin(release, WEB)?];
    for zone in nodes::ZONES {
        let selector = format!("--selector=topology.kubernetes.io/zone={zone}");
        checks.accepts(
            &format!("cluster: kubectl drain, {zone}"),
            &mut kubectl.command(&[
                "drain",
                &selector,
                // The web app has directories for its temporary files.
                "--delete-emptydir-data",
                "--timeout=120s",
            ]),
        )?;
        all_available(checks, release, &format!("the pods of {zone} are replaced"))?;
        kubectl.run(&["uncordon", &selector])?;
    }
    for (component, watch) in [GATEWAY, WEB].into_iter().zip(watches) {
        let seen = watch.end()?;
        checks.holds(
            &format!("cluster: the drains leave two replicas of {component} available"),
            seen.fewest == REPLICAS - MISSING,
            &format!("{seen:?}"),
        );
    }
    Ok(())
}

fn all_available(checks: &mut Checks, release: &Release<'_>, check: &str) -> Result<()> {
    checks.becomes(&format!("cluster: {check}"), PATIENCE, || {
        let gateway = release.lacks(GATEWAY, REPLICAS)?;
        Ok(gateway.or(release.lacks(WEB, REPLICAS)?))
    })
}
