//! Apache Kafka: jars from Maven's repository, and the machine's Java.

use std::{
    env, fs,
    path::{Path, PathBuf},
    process::{Command, Stdio},
};

use anyhow::{Context as _, Result, bail, ensure};

use super::{debian::on_path, directory, fingerprint, logs, once, pins};
use crate::process;

/// The oldest Java that Apache Kafka's brokers run on.
const JAVA: u32 = 17;

/// A small broker: it listens seconds earlier than with the optimising compiler.
const OPTIONS: [&str; 3] = ["-Xmx256m", "-XX:+UseSerialGC", "-XX:TieredStopAtLevel=1"];

/// The installed jars, and a Java to run them.
#[derive(Clone, Debug)]
pub(crate) struct ApacheKafka {
    java: PathBuf,
}

impl ApacheKafka {
    /// Finds Java, and Maven if the jars are missing.
    ///
    /// # Errors
    ///
    /// One is missing; the error says how to get it.
    pub(crate) fn find() -> Result<Self> {
        let java = java()?;
        if !folder().is_dir() && on_path("mvn").is_none() {
            bail!("no Maven, which downloads Apache Kafka (on Debian: apt-get install maven)");
        }
        Ok(Self { java })
    }

    /// Downloads the jars, with the machine's own Maven settings, unless they are there.
    pub(crate) fn install(&self) -> Result<()> {
        let pom = pins().join("kafka/pom.xml");
        once("kafka", std::slice::from_ref(&pom), || {
            let folder = folder();
            if folder.exists() {
                fs::remove_dir_all(&folder)?;
            }
            process::run_logged(
                Command::new("mvn")
                    .args(["--batch-mode", "--file"])
                    .arg(&pom)
                    .arg("dependency:copy-dependencies")
                    .arg(format!("-DoutputDirectory={}", folder.display())),
                "Apache Kafka (Maven)",
                &logs()?.join("maven.log"),
            )
        })
    }

    /// Java.
    pub(crate) fn java(&self) -> Command {
        Command::new(&self.java)
    }

    /// Java with the jars, among which are those of the client.
    pub(crate) fn java_with_jars(&self) -> Command {
        let mut command = self.java();
        command.args(OPTIONS).args(["-cp", &class_path()]);
        command
    }

    /// A main class of the jars.
    pub(crate) fn run(&self, class: &str) -> Command {
        let mut command = Command::new(&self.java);
        command.args(OPTIONS).args(["-cp", &class_path(), class]);
        command
    }

    /// The broker. Its classes come from an archive, which its first run writes when it stops: the
    /// broker starts in about half the time, and takes less memory.
    pub(crate) fn broker(&self) -> Result<Command> {
        let archive = self.archive()?;
        let option = if archive.is_file() {
            "SharedArchiveFile"
        } else {
            "ArchiveClassesAtExit"
        };
        let mut command = Command::new(&self.java);
        command
            .args(OPTIONS)
            .arg(format!("-XX:{option}={}", archive.display()))
            // What the archive can't contain is no news.
            .args(["-Xlog:cds=off", "-Xlog:cds+dynamic=off"])
            .arg(format!(
                "-Dlog4j2.configurationFile={}",
                pins().join("kafka/log4j2.properties").display()
            ))
            .args(["-cp", &class_path(), "kafka.Kafka"]);
        Ok(command)
    }

    /// The archive of these jars' classes for this Java.
    fn archive(&self) -> Result<PathBuf> {
        let java = fs::canonicalize(&self.java)?;
        let release = java.parent().and_then(Path::parent);
        let mut inputs = vec![pins().join("kafka/pom.xml")];
        inputs.extend(release.map(|home| home.join("release")));
        inputs.retain(|input| input.is_file());
        Ok(directory().join(format!("kafka-{}.jsa", fingerprint(&inputs)?)))
    }

    /// Names Java and the jars in variables, for `localstack/tools/kafka/acls.sh`.
    pub(crate) fn locate(&self, command: &mut Command) {
        command
            .env("KAFKA_JAVA", &self.java)
            .env("KAFKA_CLASS_PATH", class_path());
    }

    /// `keytool`, which comes with Java.
    pub(crate) fn keytool(&self) -> Result<Command> {
        let java = fs::canonicalize(&self.java)?;
        let keytool = java.with_file_name("keytool");
        ensure!(keytool.is_file(), "there is no {}", keytool.display());
        Ok(Command::new(keytool))
    }
}

/// Where the jars are.
fn folder() -> PathBuf {
    directory().join("kafka")
}

fn class_path() -> String {
    folder().join("*").display().to_string()
}

/// The Java of `JAVA_HOME`, or the one on the PATH.
fn java() -> Result<PathBuf> {
    let home = env::var_os("JAVA_HOME").map(|home| PathBuf::from(home).join("bin/java"));
    let java = home
        .filter(|java| java.is_file())
        .or_else(|| on_path("java"));
    let install = format!(
        "Apache Kafka needs Java {JAVA} or newer (on Debian: apt-get install openjdk-17-jre-headless)"
    );
    let java = java.with_context(|| format!("no Java: {install}"))?;
    let version = Command::new(&java)
        .arg("-version")
        .stdin(Stdio::null())
        .output()
        .with_context(|| format!("cannot run {}", java.display()))?;
    let version = String::from_utf8_lossy(&version.stderr).into_owned();
    let found = major(&version);
    ensure!(
        found.is_some_and(|found| found >= JAVA),
        "{} is Java {}: {install}",
        java.display(),
        found.map_or_else(
            || "of an unknown version".to_owned(),
            |found| found.to_string()
        ),
    );
    Ok(java)
}

/// The major version in `openjdk version "17.0.15" 2025-04-15`; Java 8 calls itself 1.8.
fn major(version: &str) -> Option<u32> {
    let (_, rest) = version.split_once("version \"")?;
    let mut numbers = rest.split(|c: char| !c.is_ascii_digit());
    match numbers.next()?.parse().ok()? {
        1 => numbers.next()?.parse().ok(),
        major => Some(major),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn javas_version_is_read_old_and_new() {
        for (text, version) in [
            (
                "openjdk version \"17.0.15\" 2025-04-15\nOpenJDK Runtime",
                Some(17),
            ),
            ("java version \"1.8.0_402\"", Some(8)),
            ("openjdk version \"25\" 2025-09-16", Some(25)),
            ("openjdk version \"26-ea\" 2026-03-17", Some(26)),
            ("The operation couldn’t be completed", None),
        ] {
            assert_eq!(major(text), version, "{text}");
        }
    }
}
