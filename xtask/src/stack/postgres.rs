//! Postgres without Docker: a cluster of the stack's own, run by the machine's binaries or PyPI's.

use std::{
    fs,
    hash::{DefaultHasher, Hash as _, Hasher as _},
    os::unix::{
        fs::{MetadataExt as _, chown},
        process::CommandExt as _,
    },
    path::{Path, PathBuf},
    process::Command,
    thread,
    time::{Duration, Instant},
};

use anyhow::{Context as _, Result, ensure};

use crate::{interrupt, port, process, progress::say, tools};

/// Time allowed for the processes of a killed server to end.
const ORPHANS_TIMEOUT: Duration = Duration::from_secs(10);
const POLL: Duration = Duration::from_millis(20);

/// The access rules. Trust: the cluster listens on loopback only and holds only call logs. Tests of
/// logins put their roles into a group that needs passwords.
const ACCESS: &str = "host all +passwords 127.0.0.1/32 scram-sha-256\n\
                      host all all 127.0.0.1/32 trust\n";

const ROLE: &str = "trichrome";
const DATABASE: &str = "trichrome";

/// A database cluster.
pub(crate) struct Cluster {
    bin: PathBuf,
    data: PathBuf,
    user: Option<Unprivileged>,
}

impl Cluster {
    /// Finds the binaries and the folder, and creates the cluster if it doesn't exist.
    pub(crate) fn open(state: &Path, logs: &Path) -> Result<Self> {
        let user = Unprivileged::find()?;
        let (mut bin, data) = (tools::postgres_bin()?, folder(state, user.as_ref())?);
        if let Some(user) = &user
            && !user.reaches(&bin)
        {
            bin = user.copy(&bin, &data.with_extension("programs"))?;
        }
        let cluster = Self { bin, data, user };
        if !cluster.data.join("PG_VERSION").exists() {
            cluster.create(logs)?;
        }
        // In place, so that it still belongs to the user who runs the server.
        let access = cluster.data.join("pg_hba.conf");
        fs::write(&access, ACCESS).with_context(|| format!("cannot write {}", access.display()))?;
        Ok(cluster)
    }

    /// Deletes the cluster of the stack with this state.
    pub(crate) fn wipe(state: &Path) -> Result<()> {
        for folder in [beside(state), elsewhere(state)] {
            match fs::remove_dir_all(&folder) {
                Err(error) if error.kind() != std::io::ErrorKind::NotFound => {
                    return Err(error)
                        .with_context(|| format!("cannot remove {}", folder.display()));
                }
                _ => {}
            }
        }
        Ok(())
    }

    fn command(&self, program: &str) -> Command {
        let mut command = Command::new(self.bin.join(program));
        command.current_dir("/").env("LC_ALL", "C");
        if let Some(user) = &self.user {
            command.uid(user.uid).gid(user.gid);
        }
        command
    }

    fn create(&self, logs: &Path) -> Result<()> {
        process::run_logged(
            self.command("initdb")
                .args(["--auth=trust", "--encoding=UTF8", "--locale=C"])
                .arg(format!("--username={ROLE}"))
                .arg("--pgdata")
                .arg(&self.data),
            "Postgres cluster",
            &logs.join("initdb.log"),
        )
    }

    /// The server. It creates no socket file, because the folder's path may be too long for one.
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

    /// The URL of the database, for its owner.
    pub(crate) fn url(port: u16) -> String {
        format!("postgres://{ROLE}@127.0.0.1:{port}/{DATABASE}")
    }

    /// Whether the server accepts connections. An attempt before that would log an error.
    pub(crate) fn is_ready(&self, port: u16) -> bool {
        let status = fs::read_to_string(self.data.join("postmaster.pid"));
        // The file may be from a server that was killed.
        status.is_ok_and(|text| says_ready(&text)) && port::accepts(port)
    }

