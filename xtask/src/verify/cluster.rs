//! The Helm chart at work: Kubernetes' API server, controllers and scheduler, on nodes that kwok
//! simulates. No container starts. What a kubelet would report is in
//! `localstack/tools/kubernetes/stages.yaml`.

mod autoscaling;
mod controllers;
mod disruptions;
mod installations;
mod kubectl;
mod lag;
mod nodes;
mod release;
mod rollouts;
mod watch;

use std::{path::PathBuf, time::Duration};

use anyhow::Result;

use self::{controllers::Controllers, kubectl::Kubectl, lag::Lag};
use super::{
    Checks, Part,
    go_program::GoProgram,
    kubernetes::{
        self, OPENSSL,
        api_server::ApiServer,
        programs::{API_SERVER, CONTROLLER_MANAGER, KUBECTL, KWOK, SCHEDULER},
    },
};
use crate::chart::programs::{HELM, SCHEMAS};

pub(super) static PART: Part = Part {
    name: "cluster",
    about: "the Helm chart at work on simulated nodes: rollouts, evictions, autoscaling",
    needs: &[
        &OPENSSL,
        &HELM,
        &SCHEMAS,
        &API_SERVER,
        &CONTROLLER_MANAGER,
        &SCHEDULER,
        &KUBECTL,
        &KWOK,
    ],
    run,
};

/// Built before any of them is started.
static SERVERS: [&GoProgram; 4] = [&API_SERVER, &CONTROLLER_MANAGER, &SCHEDULER, &KWOK];

/// How long the controllers may take for something that is due at once.
const PATIENCE: Duration = Duration::from_secs(60);

fn run(checks: &mut Checks) -> Result<()> {
    let mut cluster = Cluster::start()?;
    kubernetes::definitions(checks, &cluster.server, &cluster.helm)?;
    installations::check(checks, &cluster)?;
    let release = rollouts::check(checks, &cluster)?;
    disruptions::check(checks, &cluster, &release)?;
    autoscaling::check(checks, &cluster)?;
    cluster.controllers.still_run()
}

/// A cluster without kubelets. What is first here is stopped first.
struct Cluster {
    controllers: Controllers,
    lag: Lag,
    kubectl: Kubectl,
    helm: PathBuf,
    server: ApiServer,
}

impl Cluster {
    fn start() -> Result<Self> {
        let helm = HELM.get()?;
        for server in SERVERS {
            server.get()?;
        }
        let server = ApiServer::start(&helm)?;
        let kubectl = Kubectl::new(&server)?;
        // Before the controllers, which look for new APIs twice a minute.
        let lag = Lag::start(&server, &kubectl)?;
        let controllers = Controllers::start(&server)?;
        nodes::create(&kubectl)?;
        Ok(Self {
            controllers,
            lag,
            kubectl,
            helm,
            server,
        })
    }
}
