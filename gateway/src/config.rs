//! The gateway's configuration, read from the environment before any port is bound.

use std::{net::SocketAddr, path::PathBuf, sync::Arc, time::Duration};

use http::HeaderValue;
use trichrome_cache::Nodes;
use trichrome_kafka::Connection;
use trichrome_proto::wire::TrustedProxies;
use trichrome_startup::{InvalidEnvironment, Variables};
use url::Url;

use crate::http::{policy::PicturesOrigin, server::connections::Caps};

/// The gateway's configuration. Each field is read from the environment variable of the same
/// name in capitals; defaults are for the local stack.
#[derive(Clone, Debug)]
pub struct Config {
    /// `GATEWAY_HTTP_ADDR`: address of the facade, the documentation and the web app.
    pub(crate) gateway_http_addr: SocketAddr,
    /// `GATEWAY_GRPC_ADDR`: address of gRPC and gRPC-Web.
    pub(crate) gateway_grpc_addr: SocketAddr,
    /// `GATEWAY_ADMIN_ADDR`: address of the operator's pages: health, metrics and profiles.
    pub(crate) gateway_admin_addr: SocketAddr,
    /// `GATEWAY_MAX_CONNECTIONS` and `GATEWAY_MAX_CONNECTIONS_PER_ADDRESS`: caps on the open
    /// connections of the HTTP port and of the gRPC port, each, in all and from one address.
    pub(crate) gateway_caps: Caps,
    /// `GATEWAY_TRUSTED_PROXIES`: addresses and networks of proxies and load balancers, comma
    /// separated, whose `x-forwarded-for` names the caller.
    pub(crate) gateway_trusted_proxies: TrustedProxies,
    /// `KAFKA_BROKERS`, and `KAFKA_…` variables for TLS and the login.
    pub(crate) kafka: Connection,
    /// `KAFKA_GROUP`: the consumer group that all replicas share.
    pub(crate) kafka_group: String,
    /// `KAFKA_SESSION_TIMEOUT_MS`: after this time without a heartbeat, the group gives a killed
    /// replica's partitions to the others. The brokers must allow it
    /// (`group.min.session.timeout.ms`, 6000 by default).
    pub(crate) kafka_session_timeout: Duration,
    /// `KAFKA_INSTANCE_ID`: makes the replica a static member of its groups (KIP-345). It then
    /// keeps its partitions over a restart, for as long as its session lasts. Each replica needs an
    /// id of its own.
    pub(crate) kafka_instance_id: Option<String>,
    /// `ANALYTICS_TRIGGER`: `on` (default) or `off`. Whether the gateway passes batches of call
    /// logs to `analytics-ingest`; off where one of Lambda's Kafka event sources does.
    pub(crate) analytics_trigger: bool,
    /// `REST_URL`: base URL of the REST API, to which the facade forwards `/rest`.
    pub(crate) rest_url: Url,
    /// `AWS_ENDPOINT_URL_LAMBDA` or `AWS_ENDPOINT_URL`: Lambda's endpoint, if it isn't AWS's own
    /// for the region. The AWS SDK reads the same names; here they are for readiness.
    pub(crate) lambda_endpoint: Option<Url>,
    /// `FUNCTION_PREFIX`: prepended to each function's name.
    pub(crate) function_prefix: String,
    /// `FUNCTION_ALIAS`: the alias of every function that is invoked, such as `live`. Without it,
    /// Lambda runs the newest code.
    pub(crate) function_alias: Option<String>,
    /// `WEB_ORIGINS`: origins whose pages may call the gateway, comma separated.
    pub(crate) web_origins: Vec<HeaderValue>,
    /// `WEB_ROOT`: the built web app, served at `/`.
    pub(crate) web_root: Option<PathBuf>,
    /// `PICTURES_ORIGIN`: the origin of the pictures' links, and a second one of uploads if they
    /// differ, which the web app's Content-Security-Policy allows. Required with `WEB_ROOT`.
    pub(crate) pictures_origin: Option<PicturesOrigin>,
    /// `CALL_TIMEOUT_MS`: time limit for one call.
    pub(crate) call_timeout: Duration,
    /// `DRAIN_TIMEOUT_MS`: time limit for shutting down.
    pub(crate) drain_timeout: Duration,
    /// `INVOKE_CONCURRENCY`: limit on concurrent invocations, over all transports.
    pub(crate) invoke_concurrency: usize,
    /// `CACHE_NODES`: the nodes of the optional cache, through which the gateways share their rate
    /// limits.
    pub(crate) cache_nodes: Option<Arc<Nodes>>,
    /// `STACK_NAME`: keeps several stacks in one cache apart; `trichrome` by default.
    pub(crate) stack_name: String,
    /// `METRICS`: `emf` or `off` (default). With `emf`, the lag is also written to standard output
    /// once a minute, for CloudWatch; `STACK_NAME`, which it needs, is the metric's dimension.
    pub(crate) emf_stack: Option<String>,
}