    /// Waits until the processes of a killed server have ended, for at most [`ORPHANS_TIMEOUT`].
    /// They notice within moments that the server is gone. A new one refuses to start while they
    /// use the old one's shared memory.
    pub(crate) fn wait_for_orphans(&self) {
        let Ok(status) = fs::read_to_string(self.data.join("postmaster.pid")) else {
            return;
        };
        let started = Instant::now();
        while started.elapsed() < ORPHANS_TIMEOUT && !interrupt::requested() {
            // Linux. Elsewhere, the new server may have to be started once more.
            let segments = fs::read_to_string("/proc/sysvipc/shm").unwrap_or_default();
            if !is_attached(&status, &segments) {
                break;
            }
            thread::sleep(POLL);
        }
    }

    /// Creates the database if it doesn't exist.
    pub(crate) fn ensure_database(&self, port: u16) -> Result<()> {
        let query = format!("SELECT 1 FROM pg_database WHERE datname = '{DATABASE}'");
        let found = self.client(
            "psql",
            port,
            &["--no-psqlrc", "-tA", "--dbname=postgres", "-c", &query],
        )?;
        if found.trim().is_empty() {
            self.client("createdb", port, &[DATABASE])?;
        }
        Ok(())
    }

    fn client(&self, program: &str, port: u16, arguments: &[&str]) -> Result<String> {
        let output = self
            .command(program)
            .args(["--host=127.0.0.1", "--no-password"])
            .arg(format!("--port={port}"))
            .arg(format!("--username={ROLE}"))
            .args(arguments)
            .output()
            .with_context(|| format!("cannot start {program}"))?;
        ensure!(
            output.status.success(),
            "{program}: {}",
            String::from_utf8_lossy(&output.stderr).trim()
        );
        Ok(String::from_utf8_lossy(&output.stdout).into_owned())
    }
}

/// Reads the last line of `postmaster.pid`, as `pg_ctl` does.
fn says_ready(postmaster: &str) -> bool {
    postmaster.lines().nth(7).map(str::trim) == Some("ready")
}

/// Whether processes use the shared memory that `postmaster.pid` names in its line 7, as key and id
/// (`miscadmin.h`), by the table of segments (sysvipc(5)).
fn is_attached(postmaster: &str, segments: &str) -> bool {
    let memory = postmaster.lines().nth(6);
    let Some(id) = memory.and_then(|line| line.split_whitespace().nth(1)) else {
        return false;
    };
    segments.lines().any(|segment| {
        // Key, id, permissions, size, creator, last process, attached processes.
        let fields: Vec<_> = segment.split_whitespace().collect();
        fields.get(1) == Some(&id) && fields.get(6).is_some_and(|attached| *attached != "0")
    })
}

/// The user for Postgres if this program runs as root, which Postgres refuses.
struct Unprivileged {
    uid: u32,
    gid: u32,
}

impl Unprivileged {
    /// `None` if this program doesn't run as root.
    fn find() -> Result<Option<Self>> {
        if !rustix::process::geteuid().is_root() {
            return Ok(None);
        }
        let passwd = fs::read_to_string("/etc/passwd").context("cannot read /etc/passwd")?;
        ["postgres", "nobody"]
            .into_iter()
            .find_map(|name| Self::of(&passwd, name))
            .map(Some)
            .context("Postgres won't run as root, and there is no user postgres or nobody for it")
    }

    /// A user by name, from the text of `/etc/passwd` (passwd(5)).
    fn of(passwd: &str, name: &str) -> Option<Self> {
        let prefix = format!("{name}:");
        let line = passwd.lines().find(|line| line.starts_with(&prefix))?;
        let mut fields = line.split(':').skip(2);
        Some(Self {
            uid: fields.next()?.parse().ok()?,
            gid: fields.next()?.parse().ok()?,
        })
    }

    /// Whether that user may enter a folder.
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

