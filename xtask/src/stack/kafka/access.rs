//! Who reaches a secured broker: its certificate, its users, and the ACLs of `deploy/kafka`.

use std::{
    fs,
    path::{Path, PathBuf},
    process::Command,
    time::Duration,
};

use anyhow::{Context as _, Result};
use serde::{Deserialize, Serialize};

use crate::{
    port, process, random,
    tools::{self, ApacheKafka},
    workspace::root,
};

const PROTOCOL: &str = "SASL_SSL";
const MECHANISM: &str = "SCRAM-SHA-512";

/// The user of the gateway.
pub(crate) const GATEWAY: &str = "gateway";
/// The user who may do everything.
pub(crate) const ADMIN: &str = "admin";
/// All users. The ACLs name the gateway and the client.
const USERS: [&str; 3] = [GATEWAY, "client", ADMIN];

/// How long a connection lasts that logged in by a token, unless it logs in again.
const MAX_SESSION: Duration = Duration::from_secs(5);

/// The certificate, in PKCS 12 with its key, and in PEM.
const KEY_STORE: &str = "broker.p12";
const CERTIFICATE: &str = "broker.pem";

/// The users of a secured broker. It is made when the stack is: nothing of it is worth keeping.
pub(crate) struct Access {
    folder: PathBuf,
    program: ApacheKafka,
    brokers: String,
    key_store_password: String,
    passwords: Vec<(&'static str, String)>,
    /// Where the broker itself connects, without TLS and a login: everything is allowed there.
    pub(crate) internal: u16,
}

/// What tests need to log in.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(crate) struct Description {
    protocol: String,
    mechanism: String,
    ca_file: String,
    /// The files with the users' passwords.
    password_files: std::collections::BTreeMap<String, String>,
    /// Brokers that take anything from anyone, in plain text.
    internal_brokers: String,
}

impl Access {
    pub(super) fn create(
        program: &ApacheKafka,
        folder: &Path,
        clients: u16,
        log: &Path,
    ) -> Result<Self> {
        let mut passwords = Vec::new();
        for user in USERS {
            passwords.push((user, random::text()?));
        }
        let access = Self {
            folder: folder.to_owned(),
            program: program.clone(),
            brokers: format!("127.0.0.1:{clients}"),
            key_store_password: random::text()?,
            passwords,
            internal: port::free()?,
        };
        for (user, password) in &access.passwords {
            fs::write(access.password_file(user), password)?;
        }
        fs::write(access.admin_file(), access.admin_settings()?)?;
        access.certify(log)?;
        Ok(access)
    }

    /// Makes a certificate that is its own authority.
    fn certify(&self, log: &Path) -> Result<()> {
        let key_store = self.folder.join(KEY_STORE);
        if key_store.exists() {
            fs::remove_file(&key_store)?;
        }
        let keytool = |arguments: &[&str]| -> Result<Command> {
            let mut command = self.program.keytool()?;
            command
                .args(arguments)
                .args(["-alias", "broker", "-storetype", "PKCS12", "-keystore"])
                .arg(&key_store)
                .args(["-storepass:env", "STORE_PASSWORD"])
                .env("STORE_PASSWORD", &self.key_store_password);
            Ok(command)
        };
        let mut generate = keytool(&[
            "-genkeypair",
            "-keyalg",
            "EC",
            "-groupname",
            "secp256r1",
            "-dname",
            "CN=Trichrome tests",
            "-ext",
            "san=ip:127.0.0.1,dns:localhost",
            "-validity",
            "30",
        ])?;
        process::run_logged(&mut generate, "A certificate for Kafka", log)?;
        let mut export = keytool(&["-exportcert", "-rfc"])?;
        let exported = export.output().context("cannot run keytool")?;
        anyhow::ensure!(
            exported.status.success(),
            "keytool: {}",
            String::from_utf8_lossy(&exported.stdout)
        );
        fs::write(self.ca_file(), exported.stdout)?;
        Ok(())
    }

    fn ca_file(&self) -> PathBuf {
        self.folder.join(CERTIFICATE)
    }

    fn password_file(&self, user: &str) -> PathBuf {
        self.folder.join(format!("{user}.password"))
    }

