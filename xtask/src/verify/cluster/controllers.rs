//! Kubernetes' controllers and scheduler, and kwok in the kubelets' place.

use std::process::Command;

use anyhow::Result;

use crate::{
    tools,
    verify::{
        kubernetes::{
            api_server::ApiServer,
            programs::{CONTROLLER_MANAGER, KWOK, SCHEDULER},
        },
        server::Server,
    },
};

pub(super) struct Controllers {
    servers: [Server; 3],
}

impl Controllers {
    /// Starts them. They serve nothing: what they do is seen in the objects.
    pub(super) fn start(server: &ApiServer) -> Result<Self> {
        let kubeconfig = || format!("--kubeconfig={}", server.kubeconfig.display());
        let of_kubernetes = |program| {
            let mut command = Command::new(program);
            command
                .arg(kubeconfig())
                .args(["--leader-elect=false", "--secure-port=0"]);
            command
        };
        let manager = Server::begin(
            "kube-controller-manager",
            of_kubernetes(CONTROLLER_MANAGER.get()?)
                .arg("--service-account-private-key-file")
                .arg(&server.key)
                // By default the autoscaler looks four times a minute.
                .arg("--horizontal-pod-autoscaler-sync-period=1s"),
        )?;
        let scheduler = Server::begin("kube-scheduler", &mut of_kubernetes(SCHEDULER.get()?))?;
        let kwok = Server::begin(
            "kwok",
            Command::new(KWOK.get()?)
                .arg(kubeconfig())
                .arg("--config")
                .arg(tools::pins().join("kubernetes/stages.yaml"))
                .args(["--manage-all-nodes", "--node-lease-duration-seconds=40"]),
        )?;
        Ok(Self {
            servers: [kwok, scheduler, manager],
        })
    }

    /// An error if one of them has ended.
    pub(super) fn still_run(&mut self) -> Result<()> {
        self.servers.iter_mut().try_for_each(Server::still_runs)
    }
}