impl Config {
    /// Reads the process's environment.
    ///
    /// # Errors
    ///
    /// Every variable that is missing or invalid.
    pub fn from_env() -> Result<Self, InvalidEnvironment> {
        Self::read(Variables::from_process())
    }

    fn read(mut variables: Variables<'_>) -> Result<Self, InvalidEnvironment> {
        let variables = &mut variables;
        let config = Self {
            gateway_http_addr: variables.parse_or(
                "GATEWAY_HTTP_ADDR",
                SocketAddr::from(([127, 0, 0, 1], 3005)),
                "an address such as 127.0.0.1:3005",
            ),
            gateway_grpc_addr: variables.parse_or(
                "GATEWAY_GRPC_ADDR",
                SocketAddr::from(([127, 0, 0, 1], 50051)),
                "an address such as 127.0.0.1:50051",
            ),
            gateway_admin_addr: variables.parse_or(
                "GATEWAY_ADMIN_ADDR",
                SocketAddr::from(([127, 0, 0, 1], 6060)),
                "an address such as 127.0.0.1:6060",
            ),
            gateway_caps: Caps {
                total: variables.count_or("GATEWAY_MAX_CONNECTIONS", 8192),
                per_address: variables.count_or("GATEWAY_MAX_CONNECTIONS_PER_ADDRESS", 2048),
            },
            gateway_trusted_proxies: variables
                .optional_with(
                    "GATEWAY_TRUSTED_PROXIES",
                    TrustedProxies::EXPECTED,
                    |text| text.parse().ok(),
                )
                .unwrap_or_default(),
            kafka: Connection::read(variables),
            kafka_group: variables
                .optional("KAFKA_GROUP")
                .unwrap_or_else(|| "gateway".into()),
            kafka_session_timeout: variables
                .millis_or("KAFKA_SESSION_TIMEOUT_MS", Duration::from_secs(6)),
            kafka_instance_id: variables.optional("KAFKA_INSTANCE_ID"),
            analytics_trigger: variables.switch_or("ANALYTICS_TRIGGER", true),
            rest_url: variables
                .required_with("REST_URL", URL, http_url)
                .unwrap_or_else(placeholder_url),
            lambda_endpoint: ["AWS_ENDPOINT_URL_LAMBDA", "AWS_ENDPOINT_URL"]
                .into_iter()
                .find(|name| variables.optional(name).is_some())
                .and_then(|name| variables.optional_with(name, URL, http_url)),
            function_prefix: variables.optional("FUNCTION_PREFIX").unwrap_or_default(),
            function_alias: variables.optional_with(
                "FUNCTION_ALIAS",
                "an alias: letters, digits, - and _",
                alias,
            ),
            web_origins: variables
                .optional_with(
                    "WEB_ORIGINS",
                    "origins such as http://localhost:5173, comma separated",
                    origins,
                )
                .unwrap_or_default(),
            web_root: variables.optional_with(
                "WEB_ROOT",
                "a directory with an index.html; build the web app first",
                |text| Some(PathBuf::from(text)).filter(|path| path.join("index.html").is_file()),
            ),
            pictures_origin: pictures_origin(variables),
            call_timeout: variables.millis_or("CALL_TIMEOUT_MS", Duration::from_secs(10)),
            drain_timeout: variables.millis_or("DRAIN_TIMEOUT_MS", Duration::from_secs(10)),
            invoke_concurrency: variables.count_or("INVOKE_CONCURRENCY", 64),
            cache_nodes: variables.optional_with("CACHE_NODES", Nodes::EXPECTED, |list| {
                list.parse().ok().map(Arc::new)
            }),
            stack_name: variables
                .optional("STACK_NAME")
                .unwrap_or_else(|| "trichrome".into()),
            emf_stack: emf_stack(variables),
        };
        variables.check()?;
        Ok(config)
    }
}

