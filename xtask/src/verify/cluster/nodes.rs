//! Nodes that aren't there: two in each of three zones.

use anyhow::Result;
use serde_json::{Value, json};

use super::kubectl::Kubectl;

pub(super) const ZONES: [&str; 3] = ["zone-a", "zone-b", "zone-c"];
const NODES_OF_A_ZONE: usize = 2;

/// Creates them, and waits until they are ready.
pub(super) fn create(kubectl: &Kubectl) -> Result<()> {
    for zone in ZONES {
        for number in 0..NODES_OF_A_ZONE {
            kubectl.create(&node(&name(zone, number), zone))?;
        }
    }
    kubectl.wait(&["--for=condition=Ready", "nodes", "--all"])
}

/// The zone of a node with this name.
pub(super) fn zone(node: &str) -> Option<&'static str> {
    ZONES.into_iter().find(|zone| node.starts_with(zone))
}

/// Whether new pods may be bound to any of the nodes.
pub(super) fn admit(kubectl: &Kubectl, admit: bool) -> Result<()> {
    // An empty selector would select none.
    let all = "--selector=topology.kubernetes.io/zone";
    kubectl.run(&[if admit { "uncordon" } else { "cordon" }, all])?;
    Ok(())
}

fn name(zone: &str, number: usize) -> String {
    format!("{zone}-{number}")
}

/// A node as its kubelet registers it.
fn node(name: &str, zone: &str) -> Value {
    let room = json!({"cpu": "4", "memory": "8Gi", "ephemeral-storage": "20Gi", "pods": "32"});
    json!({
        "apiVersion": "v1",
        "kind": "Node",
        "metadata": {
            "name": name,
            "labels": {
                "kubernetes.io/arch": "amd64",
                "kubernetes.io/hostname": name,
                "kubernetes.io/os": "linux",
                "topology.kubernetes.io/zone": zone,
            },
        },
        "status": {"allocatable": room, "capacity": room},
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_nodes_name_has_its_zone() {
        for expected in ZONES {
            assert_eq!(zone(&name(expected, 1)), Some(expected));
        }
        assert_eq!(zone("elsewhere"), None);
    }
}
