//! Commands in, results out, and what went wrong between.

use super::{
    Dashboard, Row,
    panel::{Panel, Unit},
};

pub(super) fn dashboard() -> Dashboard {
    Dashboard {
        name: "kafka",
        title: "Trichrome: Kafka",
        about: "Commands, results, dead letters and how far the gateway is behind.",
        variables: &[],
        rows: vec![now(), commands(), results()],
    }
}

fn now() -> Row {
    Row {
        title: "Now",
        panels: vec![
            Panel::number("Records wait", Unit::Count)
                .help("The lag of all consumers together.")
                .query("sum(consumer_topic:trichrome_kafka_lag:sum)", "records")
                .thresholds(&[(100.0, "orange"), (1000.0, "red")])
                .size(6, 4),
            Panel::number("Records done with", Unit::PerSecond)
                .query(
                    "sum(rate(trichrome_gateway_kafka_records_total[$__rate_interval]))",
                    "records",
                )
                .size(6, 4),
            Panel::number("Dead letters in 15 minutes", Unit::Count)
                .query(
                    "sum(topic_reason:trichrome_kafka_dead_letters:increase15m) or vector(0)",
                    "records",
                )
                .thresholds(&[(1.0, "red")])
                .size(6, 4),
            Panel::number("A result is waited for", Unit::Seconds)
                .help("Over five minutes, on average. A caller is given up after ten seconds.")
                .query("trichrome_results:wait_seconds5m", "wait")
                .thresholds(&[(1.0, "orange"), (5.0, "red")])
                .size(6, 4),
        ],
    }
}

fn commands() -> Row {
    Row {
        title: "Records in",
        panels: vec![
            Panel::graph("Records by topic", Unit::PerSecond)
                .query(
                    "sum by (topic) (rate(trichrome_gateway_kafka_records_total[$__rate_interval]))",
                    "{{topic}}",
                )
                .stacked(),
            Panel::graph("Records by outcome", Unit::PerSecond)
                .help(
                    "answered: a command, well or with the caller's mistake. ingested: a call log.",
                )
                .query(
                    "sum by (outcome) (rate(trichrome_gateway_kafka_records_total[$__rate_interval]))",
                    "{{outcome}}",
                ),
            Panel::graph("Lag", Unit::Count)
                .help("Records that wait to be read and done with. It should come back to 0.")
                .query(
                    "consumer_topic:trichrome_kafka_lag:sum",
                    "{{consumer}} {{topic}}",
                )
                .thresholds(&[(100.0, "red")]),
            Panel::graph("Dead letters", Unit::Count)
                .help("Records moved to a .dlq topic within 15 minutes.")
                .query(
                    "topic_reason:trichrome_kafka_dead_letters:increase15m",
                    "{{topic}}: {{reason}}",
                ),
            Panel::graph("Commits", Unit::PerSecond)
                .query(
                    "sum by (consumer, outcome) (rate(trichrome_gateway_kafka_commits_total[$__rate_interval]))",
                    "{{consumer}} {{outcome}}",
                ),
            Panel::graph("Batches to triggered functions", Unit::PerSecond)
                .query(
                    "sum by (consumer, outcome) (rate(trichrome_gateway_kafka_batches_total[$__rate_interval]))",
                    "{{consumer}} {{outcome}}",
                ),
        ],
    }
}

fn results() -> Row {
    Row {
        title: "Results out",
        panels: vec![
            Panel::graph("Results awaited", Unit::Count)
                .help("Facade calls over events that wait for theirs.")
                .query("trichrome_gateway_results_awaited", "{{instance}}"),
            Panel::graph("Time of a call over events, at the facade", Unit::Seconds)
                .help("Produced, read, invoked, answered, read again.")
                .query(
                    r#"histogram_quantile(0.5, sum by (le) (rate(trichrome_gateway_facade_duration_seconds_bucket{transport="events"}[$__rate_interval])))"#,
                    "p50",
                )
                .query(
                    r#"histogram_quantile(0.99, sum by (le) (rate(trichrome_gateway_facade_duration_seconds_bucket{transport="events"}[$__rate_interval])))"#,
                    "p99",
                )
                .exemplars(),
            Panel::graph("What Kafka adds", Unit::Seconds)
                .help("The mean at the facade, less the mean of the call behind it.")
                .query(
                    r#"sum(rate(trichrome_gateway_facade_duration_seconds_sum{transport="events"}[$__rate_interval])) / (sum(rate(trichrome_gateway_facade_duration_seconds_count{transport="events"}[$__rate_interval])) > 0) - sum(rate(trichrome_gateway_call_duration_seconds_sum{transport="events"}[$__rate_interval])) / (sum(rate(trichrome_gateway_call_duration_seconds_count{transport="events"}[$__rate_interval])) > 0)"#,
                    "both ways",
                ),
        ],
    }
}
