//! Programs of Kubernetes, and kwok, which simulates nodes: built from Go modules.

use std::path::PathBuf;

use anyhow::Result;

use crate::{
    chart::programs::KUBERNETES,
    verify::go_program::{GoProgram, Workshop},
};

pub(in crate::verify) static API_SERVER: GoProgram = kubernetes("kube-apiserver");
pub(in crate::verify) static CONTROLLER_MANAGER: GoProgram = kubernetes("kube-controller-manager");
pub(in crate::verify) static SCHEDULER: GoProgram = kubernetes("kube-scheduler");
pub(in crate::verify) static KUBECTL: GoProgram = kubernetes("kubectl");

/// Plays the kubelets: it starts nothing, and reports what they would.
pub(in crate::verify) static KWOK: GoProgram = GoProgram {
    name: "kwok",
    version: "0.8.0",
    gigabytes: 3,
    sources: &[],
    build: |workshop| workshop.install("sigs.k8s.io/kwok/cmd/kwok", KWOK.version),
};

/// A program in a module of its own, which requires the staged modules by their versions.
const fn kubernetes(name: &'static str) -> GoProgram {
    GoProgram {
        name,
        version: KUBERNETES,
        gigabytes: 6,
        sources: &[
            "localstack/tools/kubernetes/go.mod",
            "localstack/tools/kubernetes/go.sum",
        ],
        build,
    }
}

/// Builds it with its version, by which Helm decides whether a chart suits the cluster.
fn build(workshop: &Workshop) -> Result<PathBuf> {
    const VERSION: &str = "k8s.io/component-base/version";
    let [major, minor] = [0, 1].map(|part| KUBERNETES.split('.').nth(part).unwrap_or_default());
    let flags = format!(
        "-ldflags=-s -w -X {VERSION}.gitVersion=v{KUBERNETES} -X {VERSION}.gitMajor={major} \
         -X {VERSION}.gitMinor={minor}"
    );
    let package = format!("k8s.io/kubernetes/cmd/{}", workshop.name);
    workshop.go(["build", &flags, "-o", "program", &package])?;
    Ok(workshop.folder.join("program"))
}
