//! The programs and schemas that check the chart, built from Go modules.

use std::{fs, path::PathBuf};

use anyhow::{Result, ensure};

use crate::{
    process,
    tools::{self, CONTAINERS},
    verify::go_program::{GoProgram, Workshop},
};

/// The Kubernetes whose schemas the objects follow, and whose API server takes them in `verify`.
pub(crate) const KUBERNETES: &str = "1.36.3";

pub(crate) static HELM: GoProgram = GoProgram {
    name: "helm",
    version: "3.22.0",
    gigabytes: 3,
    sources: &[],
    build: |workshop| workshop.install("helm.sh/helm/v3/cmd/helm", HELM.version),
};

/// Writes the chart's README from the comments of its values.
pub(crate) static HELM_DOCS: GoProgram = GoProgram {
    name: "helm-docs",
    version: "1.14.2",
    gigabytes: 2,
    sources: &[],
    build: |workshop| {
        workshop.install(
            "github.com/norwoodj/helm-docs/cmd/helm-docs",
            HELM_DOCS.version,
        )
    },
};

/// Holds objects against schemas.
pub(crate) static KUBECONFORM: GoProgram = GoProgram {
    name: "kubeconform",
    version: "0.8.0",
    gigabytes: 2,
    sources: &[],
    build: |workshop| {
        workshop.install(
            "github.com/yannh/kubeconform/cmd/kubeconform",
            KUBECONFORM.version,
        )
    },
};

/// Holds objects against rules of security and reliability.
pub(crate) static KUBE_SCORE: GoProgram = GoProgram {
    name: "kube-score",
    version: "1.20.0",
    gigabytes: 2,
    sources: &[],
    build: |workshop| {
        workshop.install(
            "github.com/zegl/kube-score/cmd/kube-score",
            KUBE_SCORE.version,
        )
    },
};

/// Kinds of objects that the chart makes, or could.
const KINDS: &str = "ConfigMap,Deployment,ExternalSecret,GRPCRoute,HTTPRoute,\
    HorizontalPodAutoscaler,Ingress,Job,NetworkPolicy,Pod,PodDisruptionBudget,PrometheusRule,\
    ScaledObject,Secret,Service,ServiceAccount,ServiceMonitor";

/// Modules with custom resource definitions, at the newest versions that Go 1.26 takes and that
/// are modules: their folder, and the files.
const DEFINITIONS: [(&str, &str, &str, &[&str]); 4] = [
    (
        "sigs.k8s.io/gateway-api",
        "1.6.3",
        "config/crd/standard",
        &[
            "gateway.networking.k8s.io_grpcroutes.yaml",
            "gateway.networking.k8s.io_httproutes.yaml",
        ],
    ),
    (
        "github.com/kedacore/keda/v2",
        "2.21.0",
        "config/crd/bases",
        &["keda.sh_scaledobjects.yaml"],
    ),
    (
        "github.com/external-secrets/external-secrets",
        "1.3.2",
        "config/crds/bases",
        &["external-secrets.io_externalsecrets.yaml"],
    ),
    (
        "github.com/prometheus-operator/prometheus-operator",
        "0.85.0",
        "example/prometheus-operator-crd",
        &[
            "monitoring.coreos.com_prometheusrules.yaml",
            "monitoring.coreos.com_servicemonitors.yaml",
        ],
    ),
];

/// A folder: `schemas` for kubeconform, and the custom resource definitions in `definitions`.
pub(crate) static SCHEMAS: GoProgram = GoProgram {
    name: "kubernetes-schemas",
    version: KUBERNETES,
    gigabytes: 2,
    sources: &[
        "localstack/tools/kubernetes/schemas.py",
        "xtask/src/chart/programs.rs",
    ],
    build: schemas,
};

fn schemas(workshop: &Workshop) -> Result<PathBuf> {
    let out = workshop.folder.join("out");
    let definitions = out.join("definitions");
    fs::create_dir_all(&definitions)?;
    for (module, version, folder, files) in DEFINITIONS {
        let module = workshop.module(module, version)?;
        for file in files {
            fs::copy(module.join(folder).join(file), definitions.join(file))?;
        }
    }
    let kubernetes = workshop.module("k8s.io/kubernetes", KUBERNETES)?;
    CONTAINERS.install()?;
    let mut files = fs::read_dir(&definitions)?
        .map(|file| Ok(file?.path()))
        .collect::<Result<Vec<_>>>()?;
    files.sort();
    ensure!(!files.is_empty(), "no custom resource definitions");
    process::run_logged(
        CONTAINERS
            .program("python")
            .arg(workshop.folder.join("schemas.py"))
            .arg(out.join("schemas"))
            .arg(KINDS)
            .arg(kubernetes.join("api/openapi-spec/swagger.json"))
            .args(files),
        "schemas of Kubernetes",
        &tools::logs()?.join("kubernetes-schemas.log"),
    )?;
    Ok(out)
}
