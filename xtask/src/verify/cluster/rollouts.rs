//! Upgrades: one that succeeds, one whose image is missing, and one whose job doesn't end.

use std::collections::BTreeSet;

use anyhow::Result;

use super::{
    Cluster, PATIENCE,
    installations::unreachable,
    nodes,
    release::{GATEWAY, Release, WEB, name},
    watch::{Seen, Watch},
};
use crate::verify::Checks;

/// One for each zone.
pub(super) const REPLICAS: u64 = 3;

/// Leaves the release installed.
pub(super) fn check<'a>(checks: &mut Checks, cluster: &'a Cluster) -> Result<Release<'a>> {
    let replicas = ["gateway.replicas=3", "web.replicas=3"];
    let release = Release::new(cluster, "rollouts", "minimal", &replicas)?;
    checks.accepts("cluster: three replicas", &mut release.install())?;
    for component in [GATEWAY, WEB] {
        let check = format!("cluster: the pods of {component} are in three zones");
        checks.becomes(&check, PATIENCE, || crowded(&release, component))?;
    }
    rollout(checks, &release)?;
    missing_image(checks, &release)?;
    unfinished_job(checks, &release)?;
    Ok(release)
}

/// A rollout starts a new pod before it stops one.
fn rollout(checks: &mut Checks, release: &Release<'_>) -> Result<()> {
    let watches = [Watch::begin(release, GATEWAY)?, Watch::begin(release, WEB)?];
    checks.accepts(
        "cluster: a rollout",
        &mut release.upgrade(
            &["gateway.logLevel=error", "web.podLabels.version=two"],
            "2m",
        ),
    )?;
    for (component, watch) in [GATEWAY, WEB].into_iter().zip(watches) {
        let check = format!("cluster: a rollout keeps all replicas of {component} available");
        kept_all(checks, &check, watch)?;
        checks.becomes(
            &format!("cluster: a rollout replaces all pods of {component}"),
            PATIENCE,
            || old(release, component),
        )?;
        // Also with the old ones beside them.
        checks.becomes(
            &format!("cluster: after a rollout, the pods of {component} are in three zones"),
            PATIENCE,
            || crowded(release, component),
        )?;
    }
    Ok(())
}

/// A new version whose pods don't start takes no old pod away, and `helm rollback` removes it.
fn missing_image(checks: &mut Checks, release: &Release<'_>) -> Result<()> {
    let watch = Watch::begin(release, GATEWAY)?;
    checks.refuses(
        "cluster: a rollout to an image that is missing",
        &mut release.upgrade(&["gateway.image.tag=missing"], "30s"),
        "deadline exceeded",
    )?;
    let pods = release.of(GATEWAY, "pods")?;
    let waiting = pods.iter().filter(|pod| {
        let state = &pod["status"]["containerStatuses"][0]["state"];
        state["waiting"]["reason"] == "ImagePullBackOff"
    });
    let waiting = waiting.count();
    checks.holds(
        "cluster: it starts one pod",
        waiting == 1,
        &format!("{waiting} pods wait for their image"),
    );
    checks.becomes("cluster: the Services still have pods", PATIENCE, || {
        unreachable(release)
    })?;
    checks.accepts("cluster: helm rollback", &mut release.roll_back())?;
    checks.becomes("cluster: the rollback removes it", PATIENCE, || {
        release.lacks(GATEWAY, REPLICAS)
    })?;
    kept_all(
        checks,
        "cluster: the old pods stay available all along",
        watch,
    )
}

/// Checks that all replicas were available while there was at most one in addition.
fn kept_all(checks: &mut Checks, check: &str, watch: Watch) -> Result<()> {
    let seen = watch.end()?;
    let expected = Seen {
        fewest: REPLICAS,
        most: REPLICAS + 1,
    };
    checks.holds(check, seen == expected, &format!("{seen:?}"));
    Ok(())
}

/// The topics come first: without them, nothing of the release changes.
fn unfinished_job(checks: &mut Checks, release: &Release<'_>) -> Result<()> {
    let generation = || -> Result<u64> {
        let deployment = release.the(GATEWAY, "deployments")?;
        Ok(deployment["metadata"]["generation"]
            .as_u64()
            .unwrap_or_default())
    };
    let before = generation()?;
    checks.refuses(
        "cluster: an upgrade whose job doesn't end",
        &mut release.upgrade(
            &["kafka.topics.image.tag=missing", "gateway.logLevel=debug"],
            "10s",
        ),
        "pre-upgrade hooks failed",
    )?;
    checks.holds(
        "cluster: it changes nothing",
        before == generation()?,
        "the Deployment was changed",
    );
    checks.accepts("cluster: the next upgrade", &mut release.upgrade(&[], "2m"))
}

/// What a component's pods have in common, of what they should not.
fn crowded(release: &Release<'_>, component: &str) -> Result<Option<String>> {
    let pods = release.of(component, "pods")?;
    let nodes: Vec<_> = pods
        .iter()
        .map(|pod| pod["spec"]["nodeName"].as_str().unwrap_or_default())
        .collect();
    let zones: BTreeSet<_> = nodes.iter().filter_map(|node| nodes::zone(node)).collect();
    let spread = zones.len() == nodes::ZONES.len() && nodes.len() == zones.len();
    Ok((!spread).then(|| format!("they are on {}", nodes.join(", "))))
}

/// Pods of earlier versions.
fn old(release: &Release<'_>, component: &str) -> Result<Option<String>> {
    let sets = release.of(component, "replicasets")?;
    let with_pods: Vec<_> = sets
        .iter()
        .filter(|set| set["status"]["replicas"] != 0)
        .map(name)
        .collect();
    let replaced = with_pods.len() == 1 && sets.len() > 1;
    Ok((!replaced).then(|| {
        format!(
            "of {} ReplicaSets, {} have pods",
            sets.len(),
            with_pods.join(", ")
        )
    }))
}
