//! The environment variables, and what librdkafka makes of them.

use std::{
    fs,
    path::{Path, PathBuf},
};

use rdkafka::ClientConfig;
use trichrome_secrets::{Forms, SecretSource};
use trichrome_startup::Variables;
use url::Url;

use crate::oauth::TokenEndpoint;

/// Names of variables that are used in several places.
const PROTOCOL: &str = "KAFKA_SECURITY_PROTOCOL";
const MECHANISM: &str = "KAFKA_SASL_MECHANISM";
const USERNAME: Forms = Forms::source("KAFKA_USERNAME").or_value().or_file();
const PASSWORD: Forms = Forms::source("KAFKA_PASSWORD").or_value().or_file();
const TOKEN_URL: &str = "KAFKA_OAUTH_TOKEN_URL";
const SCOPE: &str = "KAFKA_OAUTH_SCOPE";
const CA: &str = "KAFKA_CA_FILE";
const CERTIFICATE: &str = "KAFKA_CERTIFICATE_FILE";
const KEY: &str = "KAFKA_KEY_FILE";

/// Whether this build has TLS, and with it all mechanisms but PLAIN.
const HAS_TLS: bool = cfg!(feature = "tls");

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
enum Protocol {
    #[default]
    Plaintext,
    Ssl,
    SaslPlaintext,
    SaslSsl,
}

impl Protocol {
    const EXPECTED: &str = "PLAINTEXT, SSL, SASL_PLAINTEXT or SASL_SSL";

    fn parse(text: &str) -> Option<Self> {
        match text {
            "PLAINTEXT" => Some(Self::Plaintext),
            "SSL" => Some(Self::Ssl),
            "SASL_PLAINTEXT" => Some(Self::SaslPlaintext),
            "SASL_SSL" => Some(Self::SaslSsl),
            _ => None,
        }
    }

    const fn name(self) -> &'static str {
        match self {
            Self::Plaintext => "PLAINTEXT",
            Self::Ssl => "SSL",
            Self::SaslPlaintext => "SASL_PLAINTEXT",
            Self::SaslSsl => "SASL_SSL",
        }
    }

    const fn has_tls(self) -> bool {
        matches!(self, Self::Ssl | Self::SaslSsl)
    }

    const fn has_login(self) -> bool {
        matches!(self, Self::SaslPlaintext | Self::SaslSsl)
    }
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Mechanism {
    Plain,
    ScramSha256,
    ScramSha512,
    OAuthBearer,
    MskIam,
}

impl Mechanism {
    const EXPECTED: &str = "PLAIN, SCRAM-SHA-256, SCRAM-SHA-512, OAUTHBEARER or AWS_MSK_IAM";

    fn parse(text: &str) -> Option<Self> {
        match text {
            "PLAIN" => Some(Self::Plain),
            "SCRAM-SHA-256" => Some(Self::ScramSha256),
            "SCRAM-SHA-512" => Some(Self::ScramSha512),
            "OAUTHBEARER" => Some(Self::OAuthBearer),
            "AWS_MSK_IAM" => Some(Self::MskIam),
            _ => None,
        }
    }

    const fn name(self) -> &'static str {
        match self {
            Self::Plain => "PLAIN",
            Self::ScramSha256 => "SCRAM-SHA-256",
            Self::ScramSha512 => "SCRAM-SHA-512",
            Self::OAuthBearer => "OAUTHBEARER",
            Self::MskIam => "AWS_MSK_IAM",
        }
    }

    /// The name in the protocol. MSK's tokens travel as OAuth's do.
    const fn on_the_wire(self) -> &'static str {
        match self {
            Self::MskIam => Self::OAuthBearer.name(),
            other => other.name(),
        }
    }
}

/// How clients log in.
#[derive(Clone)]
pub(crate) enum Login {
    /// Not at all, or by their certificate.
    Anonymous,
    Password {
        username: SecretSource,
        password: SecretSource,
    },
    Endpoint(TokenEndpoint),
    MskIam,
}

/// The connection as the environment describes it.
#[derive(Clone)]
pub(crate) struct Settings {
    pub(crate) brokers: String,
    protocol: Protocol,
    mechanism: Option<Mechanism>,
    pub(crate) login: Login,
    ca: Option<PathBuf>,
    /// The client's certificate and key.
    identity: Option<(PathBuf, PathBuf)>,
}