/// An alias of Lambda functions. A number would be a version. (AWS Lambda, "`CreateAlias`".)
fn alias(text: &str) -> Option<String> {
    let characters = text
        .bytes()
        .all(|byte| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'_'));
    let is_version = text.bytes().all(|byte| byte.is_ascii_digit());
    (characters && !is_version && text.len() <= 128).then(|| text.to_owned())
}

/// The stack's name, if metrics are written for CloudWatch.
fn emf_stack(variables: &mut Variables<'_>) -> Option<String> {
    let metrics = variables.optional_with("METRICS", "emf or off", |text| match text {
        "emf" => Some(true),
        "off" => Some(false),
        _ => None,
    });
    metrics
        .unwrap_or(false)
        .then(|| variables.required("STACK_NAME"))
}

/// What [`http_url`] takes.
const URL: &str = "a URL, http:// or https://";

fn http_url(text: &str) -> Option<Url> {
    Url::parse(text)
        .ok()
        .filter(|url| matches!(url.scheme(), "http" | "https") && url.has_host())
}

/// The pictures' origin, without which the web app shows no picture.
fn pictures_origin(variables: &mut Variables<'_>) -> Option<PicturesOrigin> {
    const NAME: &str = "PICTURES_ORIGIN";
    const EXPECTED: &str = PicturesOrigin::EXPECTED;
    if variables.optional("WEB_ROOT").is_some() {
        variables.required_with(NAME, EXPECTED, PicturesOrigin::parse)
    } else {
        variables.optional_with(NAME, EXPECTED, PicturesOrigin::parse)
    }
}

/// Takes the place of an invalid URL until the recorded problem is returned.
fn placeholder_url() -> Url {
    #[allow(clippy::expect_used, reason = "a constant, parsed by a test")]
    Url::parse("http://localhost/").expect("a constant URL parses")
}

