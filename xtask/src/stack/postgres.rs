//! Postgres without Docker: the machine's own binaries or PyPI's, a cluster of our own.

use std::{
    fs,
    os::unix::{fs::chown, process::CommandExt as _},
    path::{Path, PathBuf},
    process::Command,
};

use anyhow::{Context as _, Result, bail};

use super::Stack;
use crate::{process, tools};

/// Who runs Postgres where this program runs as root: Postgres refuses to.
struct Unprivileged {
    uid: u32,
    gid: u32,
}

impl Unprivileged {
    /// `None` where no change of user is needed.
    fn find() -> Result<Option<Self>> {
        if !rustix::process::geteuid().is_root() {
            return Ok(None);
        }
        let passwd = fs::read_to_string("/etc/passwd")?;
        let entry = |name: &str| {
            let line = passwd
                .lines()
                .find(|line| line.starts_with(&format!("{name}:")))?;
            let mut fields = line.split(':').skip(2);
            Some(Self {
                uid: fields.next()?.parse().ok()?,
                gid: fields.next()?.parse().ok()?,
            })
        };
        ["postgres", "nobody"]
            .into_iter()
            .find_map(entry)
            .map(Some)
            .context(
                "Postgres won't run as root, and there is no user postgres or nobody to run it",
            )
    }

    /// Whether that user gets into a folder.
    fn reaches(&self, folder: &Path) -> bool {
        Command::new("sh")
            .args(["-c", "cd \"$0\""])
            .arg(folder)
            .uid(self.uid)
            .gid(self.gid)
            .current_dir("/")
            .output()
            .is_ok_and(|output| output.status.success())
    }
}

/// A cluster of our own.
pub(crate) struct Cluster {
    bin: PathBuf,
    data: PathBuf,
    user: Option<Unprivileged>,
}

impl Cluster {
    /// Finds the binaries and the folder; makes the cluster if there is none.
    pub(crate) fn open(stack: &Stack) -> Result<Self> {
        let bin = tools::postgres_bin()?;
        let user = Unprivileged::find()?;
        let data = folder(stack, user.as_ref())?;
        let cluster = Self { bin, data, user };
        if !cluster.data.join("PG_VERSION").exists() {
            cluster.create(stack)?;
        }
        Ok(cluster)
    }

    fn command(&self, program: &str) -> Command {
        let mut command = Command::new(self.bin.join(program));
        command.current_dir("/").env("LC_ALL", "C");
        if let Some(user) = &self.user {
            command.uid(user.uid).gid(user.gid);
        }
        command
    }

    fn create(&self, stack: &Stack) -> Result<()> {
        // Trust: the cluster listens on loopback alone and holds nothing but call logs.
        process::run_logged(
            self.command("initdb")
                .args([
                    "--username=trichrome",
                    "--auth=trust",
                    "--encoding=UTF8",
                    "--locale=C",
                ])
                .arg("--pgdata")
                .arg(&self.data),
            "Postgres cluster",
            &stack.logs.join("initdb.log"),
        )
    }

    /// The server, which makes no socket file: its folder may be too deep for one.
    pub(crate) fn server(&self, port: u16) -> Command {
        let mut command = self.command("postgres");
        command
            .arg("-D")
            .arg(&self.data)
            .args(["-c", "listen_addresses=127.0.0.1"])
            .args(["-c", "unix_socket_directories="])
            .args(["-c", &format!("port={port}")]);
        command
    }

    /// Makes the database, if it is not there; the server has to be up.
    pub(crate) fn create_database(&self, port: u16) -> Result<()> {
        let output = self
            .command("createdb")
            .args([
                "-h",
                "127.0.0.1",
                "-p",
                &port.to_string(),
                "-U",
                "trichrome",
                "trichrome",
            ])
            .output()
            .context("cannot start createdb")?;
        let error = String::from_utf8_lossy(&output.stderr);
        if output.status.success() || error.contains("already exists") {
            Ok(())
        } else {
            bail!("no database: {}", error.trim())
        }
    }
}

/// Beside the other state or, where the unprivileged user may not go there (a clone in a
/// private home, say), in `/var/tmp`.
fn folder(stack: &Stack, user: Option<&Unprivileged>) -> Result<PathBuf> {
    let beside = stack.state.join("postgres");
    let Some(user) = user else {
        fs::create_dir_all(&beside)?;
        return Ok(beside);
    };
    let data = if user.reaches(&stack.state) {
        beside
    } else {
        let name = super::control::socket(&stack.state)
            .display()
            .to_string()
            .replace('/', "-");
        let elsewhere = Path::new("/var/tmp").join(format!("trichrome{name}-postgres"));
        if !elsewhere.exists() {
            println!(
                "  (Postgres keeps its data in {}: its user may not enter {})",
                elsewhere.display(),
                stack.state.display()
            );
        }
        elsewhere
    };
    if !data.exists() {
        fs::create_dir_all(&data)?;
        chown(&data, Some(user.uid), Some(user.gid))?;
    }
    Ok(data)
}