impl Settings {
    pub(crate) fn plaintext(brokers: &str) -> Self {
        Self {
            brokers: brokers.to_owned(),
            protocol: Protocol::Plaintext,
            mechanism: None,
            login: Login::Anonymous,
            ca: None,
            identity: None,
        }
    }

    /// Reads the variables; problems are recorded there.
    pub(crate) fn read(variables: &mut Variables<'_>) -> Self {
        let brokers = variables
            .required_with("KAFKA_BROKERS", "brokers such as localhost:29092", |text| {
                Some(text.to_owned())
            })
            .unwrap_or_default();
        let mut settings = Self::plaintext(&brokers);
        let protocol = match variables.optional(PROTOCOL) {
            None => Some(Protocol::default()),
            Some(_) => variables.optional_with(PROTOCOL, Protocol::EXPECTED, Protocol::parse),
        };
        let given = variables.optional(MECHANISM).is_some();
        let mechanism = variables.optional_with(MECHANISM, Mechanism::EXPECTED, Mechanism::parse);
        // The rest can't be judged without these two.
        let Some(protocol) = protocol.filter(|_| mechanism.is_some() || !given) else {
            return settings;
        };
        settings.protocol = protocol;
        settings.mechanism = mechanism;
        check_protocol(variables, protocol, mechanism);
        settings.ca = pem(variables, CA);
        settings.identity = identity(variables);
        if !protocol.has_tls() {
            for name in [CA, CERTIFICATE, KEY] {
                unused(variables, name, &format!("{PROTOCOL}={}", protocol.name()));
            }
        }
        settings.login = match mechanism.filter(|_| protocol.has_login()) {
            None => Login::Anonymous,
            Some(Mechanism::MskIam) => Login::MskIam,
            Some(Mechanism::OAuthBearer) => token_endpoint(variables),
            Some(Mechanism::Plain | Mechanism::ScramSha256 | Mechanism::ScramSha512) => {
                let username = SecretSource::read(variables, USERNAME);
                let password = SecretSource::read(variables, PASSWORD);
                match (username, password) {
                    (Some(username), Some(password)) => Login::Password { username, password },
                    _ => Login::Anonymous,
                }
            }
        };
        check_unused_login(variables, &settings);
        settings
    }

    /// The mechanism, if it logs in by tokens.
    pub(crate) fn token_mechanism(&self) -> Option<&'static str> {
        match self.login {
            Login::Endpoint(_) | Login::MskIam => self.mechanism.map(Mechanism::name),
            Login::Anonymous | Login::Password { .. } => None,
        }
    }

    /// How clients log in, for messages: `SCRAM-SHA-512 (KAFKA_USERNAME, KAFKA_PASSWORD)`.
    pub(crate) fn description(&self) -> String {
        let Some(mechanism) = self.mechanism.filter(|_| self.protocol.has_login()) else {
            return self.protocol.name().to_owned();
        };
        let from = match &self.login {
            Login::Anonymous => return mechanism.name().to_owned(),
            Login::Password { username, password } => {
                format!("{}, {}", username.variable(), password.variable())
            }
            Login::Endpoint(_) => TOKEN_URL.to_owned(),
            Login::MskIam => "the AWS credentials and their policy".to_owned(),
        };
        format!("{} ({from})", mechanism.name())
    }

    /// The settings of every client.
    pub(crate) fn client_config(&self) -> ClientConfig {
        let mut config = ClientConfig::new();
        config
            .set("bootstrap.servers", &self.brokers)
            .set("security.protocol", self.protocol.name());
        if self.protocol.has_tls() {
            // The system's certificates, wherever its OpenSSL would look for them.
            let ca = self.ca.as_deref().map_or("probe".into(), display);
            config.set("ssl.ca.location", ca);
            if let Some((certificate, key)) = &self.identity {
                config
                    .set("ssl.certificate.location", display(certificate))
                    .set("ssl.key.location", display(key));
            }
        }
        if let Some(mechanism) = self.mechanism.filter(|_| self.protocol.has_login()) {
            config.set("sasl.mechanism", mechanism.on_the_wire());
        }
        config
    }
}