    fn password(&self, user: &str) -> Result<&str> {
        let found = self.passwords.iter().find(|(name, _)| *name == user);
        found
            .map(|(_, password)| password.as_str())
            .with_context(|| format!("no user {user}"))
    }

    /// The broker's settings.
    ///
    /// It also takes tokens, unsigned ones as a test makes them, and has clients log in again before
    /// their token or [`MAX_SESSION`] ends, as managed brokers do.
    pub(super) fn broker_settings(&self) -> String {
        format!(
            "\
listener.name.clients.sasl.enabled.mechanisms={MECHANISM},OAUTHBEARER
listener.name.clients.oauthbearer.sasl.jaas.config=\
org.apache.kafka.common.security.oauthbearer.OAuthBearerLoginModule required \
unsecuredLoginStringClaim_sub=\"broker\";
listener.name.clients.oauthbearer.connections.max.reauth.ms={}
listener.name.clients.scram-sha-512.sasl.jaas.config=\
org.apache.kafka.common.security.scram.ScramLoginModule required;
listener.name.clients.ssl.keystore.type=PKCS12
listener.name.clients.ssl.keystore.location={}
listener.name.clients.ssl.keystore.password={}
authorizer.class.name=org.apache.kafka.metadata.authorizer.StandardAuthorizer
allow.everyone.if.no.acl.found=false
super.users=User:{ADMIN};User:ANONYMOUS
",
            MAX_SESSION.as_millis(),
            self.folder.join(KEY_STORE).display(),
            self.key_store_password,
        )
    }

    /// The options that create the users while the storage is formatted.
    pub(super) fn users(&self) -> Vec<String> {
        let users = self.passwords.iter();
        users
            .flat_map(|(user, password)| {
                let user = format!("{MECHANISM}=[name={user},password={password}]");
                ["--add-scram".to_owned(), user]
            })
            .collect()
    }

    /// The variables of a program that logs in as this user.
    pub(crate) fn variables(&self, user: &str) -> [(&'static str, String); 5] {
        [
            ("KAFKA_SECURITY_PROTOCOL", PROTOCOL.to_owned()),
            ("KAFKA_SASL_MECHANISM", MECHANISM.to_owned()),
            ("KAFKA_CA_FILE", self.ca_file().display().to_string()),
            ("KAFKA_USERNAME", user.to_owned()),
            (
                "KAFKA_PASSWORD_FILE",
                self.password_file(user).display().to_string(),
            ),
        ]
    }

    pub(crate) fn description(&self) -> Description {
        let file = |user: &str| self.password_file(user).display().to_string();
        Description {
            protocol: PROTOCOL.to_owned(),
            mechanism: MECHANISM.to_owned(),
            ca_file: self.ca_file().display().to_string(),
            password_files: USERS.map(|user| (user.to_owned(), file(user))).into(),
            internal_brokers: format!("127.0.0.1:{}", self.internal),
        }
    }

    fn admin_file(&self) -> PathBuf {
        self.folder.join("admin.properties")
    }

    /// The settings of Java programs that log in as the administrator.
    fn admin_settings(&self) -> Result<String> {
        Ok(format!(
            "\
security.protocol={PROTOCOL}
sasl.mechanism={MECHANISM}
sasl.jaas.config=org.apache.kafka.common.security.scram.ScramLoginModule required \
username=\"{ADMIN}\" password=\"{}\";
ssl.truststore.type=PEM
ssl.truststore.location={}
",
            self.password(ADMIN)?,
            self.ca_file().display(),
        ))
    }

    /// Sets the ACLs as an operator does.
    pub(crate) fn set_acls(&self, log: &Path) -> Result<()> {
        let mut command = Command::new(root().join("deploy/kafka/acls.sh"));
        command
            .arg("--command-config")
            .arg(self.admin_file())
            .env("KAFKA_BROKERS", &self.brokers)
            .env("KAFKA_ACLS", tools::pins().join("kafka/acls.sh"));
        self.program.locate(&mut command);
        process::run_logged(&mut command, "Kafka's ACLs (deploy/kafka/acls.sh)", log)
    }
}
