//! What the gateway reads from its environment, checked before any port is bound.

use std::{env, fmt, net::SocketAddr, path::PathBuf, time::Duration};

use http::HeaderValue;
use url::Url;

/// The gateway's configuration. Every name is an environment variable of the same name in
/// capitals; where there is a default, it is for the local stack.
#[derive(Clone, Debug)]
pub struct Config {
    /// `GATEWAY_HTTP_ADDR`: where the facade, the web app and the operator's pages listen.
    pub(crate) gateway_http_addr: SocketAddr,
    /// `GATEWAY_GRPC_ADDR`: where gRPC and gRPC-Web listen.
    pub(crate) gateway_grpc_addr: SocketAddr,
    /// `GATEWAY_ADMIN_ADDR`: where profiles can be had, on loopback; nowhere if unset.
    pub(crate) gateway_admin_addr: Option<SocketAddr>,
    /// `KAFKA_BROKERS`: bootstrap brokers, `host:port`, comma separated.
    pub(crate) kafka_brokers: String,
    /// `KAFKA_GROUP`: the consumer group that all replicas share.
    pub(crate) kafka_group: String,
    /// `ANALYTICS_TRIGGER`: `on` (default) or `off`: whether batches of call logs are handed to
    /// `analytics-ingest` from here; off where a Kafka event source of Lambda's does it.
    pub(crate) analytics_trigger: bool,
    /// `REST_URL`: the REST API's base, which the facade's `rest` goes on to.
    pub(crate) rest_url: Url,
    /// `AWS_ENDPOINT_URL_LAMBDA` or `AWS_ENDPOINT_URL`: where Lambda's API is, if not AWS's
    /// own for the region. The AWS SDK reads the same names; here they serve readiness.
    pub(crate) lambda_endpoint: Option<Url>,
    /// `FUNCTION_PREFIX`: put before a function's name in the contract.
    pub(crate) function_prefix: String,
    /// `WEB_ORIGINS`: origins whose pages may call the gateway, comma separated.
    pub(crate) web_origins: Vec<HeaderValue>,
    /// `WEB_ROOT`: the built web app, served at `/`.
    pub(crate) web_root: Option<PathBuf>,
    /// `CALL_TIMEOUT_MS`: how long one call may take, at most.
    pub(crate) call_timeout: Duration,
    /// `DRAIN_TIMEOUT_MS`: how long a stop may take.
    pub(crate) drain_timeout: Duration,
    /// `INVOKE_CONCURRENCY`: invocations under way at once, over all transports.
    pub(crate) invoke_concurrency: usize,
}

/// Everything that is wrong with the environment, so that one run shows it all.
#[derive(Debug, PartialEq, Eq)]
pub struct ConfigError(Vec<String>);

impl fmt::Display for ConfigError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "the environment is not right: {}", self.0.join("; "))
    }
}

impl std::error::Error for ConfigError {}

impl Config {
    /// Reads the process's environment.
    ///
    /// # Errors
    ///
    /// Every variable that is missing or wrong.
    pub fn from_env() -> Result<Self, ConfigError> {
        Self::read(|name| env::var(name).ok())
    }

    /// Reads variables from `lookup`.
    ///
    /// # Errors
    ///
    /// Every variable that is missing or wrong.
    pub(crate) fn read(lookup: impl Fn(&str) -> Option<String>) -> Result<Self, ConfigError> {
        let mut vars = Vars {
            lookup: &lookup,
            problems: Vec::new(),
        };
        let config = Self {
            gateway_http_addr: vars.parse(
                "GATEWAY_HTTP_ADDR",
                SocketAddr::from(([127, 0, 0, 1], 3005)),
                "an address such as 127.0.0.1:3005",
            ),
            gateway_grpc_addr: vars.parse(
                "GATEWAY_GRPC_ADDR",
                SocketAddr::from(([127, 0, 0, 1], 50051)),
                "an address such as 127.0.0.1:50051",
            ),
            gateway_admin_addr: vars.loopback("GATEWAY_ADMIN_ADDR"),
            kafka_brokers: vars.required("KAFKA_BROKERS", "brokers such as localhost:29092"),
            kafka_group: vars.get("KAFKA_GROUP").unwrap_or_else(|| "gateway".into()),
            analytics_trigger: vars.switch("ANALYTICS_TRIGGER", true),
            rest_url: {
                let text = vars.required("REST_URL", "the REST API's base URL");
                vars.url("REST_URL", &text).unwrap_or_else(Self::unused_url)
            },
            lambda_endpoint: ["AWS_ENDPOINT_URL_LAMBDA", "AWS_ENDPOINT_URL"]
                .into_iter()
                .find_map(|name| Some((name, vars.get(name)?)))
                .and_then(|(name, text)| vars.url(name, &text)),
            function_prefix: vars.get("FUNCTION_PREFIX").unwrap_or_default(),
            web_origins: vars.origins("WEB_ORIGINS"),
            web_root: vars.directory("WEB_ROOT"),
            call_timeout: vars.millis("CALL_TIMEOUT_MS", 10_000),
            drain_timeout: vars.millis("DRAIN_TIMEOUT_MS", 10_000),
            invoke_concurrency: vars.count("INVOKE_CONCURRENCY", 64),
        };
        if vars.problems.is_empty() {
            Ok(config)
        } else {
            Err(ConfigError(vars.problems))
        }
    }

