//! A stack's Kafka: the repository's own broker, or Apache Kafka.

mod access;

use std::{
    fmt::Write as _,
    fs,
    path::{Path, PathBuf},
    process::Command,
};

use anyhow::{Context as _, Result};

pub(crate) use access::{ADMIN, Access, Description, GATEWAY};

use crate::{port, process, tools::ApacheKafka};

/// The id of every local cluster: 16 bytes in base64.
const CLUSTER: &str = "dHJpY2hyb21lLWxvY2FsMQ";

/// What a single broker needs to be one, and what shortens its start and its rebalances.
const SETTINGS: &str = "\
process.roles=broker,controller
node.id=1
controller.listener.names=CONTROLLER
auto.create.topics.enable=false
default.replication.factor=1
offsets.topic.replication.factor=1
offsets.topic.num.partitions=3
transaction.state.log.replication.factor=1
transaction.state.log.min.isr=1
transaction.state.log.num.partitions=3
share.coordinator.state.topic.replication.factor=1
share.coordinator.state.topic.min.isr=1
share.coordinator.state.topic.num.partitions=1
group.initial.rebalance.delay.ms=0
group.min.session.timeout.ms=1000
log.cleaner.dedupe.buffer.size=8388608
";

/// Apache Kafka, one node that is broker and controller.
pub(crate) struct Apache {
    program: ApacheKafka,
    folder: PathBuf,
    access: Option<Access>,
}

impl Apache {
    /// Prepares a broker on this port, with its state in `folder`. With `secured`, clients use TLS,
    /// log in, and may do what the ACLs say.
    pub(crate) fn open(
        program: ApacheKafka,
        folder: PathBuf,
        clients: u16,
        secured: bool,
        logs: &Path,
    ) -> Result<Self> {
        fs::create_dir_all(&folder)
            .with_context(|| format!("cannot create {}", folder.display()))?;
        let access = secured
            .then(|| Access::create(&program, &folder, clients, &logs.join("keytool.log")))
            .transpose()?;
        let apache = Self {
            program,
            folder,
            access,
        };
        fs::write(apache.settings_file(), apache.settings(clients)?)?;
        if !apache.data().join("meta.properties").exists() {
            apache.format(&logs.join("kafka-format.log"))?;
        }
        Ok(apache)
    }

    pub(crate) fn access(&self) -> Option<&Access> {
        self.access.as_ref()
    }

    /// The folder with a folder for each partition.
    pub(crate) fn data(&self) -> PathBuf {
        self.folder.join("data")
    }

    fn settings_file(&self) -> PathBuf {
        self.folder.join("server.properties")
    }

    fn settings(&self, clients: u16) -> Result<String> {
        let controller = port::free()?;
        let mut listeners = vec![("CLIENTS", clients, "PLAINTEXT")];
        if let Some(access) = &self.access {
            listeners = vec![
                ("CLIENTS", clients, "SASL_SSL"),
                ("INTERNAL", access.internal, "PLAINTEXT"),
            ];
        }
        let between_brokers = listeners.last().map_or("CLIENTS", |(name, ..)| name);
        let join = |listeners: &[(&str, u16, &str)]| {
            let listeners = listeners.iter();
            let all: Vec<_> = listeners
                .map(|(name, port, _)| format!("{name}://127.0.0.1:{port}"))
                .collect();
            all.join(",")
        };
        let mut settings = SETTINGS.to_owned();
        writeln!(settings, "log.dirs={}", self.data().display())?;
        writeln!(
            settings,
            "controller.quorum.voters=1@127.0.0.1:{controller}"
        )?;
        writeln!(settings, "inter.broker.listener.name={between_brokers}")?;
        writeln!(settings, "advertised.listeners={}", join(&listeners))?;
        listeners.push(("CONTROLLER", controller, "PLAINTEXT"));
        writeln!(settings, "listeners={}", join(&listeners))?;
        let protocols: Vec<_> = listeners
            .iter()
            .map(|(name, _, protocol)| format!("{name}:{protocol}"))
            .collect();
        let protocols = protocols.join(",");
        writeln!(settings, "listener.security.protocol.map={protocols}")?;
        if let Some(access) = &self.access {
            settings += &access.broker_settings();
        }
        Ok(settings)
    }

    /// Formats the storage, and creates the users.
    fn format(&self, log: &Path) -> Result<()> {
        let mut command = self.program.run("kafka.tools.StorageTool");
        command
            .args(["format", "--cluster-id", CLUSTER, "--config"])
            .arg(self.settings_file());
        if let Some(access) = &self.access {
            command.args(access.users());
        }
        process::run_logged(&mut command, "Apache Kafka's storage", log)
    }

    /// The command that starts it.
    pub(crate) fn command(&self) -> Result<Command> {
        let mut command = self.program.broker()?;
        command.arg(self.settings_file());
        Ok(command)
    }
}
