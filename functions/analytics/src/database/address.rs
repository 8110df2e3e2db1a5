//! A database's address with its login: a URL, or the JSON that Amazon RDS keeps in a secret.

use std::{fmt, str::FromStr};

use serde::Deserialize;
use serde_json::Value as Json;
use sqlx::postgres::{PgConnectOptions, PgSslMode};

/// The root certificates of Amazon RDS. `docs/deploying.md` says where they come from and how to
/// replace them.
const RDS_ROOTS: &str = include_str!("../../rds-roots.pem");

/// The domains of RDS's instances and proxies (Amazon RDS User Guide, "Using SSL/TLS to encrypt a
/// connection to a DB instance or cluster").
const RDS_DOMAINS: [&str; 2] = [".rds.amazonaws.com", ".rds.amazonaws.com.cn"];

const EXPECTED: &str = "must be a Postgres URL such as postgres://user:password@host:5432/name, or a \
                        JSON object with username and password as Amazon RDS keeps it";

/// A database's address and a login.
///
/// A URL chooses TLS: `?sslmode=require` encrypts, `?sslmode=verify-full` also checks the server's
/// name, with the public authorities, those of Amazon RDS for its hosts, or those in
/// `sslrootcert=<file>`. JSON means `verify-full` unless it has a field `sslmode`.
#[derive(Clone)]
pub(crate) struct Address(PgConnectOptions);

/// A database's place without a login: `host:port/name`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Endpoint {
    host: String,
    port: u16,
    name: String,
}

/// A secret of Amazon RDS (AWS Secrets Manager User Guide, "JSON structure of AWS Secrets Manager
/// secrets"). One that RDS manages itself has a username and a password only.
#[derive(Deserialize)]
struct RdsSecret {
    #[serde(default)]
    engine: Option<String>,
    username: String,
    #[serde(default)]
    password: String,
    #[serde(default)]
    host: Option<String>,
    /// A number, or a text with one.
    #[serde(default)]
    port: Json,
    #[serde(default)]
    dbname: Option<String>,
    #[serde(default)]
    sslmode: Option<String>,
}

impl Address {
    /// Parses a secret's text. `endpoint` takes the place of the one in it.
    ///
    /// # Errors
    ///
    /// The end of a sentence that begins with the variable's name. No part of the text is in it.
    pub(crate) fn parse(
        text: &str,
        endpoint: Option<&Endpoint>,
        by_token: bool,
    ) -> Result<Self, &'static str> {
        let text = text.trim();
        let (options, has_roots) = if text.starts_with('{') {
            (of_json(text, endpoint.is_some())?, false)
        } else {
            of_url(text)?
        };
        let options = match endpoint {
            Some(it) => options.host(&it.host).port(it.port).database(&it.name),
            None => options,
        };
        let mode = options.get_ssl_mode();
        // Anyone who intercepts a token can log in with it.
        if by_token && !matches!(mode, PgSslMode::VerifyFull) {
            return Err("must have sslmode=verify-full with DATABASE_AUTH=iam");
        }
        let verifies = matches!(mode, PgSslMode::VerifyFull | PgSslMode::VerifyCa);
        let host = options.get_host().to_ascii_lowercase();
        let is_rds = RDS_DOMAINS.iter().any(|domain| host.ends_with(domain));
        let options = match verifies && is_rds && !has_roots {
            true => options.ssl_root_cert_from_pem(RDS_ROOTS.as_bytes().to_vec()),
            false => options,
        };
        Ok(Self(match options.get_application_name() {
            Some(_) => options,
            None => options.application_name("trichrome-analytics"),
        }))
    }

    /// The driver's options.
    pub(crate) const fn options(&self) -> &PgConnectOptions {
        &self.0
    }
}

/// Parses a URL; also returns whether it names root certificates.
fn of_url(url: &str) -> Result<(PgConnectOptions, bool), &'static str> {
    // The driver accepts any scheme, and takes a missing host or name from the environment or the
    // system user.
    let rest = ["postgres://", "postgresql://"]
        .into_iter()
        .find_map(|scheme| url.strip_prefix(scheme))
        .ok_or(EXPECTED)?;
    let (place, query) = rest.split_once('?').unwrap_or((rest, ""));
    let (host, name) = place.split_once('/').unwrap_or((place, ""));
    let has = |key: &str| query.split('&').any(|pair| pair.starts_with(key));
    if (host.is_empty() && !has("host=")) || (name.is_empty() && !has("dbname=")) {
        return Err(EXPECTED);
    }
    let options = url.parse().map_err(|_| EXPECTED)?;
    let has_roots = ["sslrootcert=", "ssl-root-cert=", "ssl-ca="]
        .into_iter()
        .any(has);
    Ok((options, has_roots))
}

fn of_json(text: &str, has_endpoint: bool) -> Result<PgConnectOptions, &'static str> {
    // serde_json's message can quote a value.
    let secret: RdsSecret = serde_json::from_str(text).map_err(|_| EXPECTED)?;
    if secret
        .engine
        .is_some_and(|engine| !engine.contains("postgres"))
    {
        return Err("must be of the engine postgres");
    }
    let port = match &secret.port {
        Json::Null => None,
        Json::Number(number) => Some(number.as_u64().and_then(|port| port.try_into().ok())),
        Json::String(text) => Some(text.parse().ok()),
        _ => Some(None),
    };
    let port: Option<u16> = match port {
        Some(None) => return Err("must have a port number as port"),
        Some(port) => port,
        None => None,
    };
    let (host, name) = match (secret.host, secret.dbname) {
        (Some(host), Some(name)) => (host, name),
        // The endpoint replaces them.
        _ if has_endpoint => (String::new(), String::new()),
        _ => return Err("must name host and dbname, or DATABASE_ENDPOINT must be set"),
    };
    let mode = match secret.sslmode {
        None => PgSslMode::VerifyFull,
        Some(mode) => mode.parse().map_err(|_| "must have a valid sslmode")?,
    };
    Ok(PgConnectOptions::new_without_pgpass()
        .host(&host)
        .port(port.unwrap_or(DEFAULT_PORT))
        .database(&name)
        .username(&secret.username)
        .password(&secret.password)
        .ssl_mode(mode))
}

/// PostgreSQL's port, registered with IANA.
const DEFAULT_PORT: u16 = 5432;

impl FromStr for Endpoint {
    type Err = ();

    fn from_str(text: &str) -> Result<Self, ()> {
        let (place, name) = text.split_once('/').ok_or(())?;
        let (host, port) = match place.rsplit_once(':') {
            Some((host, port)) => (host, port.parse().map_err(|_| ())?),
            None => (place, DEFAULT_PORT),
        };
        let is_plain = |text: &str| !text.is_empty() && !text.contains(['/', '?', '@', ' ']);
        (is_plain(host) && is_plain(name))
            .then(|| Self {
                host: host.to_owned(),
                port,
                name: name.to_owned(),
            })
            .ok_or(())
    }
}

/// Redacted: without the password.
impl fmt::Debug for Address {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Address")
            .field("host", &self.0.get_host())
            .field("port", &self.0.get_port())
            .field("name", &self.0.get_database())
            .finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests;
