//! `vault+https://host:port/<mount>/data/<path>#<field>`.

use std::net::IpAddr;

use url::{Host, Url};

/// A secret's place in a Vault.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Location {
    /// Scheme, host and port.
    pub(crate) address: String,
    /// The path of the HTTP API, from `/v1` on.
    pub(crate) path: String,
    /// A field of the secret; without one, the secret is all of them as a JSON object.
    pub(crate) field: Option<String>,
}

impl Location {
    /// Parses a URL.
    ///
    /// # Errors
    ///
    /// The end of a sentence that begins with the variable's name.
    pub(crate) fn parse(text: &str) -> Result<Self, &'static str> {
        const EXPECTED: &str = "must be like vault+https://host:8200/secret/data/path#field";
        let url = text.strip_prefix("vault+").unwrap_or(text);
        let url = Url::parse(url).map_err(|_| EXPECTED)?;
        let loopback = match url.host().ok_or(EXPECTED)? {
            Host::Domain(name) => name == "localhost",
            Host::Ipv4(address) => IpAddr::from(address).is_loopback(),
            Host::Ipv6(address) => IpAddr::from(address).is_loopback(),
        };
        match url.scheme() {
            "https" => {}
            "http" if loopback => {}
            "http" => {
                return Err("must be vault+https: only a Vault on loopback may do without TLS");
            }
            _ => return Err(EXPECTED),
        }
        if !url.username().is_empty() || url.password().is_some() || url.query().is_some() {
            return Err("must not contain a login or a query: the VAULT_ variables have the login");
        }
        let path = url.path();
        let is_data = path.split_once("/data/").is_some_and(|(mount, secret)| {
            mount.len() > 1 && !secret.is_empty() && !secret.ends_with('/')
        });
        if !is_data {
            return Err(
                "must have a path of the key/value engine, version 2: /<mount>/data/<path>",
            );
        }
        let field = url.fragment().map(str::to_owned);
        if field.as_deref() == Some("") {
            return Err(EXPECTED);
        }
        Ok(Self {
            address: url.origin().ascii_serialization(),
            path: format!("/v1{path}"),
            field,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_url_names_the_address_the_path_and_the_field() {
        let at = |text| {
            let location = Location::parse(text).unwrap();
            (location.address, location.path, location.field)
        };
        assert_eq!(
            at("vault+https://vault.example:8200/secret/data/trichrome/database#url"),
            (
                "https://vault.example:8200".to_owned(),
                "/v1/secret/data/trichrome/database".to_owned(),
                Some("url".to_owned())
            )
        );
        assert_eq!(
            at("vault+http://[::1]:8200/team/kv/data/key"),
            (
                "http://[::1]:8200".to_owned(),
                "/v1/team/kv/data/key".to_owned(),
                None
            )
        );
    }

    #[test]
    fn others_are_refused_with_a_reason() {
        for (text, problem) in [
            ("vault+https://", "must be like"),
            ("vault+ftp://h/secret/data/a", "must be like"),
            ("vault+https://h/secret/data/a#", "must be like"),
            ("vault+https://h/secret/a", "/<mount>/data/<path>"),
            ("vault+https://h/data/a", "/<mount>/data/<path>"),
            ("vault+https://h/secret/data/", "/<mount>/data/<path>"),
            (
                "vault+http://h:8200/secret/data/a",
                "only a Vault on loopback",
            ),
            (
                "vault+https://u:hunter2@h/secret/data/a",
                "must not contain a login",
            ),
            ("vault+https://h/secret/data/a?version=1", "a query"),
        ] {
            let error = Location::parse(text).unwrap_err();
            assert!(error.contains(problem), "{text}: {error}");
        }
    }
}