fn display(path: &Path) -> String {
    path.display().to_string()
}

fn check_protocol(variables: &mut Variables<'_>, protocol: Protocol, mechanism: Option<Mechanism>) {
    let build = "needs TLS, which this build lacks: build with the feature kafka-tls";
    match mechanism {
        None if protocol.has_login() => variables.problem(
            MECHANISM,
            &format!("is not set; {PROTOCOL}={} needs it", protocol.name()),
        ),
        Some(_) if !protocol.has_login() => {
            variables.problem(MECHANISM, &format!("needs {PROTOCOL}=SASL_SSL"));
        }
        Some(Mechanism::MskIam) if protocol != Protocol::SaslSsl => {
            variables.problem(PROTOCOL, "must be SASL_SSL with AWS_MSK_IAM");
        }
        Some(mechanism) if mechanism != Mechanism::Plain && !HAS_TLS => {
            variables.problem(MECHANISM, build);
        }
        _ if protocol.has_tls() && !HAS_TLS => variables.problem(PROTOCOL, build),
        _ => {}
    }
}

fn token_endpoint(variables: &mut Variables<'_>) -> Login {
    let url = variables.required_with(TOKEN_URL, "a URL, http:// or https://", |text| {
        let url = Url::parse(text).ok()?;
        (matches!(url.scheme(), "http" | "https") && url.has_host()).then_some(url)
    });
    let client_id = SecretSource::read(variables, USERNAME);
    let client_secret = SecretSource::read(variables, PASSWORD);
    match (url, client_id, client_secret) {
        (Some(url), Some(client_id), Some(client_secret)) => Login::Endpoint(TokenEndpoint {
            url,
            scope: variables.optional(SCOPE),
            client_id,
            client_secret,
        }),
        _ => Login::Anonymous,
    }
}

/// The client's certificate and key, which belong together.
fn identity(variables: &mut Variables<'_>) -> Option<(PathBuf, PathBuf)> {
    match (pem(variables, CERTIFICATE), pem(variables, KEY)) {
        (Some(certificate), Some(key)) => Some((certificate, key)),
        (Some(_), None) => {
            missing(variables, KEY, CERTIFICATE);
            None
        }
        (None, Some(_)) => {
            missing(variables, CERTIFICATE, KEY);
            None
        }
        (None, None) => None,
    }
}

fn missing(variables: &mut Variables<'_>, name: &str, other: &str) {
    if variables.optional(name).is_none() {
        variables.problem(name, &format!("is not set; {other} needs it"));
    }
}

/// The path of a PEM file.
fn pem(variables: &mut Variables<'_>, name: &str) -> Option<PathBuf> {
    variables.optional_with(name, "a readable file in PEM format", |path| {
        let text = fs::read_to_string(path).ok()?;
        text.contains("-----BEGIN ").then(|| path.into())
    })
}

/// Refuses variables of a login that isn't used: the operator expects that they matter.
fn check_unused_login(variables: &mut Variables<'_>, settings: &Settings) {
    let with = settings.mechanism.map_or_else(
        || format!("{PROTOCOL}={}", settings.protocol.name()),
        |mechanism| format!("{MECHANISM}={}", mechanism.name()),
    );
    let needs_login = settings.protocol.has_login()
        && settings
            .mechanism
            .is_some_and(|mechanism| mechanism != Mechanism::MskIam);
    if !needs_login {
        for name in [USERNAME.names(), PASSWORD.names()].concat() {
            unused(variables, &name, &with);
        }
    }
    if settings.mechanism != Some(Mechanism::OAuthBearer) {
        for name in [TOKEN_URL, SCOPE] {
            unused(variables, name, &with);
        }
    }
}

fn unused(variables: &mut Variables<'_>, name: &str, with: &str) {
    if variables.optional(name).is_some() {
        variables.problem(name, &format!("has no use with {with}"));
    }
}

#[cfg(test)]
mod tests {
    use std::io::Write as _;

    use tempfile::NamedTempFile;

    use super::*;

    fn file(content: &str) -> NamedTempFile {
        let mut file = NamedTempFile::new().unwrap();
        file.write_all(content.as_bytes()).unwrap();
        file
    }

