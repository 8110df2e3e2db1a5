//! The lag in CloudWatch's Embedded Metric Format: a log line from which CloudWatch extracts a
//! metric, so that the number of gateways can follow it without a Prometheus.
//!
//! A collector beside each gateway could do the same with all metrics. It would be one more
//! program to run, update and give permissions, for the one metric that scaling needs.

use std::{
    sync::Arc,
    time::{Duration, SystemTime},
};

use serde_json::{Value, json};
use trichrome_telemetry::emf;

use super::metrics::Metrics;

/// How often the lag is written. CloudWatch keeps one value a minute, and so do the alarms by
/// which a target is tracked.
const INTERVAL: Duration = Duration::from_secs(60);

/// Writes the lag to standard output every minute, once it is known. Never returns.
pub(crate) async fn run(metrics: Arc<Metrics>, stack: String) {
    let mut ticks = tokio::time::interval(INTERVAL);
    loop {
        ticks.tick().await;
        if let Some(lag) = metrics.total_lag() {
            emf::write(&line(&stack, lag, SystemTime::now()));
        }
    }
}

fn line(stack: &str, lag: i64, at: SystemTime) -> Value {
    let line = trichrome_telemetry::line("gateway", env!("CARGO_PKG_VERSION"), "INFO", false);
    let fields = [
        ("message", json!("lag measured")),
        ("stack", json!(stack)),
        ("kafka_lag", json!(lag)),
    ];
    let metrics = json!([{"Name": "kafka_lag", "Unit": "Count"}]);
    emf::measured(
        line,
        fields,
        [emf::directive(json!([["stack"]]), metrics)],
        at,
    )
}

#[cfg(test)]
mod tests {
    use std::time::UNIX_EPOCH;

    use super::*;

    #[test]
    fn the_lag_is_the_sum_of_all_topics_once_it_is_known() {
        let metrics = Metrics::new();
        assert_eq!(metrics.total_lag(), None);
        metrics.set_lag("commands", "auth", 3);
        metrics.set_lag("commands", "users", 4);
        metrics.set_lag("commands", "auth", 1);
        metrics.set_lag("analytics-ingest", "analyticsdata", 10);
        assert_eq!(metrics.total_lag(), Some(15));
    }

    /// The scaling and the alarm of deploy/aws/gateway.yaml read this metric.
    #[test]
    fn the_line_has_the_metric_that_the_template_reads() {
        let line = line("pics", 15, UNIX_EPOCH + Duration::from_secs(7));
        assert_eq!(line["_aws"]["Timestamp"], 7000);
        let directive = &line["_aws"]["CloudWatchMetrics"][0];
        let (dimension, metric) = (
            &directive["Dimensions"][0][0],
            &directive["Metrics"][0]["Name"],
        );
        assert_eq!(line[dimension.as_str().unwrap()], "pics");
        assert_eq!(line[metric.as_str().unwrap()], 15);
        let template = include_str!("../../../deploy/aws/gateway.yaml");
        let read = |name: &str, value: &Value| {
            let setting = format!("{name}: {}\n", value.as_str().unwrap());
            template.matches(setting.as_str()).count()
        };
        assert_eq!(read("Namespace", &directive["Namespace"]), 2);
        assert_eq!(read("MetricName", metric), 2);
        let dimensions = format!(
            "Dimensions: [{{Name: {}, Value: !Ref AWS::StackName}}]\n",
            dimension.as_str().unwrap()
        );
        assert_eq!(template.matches(dimensions.as_str()).count(), 2);
    }
}