    /// Stands in for an address that was refused; the problem list keeps it from use.
    fn unused_url() -> Url {
        #[allow(clippy::expect_used, reason = "a constant, parsed by a test")]
        Url::parse("http://localhost/").expect("a constant URL parses")
    }
}

/// Reads variables and gathers what is wrong with them.
struct Vars<'a> {
    lookup: &'a dyn Fn(&str) -> Option<String>,
    problems: Vec<String>,
}

impl Vars<'_> {
    /// A variable that is set to nothing is as good as unset: compose files do that.
    fn get(&self, name: &str) -> Option<String> {
        (self.lookup)(name).filter(|value| !value.trim().is_empty())
    }

    fn required(&mut self, name: &str, what: &str) -> String {
        self.get(name).unwrap_or_else(|| {
            self.problems
                .push(format!("{name} is not set; it takes {what}"));
            String::new()
        })
    }

    fn parse<T: std::str::FromStr>(&mut self, name: &str, default: T, what: &str) -> T {
        match self.get(name).map(|text| text.trim().parse()) {
            None => default,
            Some(Ok(value)) => value,
            Some(Err(_)) => {
                self.problems.push(format!("{name} must be {what}"));
                default
            }
        }
    }

    fn loopback(&mut self, name: &str) -> Option<SocketAddr> {
        let address = self.get(name)?.trim().parse::<SocketAddr>().ok();
        let address = address.filter(|address| address.ip().is_loopback());
        if address.is_none() {
            self.problems
                .push(format!("{name} must be an address such as 127.0.0.1:6060"));
        }
        address
    }

    /// `None` for an empty text too: [`Vars::required`] has said so already.
    fn url(&mut self, name: &str, text: &str) -> Option<Url> {
        if text.is_empty() {
            return None;
        }
        match Url::parse(text) {
            Ok(url) if matches!(url.scheme(), "http" | "https") && url.has_host() => Some(url),
            _ => {
                self.problems
                    .push(format!("{name} must be a URL, http:// or https://"));
                None
            }
        }
    }

    fn origins(&mut self, name: &str) -> Vec<HeaderValue> {
        let list = self.get(name).unwrap_or_default();
        list.split(',')
            .map(str::trim)
            .filter(|origin| !origin.is_empty())
            .filter_map(|origin| {
                // An origin is a scheme, a host and a port (RFC 6454); browsers send it
                // without a path, and it is compared byte by byte.
                let plain = Url::parse(origin)
                    .is_ok_and(|url| url.origin().ascii_serialization() == origin);
                let value = HeaderValue::from_str(origin).ok().filter(|_| plain);
                if value.is_none() {
                    self.problems.push(format!(
                        "{name} must be origins such as http://localhost:5173, comma separated"
                    ));
                }
                value
            })
            .collect()
    }

    fn directory(&mut self, name: &str) -> Option<PathBuf> {
        let path = PathBuf::from(self.get(name)?);
        if path.join("index.html").is_file() {
            return Some(path);
        }
        self.problems.push(format!(
            "{name} must be a directory with an index.html; build the web app first"
        ));
        None
    }

    fn switch(&mut self, name: &str, default: bool) -> bool {
        match self.get(name).as_deref().map(str::trim) {
            None => default,
            Some("on") => true,
            Some("off") => false,
            Some(_) => {
                self.problems.push(format!("{name} must be on or off"));
                default
            }
        }
    }

    fn millis(&mut self, name: &str, default: u64) -> Duration {
        let millis = self.parse(name, default, "a number of milliseconds");
        if millis == 0 {
            self.problems.push(format!("{name} must be more than 0"));
        }
        Duration::from_millis(millis)
    }

    fn count(&mut self, name: &str, default: usize) -> usize {
        let count = self.parse(name, default, "a whole number");
        if count == 0 {
            self.problems.push(format!("{name} must be more than 0"));
        }
        count
    }
}

