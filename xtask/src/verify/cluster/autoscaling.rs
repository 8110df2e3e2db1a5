//! The HorizontalPodAutoscaler, by a lag that the check sets.

use std::time::Duration;

use anyhow::Result;
use serde_json::Value;

use super::{
    Cluster,
    release::{GATEWAY, Release},
};
use crate::verify::Checks;

/// The controllers look for new APIs twice a minute, and [`STABLE`] is waited for.
const PATIENCE: Duration = Duration::from_secs(150);

/// Shorter than the chart's, and longer than the minute in which replicas that were just started may
/// be stopped again all at once.
const STABLE: &str = "autoscaling.stabilizationSeconds=65";

/// As in the set of values, with the chart's defaults.
const PARTITIONS: u64 = 6;
const FEWEST: u64 = 2;
const LAG_OF_A_REPLICA: u64 = 100;

pub(super) fn check(checks: &mut Checks, cluster: &Cluster) -> Result<()> {
    let release = Release::new(cluster, "autoscaling", "msk", &[STABLE])?;
    checks.accepts("cluster: an HPA", &mut release.install())?;
    scales(checks, &release, "without lag", 0, FEWEST, None)?;
    let some = 4 * LAG_OF_A_REPLICA;
    scales(checks, &release, "with some lag", some, 4, None)?;
    let limit = Some("TooManyReplicas");
    let much = 100 * LAG_OF_A_REPLICA;
    scales(checks, &release, "with much lag", much, PARTITIONS, limit)?;
    checks.accepts(
        "cluster: an upgrade with an HPA",
        &mut release.upgrade(&["gateway.logLevel=error"], "2m"),
    )?;
    let after = lacks(&release, PARTITIONS, limit)?;
    checks.holds(
        "cluster: the upgrade leaves the number of replicas alone",
        after.is_none(),
        &after.unwrap_or_default(),
    );
    // One each minute.
    let limit = Some("ScaleDownLimit");
    scales(
        checks,
        &release,
        "without lag again",
        0,
        PARTITIONS - 1,
        limit,
    )
}

/// Sets the lag, and expects this many replicas. `limit` is the reason for which the autoscaler
/// doesn't start, or stop, even more.
fn scales(
    checks: &mut Checks,
    release: &Release<'_>,
    when: &str,
    lag: u64,
    replicas: u64,
    limit: Option<&str>,
) -> Result<()> {
    release.cluster.lag.set(lag)?;
    let check = format!("cluster: {when} there are {replicas} replicas");
    checks.becomes(&check, PATIENCE, || lacks(release, replicas, limit))
}

fn lacks(release: &Release<'_>, replicas: u64, limit: Option<&str>) -> Result<Option<String>> {
    let scaler = release.the(GATEWAY, "horizontalpodautoscalers")?;
    let status = &scaler["status"];
    let limited = limit.is_none_or(|reason| is_limited(status, reason));
    if status["desiredReplicas"] != replicas || !limited {
        return Ok(Some(format!("the autoscaler: {status}")));
    }
    release.lacks(GATEWAY, replicas)
}

fn is_limited(status: &Value, reason: &str) -> bool {
    let mut conditions = status["conditions"].as_array().into_iter().flatten();
    conditions.any(|it| {
        it["type"] == "ScalingLimited" && it["status"] == "True" && it["reason"] == reason
    })
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn a_limit_counts_while_it_holds() {
        let status = |status: &str, reason: &str| {
            let condition = json!({"type": "ScalingLimited", "status": status, "reason": reason});
            json!({"conditions": [condition]})
        };
        assert!(is_limited(
            &status("True", "TooManyReplicas"),
            "TooManyReplicas"
        ));
        assert!(!is_limited(
            &status("False", "TooManyReplicas"),
            "TooManyReplicas"
        ));
        assert!(!is_limited(
            &status("True", "ScaleUpLimit"),
            "TooManyReplicas"
        ));
        assert!(!is_limited(&json!({}), "TooManyReplicas"));
    }
}