/// A comma-separated list of origins: scheme, host and port (RFC 6454). Browsers send an origin
/// without a path, and it is compared byte by byte.
fn origins(list: &str) -> Option<Vec<HeaderValue>> {
    list.split(',')
        .map(str::trim)
        .filter(|origin| !origin.is_empty())
        .map(|origin| {
            Url::parse(origin)
                .ok()
                .filter(|url| url.origin().ascii_serialization() == origin)
                .and_then(|_| HeaderValue::from_str(origin).ok())
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use std::{cell::RefCell, collections::BTreeSet};

    use super::*;

    impl Config {
        /// The configuration of an environment that has only these variables.
        pub(crate) fn of(variables: &[(&str, &str)]) -> Result<Self, InvalidEnvironment> {
            Self::read(Variables::new(|name| {
                let (_, value) = variables.iter().find(|(known, _)| *known == name)?;
                Some((*value).to_owned())
            }))
        }
    }

    const REQUIRED: [(&str, &str); 2] = [
        ("KAFKA_BROKERS", "localhost:29092"),
        ("REST_URL", "http://localhost:9000"),
    ];

    #[test]
    fn the_local_stack_needs_two_variables() {
        let config = Config::of(&REQUIRED).unwrap();
        assert_eq!(config.gateway_http_addr.port(), 3005);
        assert_eq!(config.gateway_grpc_addr.port(), 50051);
        assert!(config.gateway_admin_addr.ip().is_loopback());
        assert_eq!(config.kafka_group, "gateway");
        assert_eq!(config.kafka_session_timeout, Duration::from_secs(6));
        assert_eq!(config.kafka_instance_id, None);
        assert_eq!(config.call_timeout, Duration::from_secs(10));
        assert!(config.lambda_endpoint.is_none());
    }

    #[test]
    fn every_problem_is_reported_at_once() {
        let error = Config::of(&[
            ("GATEWAY_HTTP_ADDR", "3005"),
            ("GATEWAY_ADMIN_ADDR", "6060"),
            ("GATEWAY_MAX_CONNECTIONS", "0"),
            ("GATEWAY_MAX_CONNECTIONS_PER_ADDRESS", "many"),
            ("REST_URL", "ftp://example.org"),
            ("CALL_TIMEOUT_MS", "soon"),
            ("INVOKE_CONCURRENCY", "0"),
            ("ANALYTICS_TRIGGER", "no"),
            ("KAFKA_SECURITY_PROTOCOL", "TLS"),
            ("WEB_ORIGINS", "http://localhost:5173/"),
            ("WEB_ROOT", "/nowhere"),
            ("FUNCTION_ALIAS", "7"),
            ("METRICS", "emf"),
            ("CACHE_NODES", "cache:6379"),
        ])
        .unwrap_err()
        .to_string();
        for name in [
            "GATEWAY_HTTP_ADDR",
            "GATEWAY_ADMIN_ADDR",
            "GATEWAY_MAX_CONNECTIONS must be",
            "GATEWAY_MAX_CONNECTIONS_PER_ADDRESS must be",
            "KAFKA_BROKERS is not set",
            "KAFKA_SECURITY_PROTOCOL must be",
            "REST_URL must be",
            "CALL_TIMEOUT_MS",
            "INVOKE_CONCURRENCY",
            "ANALYTICS_TRIGGER must be on or off",
            "WEB_ORIGINS",
            "WEB_ROOT",
            "FUNCTION_ALIAS must be",
            "STACK_NAME is not set",
            "CACHE_NODES must be",
        ] {
            assert!(error.contains(name), "{error:?} lacks {name}");
        }
    }

    #[test]
    fn an_empty_variable_counts_as_unset() {
        let mut vars = REQUIRED.to_vec();
        vars.extend([("WEB_ROOT", ""), ("KAFKA_GROUP", " "), ("WEB_ORIGINS", "")]);
        let config = Config::of(&vars).unwrap();
        assert!(config.web_root.is_none());
        assert_eq!(config.kafka_group, "gateway");
        assert!(config.web_origins.is_empty());
    }

    #[test]
    fn a_web_app_needs_the_pictures_origin() {
        let root = tempfile::tempdir().unwrap();
        std::fs::write(root.path().join("index.html"), "<html>").unwrap();
        let mut vars = REQUIRED.to_vec();
        vars.push(("WEB_ROOT", root.path().to_str().unwrap()));
        let error = Config::of(&vars).unwrap_err().to_string();
        assert!(error.contains("PICTURES_ORIGIN is not set"), "{error}");
        vars.push(("PICTURES_ORIGIN", "https://pictures.example.org"));
        assert!(Config::of(&vars).unwrap().pictures_origin.is_some());
        vars.pop();
        vars.push(("PICTURES_ORIGIN", "https://s3.eu-central-1.amazonaws.com"));
        let error = Config::of(&vars).unwrap_err().to_string();
        assert!(error.contains("PICTURES_ORIGIN must be"), "{error}");
    }

    #[test]
    fn the_analytics_trigger_can_be_switched_off() {
        let mut vars = REQUIRED.to_vec();
        assert!(Config::of(&vars).unwrap().analytics_trigger);
        vars.push(("ANALYTICS_TRIGGER", "off"));
        assert!(!Config::of(&vars).unwrap().analytics_trigger);
    }

    #[test]
    fn the_endpoint_for_lambda_takes_precedence() {
        let mut vars = REQUIRED.to_vec();
        vars.push(("AWS_ENDPOINT_URL", "http://localhost:4566"));
        let config = Config::of(&vars).unwrap();
        assert_eq!(config.lambda_endpoint.unwrap().port(), Some(4566));
        vars.push(("AWS_ENDPOINT_URL_LAMBDA", "http://localhost:9000"));
        let config = Config::of(&vars).unwrap();
        assert_eq!(config.lambda_endpoint.unwrap().port(), Some(9000));
    }

    #[test]
    fn an_alias_is_no_version() {
        for invalid in ["1", "$LATEST", "a b", "a:b", ""] {
            assert!(alias(invalid).is_none(), "{invalid:?}");
        }
        for valid in ["live", "v1", "a-b_c"] {
            assert_eq!(alias(valid).as_deref(), Some(valid));
        }
        assert!(Config::of(&REQUIRED).unwrap().function_alias.is_none());
    }

    #[test]
    fn metrics_for_cloudwatch_are_off_by_default() {
        let mut vars = REQUIRED.to_vec();
        vars.push(("STACK_NAME", "pics"));
        assert_eq!(Config::of(&vars).unwrap().emf_stack, None);
        vars.push(("METRICS", "emf"));
        assert_eq!(
            Config::of(&vars).unwrap().emf_stack.as_deref(),
            Some("pics")
        );
    }

    /// The variables of the gateway's container in a file, `- {Name: NAME, …`, in order.
    fn container_variables(text: &str) -> BTreeSet<&str> {
        let (_, gateway) = text.split_once("- Name: gateway\n").unwrap();
        let (gateway, _) = gateway.split_once("- Name: web\n").unwrap();
        gateway
            .split("{Name: ")
            .skip(1)
            .filter_map(|rest| rest.split_once(',').map(|(name, _)| name))
            .filter(|name| {
                name.bytes()
                    .all(|byte| byte.is_ascii_uppercase() || byte == b'_')
            })
            .collect()
    }

    /// A variable with a wrong name would be ignored, and a new one forgotten.
    #[test]
    fn the_template_for_ecs_sets_the_variables_that_are_read() {
        /// Read by the telemetry, and by the SDK.
        const OTHERS: [&str; 5] = [
            "AWS_REGION",
            "OTEL_EXPORTER_OTLP_ENDPOINT",
            "OTEL_TRACES_SAMPLER",
            "OTEL_TRACES_SAMPLER_ARG",
            "RUST_LOG",
        ];
        /// Read by the container's entry point.
        const ENTRY_POINT: &str = "KAFKA_CA";
        const UNSET: [(&str, &str); 15] = [
            ("AWS_ENDPOINT_URL", "AWS's own"),
            ("AWS_ENDPOINT_URL_LAMBDA", "AWS's own"),
            ("GATEWAY_ADMIN_ADDR", "on loopback; CloudWatch has the lag"),
            ("INVOKE_CONCURRENCY", "the default"),
            ("KAFKA_CERTIFICATE_FILE", "a login by IAM or a password"),
            ("KAFKA_INSTANCE_ID", "a task's id doesn't outlive it"),
            ("KAFKA_KEY_FILE", "a login by IAM or a password"),
            ("KAFKA_OAUTH_SCOPE", "a login by IAM or a password"),
            ("KAFKA_OAUTH_TOKEN_URL", "a login by IAM or a password"),
            ("KAFKA_PASSWORD_FILE", "ECS passes secrets as variables"),
            ("KAFKA_PASSWORD_SOURCE", "ECS passes secrets as variables"),
            ("KAFKA_USERNAME_FILE", "ECS passes secrets as variables"),
            ("KAFKA_USERNAME_SOURCE", "ECS passes secrets as variables"),
            ("PICTURES_ORIGIN", "the web app's container has it"),
            ("WEB_ROOT", "the web app has a container of its own"),
        ];
        let read = RefCell::new(BTreeSet::new());
        for mechanism in ["PLAIN", "OAUTHBEARER", "AWS_MSK_IAM"] {
            let lookup = |name: &str| {
                read.borrow_mut().insert(name.to_owned());
                let value = match name {
                    "KAFKA_SECURITY_PROTOCOL" => "SASL_SSL",
                    "KAFKA_SASL_MECHANISM" => mechanism,
                    "METRICS" => "emf",
                    _ => return None,
                };
                Some(value.to_owned())
            };
            let _problems = Config::read(Variables::new(lookup));
        }
        let mut expected: BTreeSet<_> = read.into_inner();
        for (name, why) in UNSET {
            assert!(expected.remove(name), "{name} isn't read ({why})");
        }
        expected.extend(OTHERS.map(str::to_owned));
        expected.insert(ENTRY_POINT.to_owned());
        let set = container_variables(include_str!("../../deploy/aws/gateway.yaml"));
        assert_eq!(set, expected.iter().map(String::as_str).collect());
    }

    #[test]
    fn the_placeholder_url_parses() {
        placeholder_url();
    }
}