    /// Reads variables in addition to the brokers.
    fn read(pairs: &[(&str, &str)]) -> Result<Settings, Vec<String>> {
        let mut variables = Variables::new(|name| {
            let mut pairs = pairs.iter().chain([&("KAFKA_BROKERS", "b:9092")]);
            let (_, value) = pairs.find(|(key, _)| *key == name)?;
            Some((*value).to_owned())
        });
        let settings = Settings::read(&mut variables);
        variables
            .check()
            .map(|()| settings)
            .map_err(|error| error.problems)
    }

    fn problems(pairs: &[(&str, &str)]) -> String {
        read(pairs).err().unwrap_or_default().join("\n")
    }

    #[test]
    fn plaintext_is_the_default() {
        let config = read(&[]).unwrap().client_config();
        assert_eq!(config.get("security.protocol"), Some("PLAINTEXT"));
        assert_eq!(config.get("bootstrap.servers"), Some("b:9092"));
        assert_eq!(config.get("sasl.mechanism"), None);
    }

    #[test]
    fn plain_over_plaintext_needs_a_name_and_a_password() {
        let sasl = [
            (PROTOCOL, "SASL_PLAINTEXT"),
            (MECHANISM, "PLAIN"),
            ("KAFKA_USERNAME", "gateway"),
            ("KAFKA_PASSWORD", "hunter2"),
        ];
        let settings = read(&sasl).unwrap();
        assert_eq!(
            settings.description(),
            "PLAIN (KAFKA_USERNAME, KAFKA_PASSWORD)"
        );
        let config = settings.client_config();
        assert_eq!(config.get("sasl.mechanism"), Some("PLAIN"));
        assert_eq!(
            problems(&sasl[..2]),
            "KAFKA_USERNAME is not set, nor are KAFKA_USERNAME_FILE and KAFKA_USERNAME_SOURCE\n\
             KAFKA_PASSWORD is not set, nor are KAFKA_PASSWORD_FILE and KAFKA_PASSWORD_SOURCE"
        );
    }

    #[test]
    fn a_password_comes_from_a_variable_or_a_file() {
        let password = file("hunter2\n");
        let path = password.path().to_str().unwrap();
        let mut sasl = vec![
            (PROTOCOL, "SASL_PLAINTEXT"),
            (MECHANISM, "PLAIN"),
            ("KAFKA_USERNAME", "gateway"),
            ("KAFKA_PASSWORD_FILE", path),
        ];
        let settings = read(&sasl).unwrap();
        let Login::Password { password, .. } = settings.login else {
            panic!("no password");
        };
        assert_eq!(password.local().unwrap().as_str(), "hunter2");
        sasl.push(("KAFKA_PASSWORD", "hunter3"));
        assert_eq!(
            problems(&sasl),
            "KAFKA_PASSWORD and KAFKA_PASSWORD_FILE are both set"
        );
        let empty = file("\n");
        for (path, problem) in [
            ("/nowhere", "must name a readable file"),
            (empty.path().to_str().unwrap(), "names an empty file"),
        ] {
            sasl.truncate(3);
            sasl.push(("KAFKA_PASSWORD_FILE", path));
            assert_eq!(problems(&sasl), format!("KAFKA_PASSWORD_FILE {problem}"));
        }
    }