#[cfg(test)]
mod tests {
    use std::collections::HashMap;

    use super::*;

    fn read(vars: &[(&str, &str)]) -> Result<Config, ConfigError> {
        let vars: HashMap<_, _> = vars.iter().copied().collect();
        Config::read(|name| vars.get(name).map(|value| (*value).to_owned()))
    }

    const LEAST: [(&str, &str); 2] = [
        ("KAFKA_BROKERS", "localhost:29092"),
        ("REST_URL", "http://localhost:9000"),
    ];

    #[test]
    fn the_local_stack_needs_two_variables() {
        let config = read(&LEAST).unwrap();
        assert_eq!(config.gateway_http_addr.port(), 3005);
        assert_eq!(config.gateway_grpc_addr.port(), 50051);
        assert_eq!(config.kafka_group, "gateway");
        assert_eq!(config.call_timeout, Duration::from_secs(10));
        assert!(config.lambda_endpoint.is_none());
    }

    #[test]
    fn every_problem_is_told_at_once() {
        let error = read(&[
            ("GATEWAY_HTTP_ADDR", "3005"),
            ("GATEWAY_ADMIN_ADDR", "0.0.0.0:6060"),
            ("REST_URL", "ftp://example.org"),
            ("CALL_TIMEOUT_MS", "soon"),
            ("INVOKE_CONCURRENCY", "0"),
            ("ANALYTICS_TRIGGER", "no"),
            ("WEB_ORIGINS", "http://localhost:5173/"),
            ("WEB_ROOT", "/nowhere"),
        ])
        .unwrap_err()
        .to_string();
        for name in [
            "GATEWAY_HTTP_ADDR",
            "GATEWAY_ADMIN_ADDR",
            "KAFKA_BROKERS is not set",
            "REST_URL must be",
            "CALL_TIMEOUT_MS",
            "INVOKE_CONCURRENCY",
            "ANALYTICS_TRIGGER must be on or off",
            "WEB_ORIGINS",
            "WEB_ROOT",
        ] {
            assert!(error.contains(name), "{error:?} lacks {name}");
        }
    }

    #[test]
    fn an_empty_variable_is_an_unset_one() {
        let mut vars = LEAST.to_vec();
        vars.extend([("WEB_ROOT", ""), ("KAFKA_GROUP", " "), ("WEB_ORIGINS", "")]);
        let config = read(&vars).unwrap();
        assert!(config.web_root.is_none());
        assert_eq!(config.kafka_group, "gateway");
        assert!(config.web_origins.is_empty());
    }

    #[test]
    fn call_logs_are_handed_over_unless_that_is_switched_off() {
        let mut vars = LEAST.to_vec();
        assert!(read(&vars).unwrap().analytics_trigger);
        vars.push(("ANALYTICS_TRIGGER", "off"));
        assert!(!read(&vars).unwrap().analytics_trigger);
    }

    #[test]
    fn lambdas_own_endpoint_wins() {
        let mut vars = LEAST.to_vec();
        vars.push(("AWS_ENDPOINT_URL", "http://localhost:4566"));
        let config = read(&vars).unwrap();
        assert_eq!(config.lambda_endpoint.unwrap().port(), Some(4566));
        vars.push(("AWS_ENDPOINT_URL_LAMBDA", "http://localhost:9000"));
        let config = read(&vars).unwrap();
        assert_eq!(config.lambda_endpoint.unwrap().port(), Some(9000));
    }

    #[test]
    fn the_stand_in_parses() {
        Config::unused_url();
    }
}
