//! Starting logs and traces of a function.

use trichrome_telemetry::{Service, Telemetry};

/// Starts logs and traces. [`trichrome_telemetry::start`] documents the variables.
pub(crate) fn start(function: &str) -> Telemetry {
    let variable = |name| std::env::var(name).ok();
    // Lambda's value is in MiB, that of the conventions in bytes.
    let memory = variable("AWS_LAMBDA_FUNCTION_MEMORY_SIZE")
        .and_then(|text| text.parse::<u64>().ok())
        .map(|mebibytes| (mebibytes * 1024 * 1024).to_string());
    let attributes = [
        ("cloud.provider", Some("aws".to_owned())),
        ("cloud.platform", Some("aws_lambda".to_owned())),
        ("cloud.region", variable("AWS_REGION")),
        ("faas.name", variable("AWS_LAMBDA_FUNCTION_NAME")),
        ("faas.version", variable("AWS_LAMBDA_FUNCTION_VERSION")),
        ("faas.instance", variable("AWS_LAMBDA_LOG_STREAM_NAME")),
        ("faas.max_memory", memory),
    ];
    trichrome_telemetry::start(Service {
        name: function.to_owned(),
        version: env!("CARGO_PKG_VERSION"),
        attributes: attributes
            .into_iter()
            .filter_map(|(key, value)| Some((key, value?)))
            .collect(),
        lambda: true,
    })
}