    #[test]
    fn wrong_combinations_name_the_variable() {
        for (pairs, problem) in [
            (vec![(PROTOCOL, "TLS")], "KAFKA_SECURITY_PROTOCOL must be"),
            (vec![(PROTOCOL, "ssl")], "KAFKA_SECURITY_PROTOCOL must be"),
            (vec![(MECHANISM, "GSSAPI")], "KAFKA_SASL_MECHANISM must be"),
            (
                vec![(MECHANISM, "PLAIN")],
                "KAFKA_SASL_MECHANISM needs KAFKA_SECURITY_PROTOCOL=SASL_SSL",
            ),
            (
                vec![(PROTOCOL, "SASL_SSL")],
                "KAFKA_SASL_MECHANISM is not set; KAFKA_SECURITY_PROTOCOL=SASL_SSL needs it",
            ),
            (
                vec![(PROTOCOL, "SASL_PLAINTEXT"), (MECHANISM, "AWS_MSK_IAM")],
                "KAFKA_SECURITY_PROTOCOL must be SASL_SSL with AWS_MSK_IAM",
            ),
            (
                vec![(PROTOCOL, "SASL_SSL"), (MECHANISM, "OAUTHBEARER")],
                "KAFKA_OAUTH_TOKEN_URL is not set",
            ),
            (
                vec![("KAFKA_USERNAME", "gateway")],
                "KAFKA_USERNAME has no use with KAFKA_SECURITY_PROTOCOL=PLAINTEXT",
            ),
            (
                vec![
                    (PROTOCOL, "SASL_SSL"),
                    (MECHANISM, "AWS_MSK_IAM"),
                    ("KAFKA_PASSWORD", "hunter2"),
                ],
                "KAFKA_PASSWORD has no use with KAFKA_SASL_MECHANISM=AWS_MSK_IAM",
            ),
            (vec![(CA, "/nowhere")], "KAFKA_CA_FILE must be a readable"),
            (
                vec![(PROTOCOL, "SSL"), (CA, "Cargo.toml")],
                "KAFKA_CA_FILE must be a readable file in PEM format",
            ),
        ] {
            let problems = problems(&pairs);
            assert!(problems.contains(problem), "{pairs:?}: {problems}");
            assert!(!problems.contains("hunter2"), "{problems}");
        }
    }

    #[test]
    fn a_certificate_and_its_key_belong_together_and_need_tls() {
        let pem = file("-----BEGIN CERTIFICATE-----\n");
        let path = pem.path().to_str().unwrap();
        let alone = problems(&[(PROTOCOL, "SSL"), (CERTIFICATE, path)]);
        assert!(
            alone.contains("KAFKA_KEY_FILE is not set; KAFKA_CERTIFICATE_FILE needs it"),
            "{alone}"
        );
        let alone = problems(&[(PROTOCOL, "SSL"), (KEY, path)]);
        assert!(
            alone.contains("KAFKA_CERTIFICATE_FILE is not set; KAFKA_KEY_FILE needs it"),
            "{alone}"
        );
        let plain = problems(&[(CERTIFICATE, path), (KEY, path), (CA, path)]);
        for name in [CERTIFICATE, KEY, CA] {
            let problem = format!("{name} has no use with KAFKA_SECURITY_PROTOCOL=PLAINTEXT");
            assert!(plain.contains(&problem), "{plain}");
        }
    }

    #[cfg(not(feature = "tls"))]
    #[test]
    fn a_build_without_tls_says_so() {
        assert_eq!(
            problems(&[(PROTOCOL, "SSL")]),
            "KAFKA_SECURITY_PROTOCOL needs TLS, which this build lacks: build with the feature \
             kafka-tls"
        );
        let scram = problems(&[(PROTOCOL, "SASL_PLAINTEXT"), (MECHANISM, "SCRAM-SHA-512")]);
        assert!(scram.contains("KAFKA_SASL_MECHANISM needs TLS"), "{scram}");
    }

    #[cfg(feature = "tls")]
    #[test]
    fn tls_uses_the_systems_certificates_or_the_given_ones() {
        let pem = file("-----BEGIN CERTIFICATE-----\n");
        let path = pem.path().to_str().unwrap();
        let config = read(&[(PROTOCOL, "SSL")]).unwrap().client_config();
        assert_eq!(config.get("ssl.ca.location"), Some("probe"));
        let own = [
            (PROTOCOL, "SSL"),
            (CA, path),
            (CERTIFICATE, path),
            (KEY, path),
        ];
        let config = read(&own).unwrap().client_config();
        assert_eq!(config.get("ssl.ca.location"), Some(path));
        assert_eq!(config.get("ssl.certificate.location"), Some(path));
        assert_eq!(config.get("ssl.key.location"), Some(path));
    }

    #[cfg(feature = "tls")]
    #[test]
    fn msks_tokens_travel_as_oauths() {
        let iam = [(PROTOCOL, "SASL_SSL"), (MECHANISM, "AWS_MSK_IAM")];
        let config = read(&iam).unwrap().client_config();
        assert_eq!(config.get("sasl.mechanism"), Some("OAUTHBEARER"));
    }
}
