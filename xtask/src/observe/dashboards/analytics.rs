//! The way of a call log: from a call over Kafka into Postgres, and back to whoever asks.

use super::{
    Dashboard, Row,
    panel::{Panel, Unit},
};

pub(super) fn dashboard() -> Dashboard {
    Dashboard {
        name: "analytics",
        title: "Trichrome: analytics pipeline",
        about: "Call logs: written to Kafka, handed in batches to analytics-ingest, read by \
                analytics-get.",
        variables: &[],
        rows: vec![write(), ingest(), read()],
    }
}

fn write() -> Row {
    Row {
        title: "Written to Kafka",
        panels: vec![
            Panel::graph("Call logs by outcome", Unit::PerSecond)
                .help("dropped: the gateway's queue was full. failed: Kafka did not take it in time.")
                .query(
                    "sum by (outcome) (rate(trichrome_gateway_call_logs_total[$__rate_interval]))",
                    "{{outcome}}",
                ),
            Panel::graph("Call logs lost", Unit::Share)
                .help("Of all that were to be written.")
                .query(
                    r#"sum(rate(trichrome_gateway_call_logs_total{outcome=~"dropped|failed"}[$__rate_interval])) / (sum(rate(trichrome_gateway_call_logs_total[$__rate_interval])) > 0)"#,
                    "lost",
                )
                .up_to(1.0)
                .thresholds(&[(0.001, "red")]),
            Panel::graph("Written and ingested", Unit::PerSecond)
                .help("The two should cover each other; what is between them is on its way.")
                .query(
                    r#"sum(rate(trichrome_gateway_call_logs_total{outcome="written"}[$__rate_interval]))"#,
                    "written",
                )
                .query(
                    r#"sum(rate(trichrome_gateway_kafka_records_total{topic="analyticsdata", outcome="ingested"}[$__rate_interval]))"#,
                    "ingested",
                ),
        ],
    }
}

fn ingest() -> Row {
    Row {
        title: "Ingested",
        panels: vec![
            Panel::graph("Call logs that wait", Unit::Count)
                .query(
                    r#"consumer_topic:trichrome_kafka_lag:sum{topic="analyticsdata"}"#,
                    "{{consumer}}",
                )
                .thresholds(&[(1000.0, "red")])
                .size(6, 8),
            Panel::graph("Batches by outcome", Unit::PerSecond)
                .help("outage: the function could not be reached; the batch waits and is tried again.")
                .query(
                    r#"sum by (outcome) (rate(trichrome_gateway_kafka_batches_total{consumer="analytics-ingest"}[$__rate_interval]))"#,
                    "{{outcome}}",
                )
                .size(6, 8),
            Panel::graph("Records a batch", Unit::Count)
                .query(
                    r#"sum(rate(trichrome_gateway_kafka_records_total{topic="analyticsdata", outcome="ingested"}[$__rate_interval])) / (sum(rate(trichrome_gateway_kafka_batches_total{consumer="analytics-ingest"}[$__rate_interval])) > 0)"#,
                    "records",
                )
                .size(6, 8),
            Panel::graph("Time of a batch", Unit::Seconds)
                .query(
                    r#"histogram_quantile(0.5, sum by (le) (rate(trichrome_gateway_invoke_duration_seconds_bucket{operation="analytics-ingest"}[$__rate_interval])))"#,
                    "p50",
                )
                .query(
                    r#"histogram_quantile(0.99, sum by (le) (rate(trichrome_gateway_invoke_duration_seconds_bucket{operation="analytics-ingest"}[$__rate_interval])))"#,
                    "p99",
                )
                .exemplars()
                .size(6, 8),
        ],
    }
}

fn read() -> Row {
    Row {
        title: "Read",
        panels: vec![
            Panel::graph("Reads", Unit::PerSecond)
                .query(
                    r#"sum by (transport, status) (rate(trichrome_gateway_calls_total{operation="analytics-get"}[$__rate_interval]))"#,
                    "{{transport}} {{status}}",
                )
                .size(12, 8),
            Panel::graph("Time of a read", Unit::Seconds)
                .help("Totals read every matching row of Postgres.")
                .query(
                    r#"histogram_quantile(0.5, sum by (le) (rate(trichrome_gateway_call_duration_seconds_bucket{operation="analytics-get"}[$__rate_interval])))"#,
                    "p50",
                )
                .query(
                    r#"histogram_quantile(0.99, sum by (le) (rate(trichrome_gateway_call_duration_seconds_bucket{operation="analytics-get"}[$__rate_interval])))"#,
                    "p99",
                )
                .exemplars()
                .size(12, 8),
        ],
    }
}