    /// Copies an installation to a folder where that user can run it; returns the programs' folder.
    fn copy(&self, bin: &Path, target: &Path) -> Result<PathBuf> {
        let copied = target.join("bin");
        if !copied.exists() {
            let source = bin
                .parent()
                .context("no installation around the programs")?;
            let mut command = Command::new("cp");
            command.arg("-R").arg(source).arg(target);
            process::run(&mut command).context("cannot copy Postgres")?;
        }
        ensure!(
            self.reaches(&copied),
            "the user that runs Postgres may not enter {}",
            copied.display()
        );
        Ok(copied)
    }
}

/// The folder next to the other state, or in `/var/tmp` if the unprivileged user can't enter that,
/// for example in a clone in a private home.
fn folder(state: &Path, user: Option<&Unprivileged>) -> Result<PathBuf> {
    let data = beside(state);
    let Some(user) = user else {
        fs::create_dir_all(&data)?;
        return Ok(data);
    };
    let data = if user.reaches(state) {
        data
    } else {
        let data = elsewhere(state);
        say(format!(
            "  (Postgres keeps its data in {}: the user that runs it may not enter {})",
            data.display(),
            state.display()
        ));
        data
    };
    if !data.exists() {
        fs::create_dir(&data).with_context(|| format!("cannot make {}", data.display()))?;
        chown(&data, Some(user.uid), Some(user.gid))?;
    }
    // Everybody may write to `/var/tmp`.
    ensure!(
        fs::symlink_metadata(&data)?.uid() == user.uid,
        "{} belongs to somebody else: remove it",
        data.display()
    );
    Ok(data)
}

fn beside(state: &Path) -> PathBuf {
    state.join("postgres")
}

fn elsewhere(state: &Path) -> PathBuf {
    let mut hasher = DefaultHasher::new();
    state.hash(&mut hasher);
    Path::new("/var/tmp").join(format!("trichrome-postgres-{:016x}", hasher.finish()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_server_is_ready_when_its_file_says_so() {
        let file = |status| format!("42\n/data\n1764150000\n54320\n\n127.0.0.1\n  1 2\n{status}");
        assert!(says_ready(&file("ready   \n")));
        assert!(!says_ready(&file("starting\n")));
        assert!(!says_ready("42\n/data\n"));
    }

    #[test]
    fn shared_memory_in_use_is_noticed() {
        let postmaster = "42\n/data\n1764150000\n54320\n\n127.0.0.1\n  54320001    131072\nready\n";
        let segments = |id, attached| {
            format!(
                "       key      shmid perms                  size  cpid  lpid nattch   uid\n\
                 54320001 {id}  600 56 42 43 {attached} 105 113 105 113 1 0 1 4096 0\n"
            )
        };
        assert!(is_attached(postmaster, &segments(131_072, 2)));
        assert!(!is_attached(postmaster, &segments(131_072, 0)));
        assert!(!is_attached(postmaster, &segments(7, 2)));
        assert!(!is_attached(postmaster, ""));
        assert!(!is_attached("42\n/data\n", &segments(131_072, 2)));
    }

    #[test]
    fn a_user_is_found_by_its_whole_name() {
        let passwd = "root:x:0:0:root:/root:/bin/sh\n\
                      postgres2:x:7:8::/:/bin/false\n\
                      postgres:x:105:113:PostgreSQL:/var/lib/postgresql:/bin/bash\n\
                      broken\n";
        let user = Unprivileged::of(passwd, "postgres").unwrap();
        assert_eq!((user.uid, user.gid), (105, 113));
        assert!(Unprivileged::of(passwd, "nobody").is_none());
        assert!(Unprivileged::of(passwd, "broken").is_none());
    }

    #[test]
    fn each_stack_has_a_folder_of_its_own_elsewhere() {
        let (up, test) = (Path::new("/a/.local/up"), Path::new("/a/.local/test"));
        assert_ne!(elsewhere(up), elsewhere(test));
        assert_eq!(elsewhere(up), elsewhere(up));
    }
}
