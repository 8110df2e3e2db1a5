//! How the service does, by transport.

use super::{
    Dashboard, OPERATION, Row, TRANSPORT,
    panel::{Panel, Unit},
};

pub(super) fn dashboard() -> Dashboard {
    Dashboard {
        name: "overview",
        title: "Trichrome: overview",
        about: "Requests, failures and times by transport, seen from the gateway.",
        variables: &[TRANSPORT, OPERATION],
        rows: vec![now(), facade(), calls(), process(), evidence()],
    }
}

fn now() -> Row {
    Row {
        title: "Now",
        panels: vec![
            Panel::number("Requests", Unit::PerSecond)
                .help("What the facade answers, over the chosen transports.")
                .query(
                    r#"sum(rate(trichrome_gateway_facade_requests_total{transport=~"$transport"}[$__rate_interval]))"#,
                    "requests",
                ),
            Panel::number("Failures", Unit::Share)
                .help("The share answered with 5xx. The objective allows 0.5 %.")
                .query(
                    r#"(sum(rate(trichrome_gateway_facade_requests_total{transport=~"$transport", status="5xx"}[$__rate_interval])) or vector(0)) / (sum(rate(trichrome_gateway_facade_requests_total{transport=~"$transport"}[$__rate_interval])) > 0)"#,
                    "failures",
                )
                .thresholds(&[(0.005, "orange"), (0.05, "red")]),
            Panel::number("95 % answer within", Unit::Seconds)
                .query(
                    r#"histogram_quantile(0.95, sum by (le) (rate(trichrome_gateway_facade_duration_seconds_bucket{transport=~"$transport"}[$__rate_interval])))"#,
                    "p95",
                )
                .thresholds(&[(0.5, "orange"), (1.0, "red")]),
            Panel::number("In flight", Unit::Count)
                .help("Facade requests under way.")
                .query(
                    r#"sum(trichrome_gateway_facade_in_flight{transport=~"$transport"})"#,
                    "requests",
                ),
            Panel::number("Budget left", Unit::Share)
                .help("The least of the objectives' error budgets for 30 days.")
                .query("min(slo:trichrome_budget:left30d)", "left")
                .red_below(&[(0.0, "orange"), (0.5, "green")]),
            Panel::number("Gateways", Unit::Count)
                .help("That answer Prometheus.")
                .query(r#"sum(up{job="gateway"})"#, "up")
                .red_below(&[(1.0, "green")]),
        ],
    }
}

fn facade() -> Row {
    Row {
        title: "Facade: what the web app sees",
        panels: vec![
            Panel::graph("Requests by transport", Unit::PerSecond)
                .query(
                    r#"sum by (transport) (rate(trichrome_gateway_facade_requests_total{transport=~"$transport"}[$__rate_interval]))"#,
                    "{{transport}}",
                )
                .stacked(),
            Panel::graph("Answers that refuse or fail", Unit::PerSecond)
                .help("4xx: the caller's mistake. 5xx: ours.")
                .query(
                    r#"sum by (transport, status) (rate(trichrome_gateway_facade_requests_total{transport=~"$transport", status!="2xx"}[$__rate_interval]))"#,
                    "{{transport}} {{status}}",
                ),
            Panel::graph("Requests in flight", Unit::Count)
                .query(
                    r#"sum by (transport) (trichrome_gateway_facade_in_flight{transport=~"$transport"})"#,
                    "{{transport}}",
                )
                .stacked(),
            Panel::graph("Time by transport", Unit::Seconds)
                .help("The dots are single requests: click one for its trace.")
                .size(12, 9)
                .query(
                    r#"histogram_quantile(0.5, sum by (le, transport) (rate(trichrome_gateway_facade_duration_seconds_bucket{transport=~"$transport"}[$__rate_interval])))"#,
                    "{{transport}} p50",
                )
                .query(
                    r#"histogram_quantile(0.99, sum by (le, transport) (rate(trichrome_gateway_facade_duration_seconds_bucket{transport=~"$transport"}[$__rate_interval])))"#,
                    "{{transport}} p99",
                )
                .exemplars()
                .thresholds(&[(1.0, "red")]),
            Panel::heatmap("Times")
                .size(12, 9)
                .query(
                    r#"sum by (le) (increase(trichrome_gateway_facade_duration_seconds_bucket{transport=~"$transport"}[$__rate_interval]))"#,
                    "{{le}}",
                )
                .exemplars(),
            by_operation(
                "By operation",
                "trichrome_gateway_facade_requests_total",
                "trichrome_gateway_facade_duration_seconds_bucket",
                r#"transport=~"$transport", operation=~"$operation""#,
            )
            .help("other: requests that are for no operation."),
        ],
    }
}

/// What each operation has to do, and how it does it: of the series with these labels of a
/// counter and of a histogram's buckets.
fn by_operation(title: &'static str, counter: &str, buckets: &str, labels: &str) -> Panel {
    let rate = |status: &str| {
        format!("sum by (operation) (rate({counter}{{{labels}{status}}}[$__range]))")
    };
    let all = rate("");
    let share = |status: &str| format!("{} / ({all} > 0)", rate(status));
    let quantile = |share: &str| {
        format!(
            "histogram_quantile({share}, sum by (le, operation) (rate({buckets}{{{labels}}}[$__range])))"
        )
    };
    Panel::table(title)
        .size(24, 9)
        .query(&format!("{all} > 0"), "")
        .query(&share(r#", status="4xx""#), "")
        .query(&share(r#", status="5xx""#), "")
        .query(&quantile("0.5"), "")
        .query(&quantile("0.95"), "")
        .column("A", "calls", Unit::PerSecond)
        .column("B", "refused", Unit::Share)
        .column("C", "failed", Unit::Share)
        .column("D", "p50", Unit::Seconds)
        .column("E", "p95", Unit::Seconds)
}

fn calls() -> Row {
    Row {
        title: "Calls over gRPC and Kafka, the facade's own among them",
        panels: vec![
            Panel::graph("Calls", Unit::PerSecond)
                .query(
                    r#"sum by (transport) (rate(trichrome_gateway_calls_total{operation=~"$operation"}[$__rate_interval]))"#,
                    "{{transport}}",
                )
                .stacked(),
            Panel::graph("Time of calls", Unit::Seconds)
                .query(
                    r#"histogram_quantile(0.5, sum by (le, transport) (rate(trichrome_gateway_call_duration_seconds_bucket{operation=~"$operation"}[$__rate_interval])))"#,
                    "{{transport}} p50",
                )
                .query(
                    r#"histogram_quantile(0.99, sum by (le, transport) (rate(trichrome_gateway_call_duration_seconds_bucket{operation=~"$operation"}[$__rate_interval])))"#,
                    "{{transport}} p99",
                )
                .exemplars(),
            Panel::graph("Calls in flight", Unit::Count)
                .query(
                    "sum by (transport) (trichrome_gateway_calls_in_flight)",
                    "{{transport}}",
                )
                .stacked(),
            by_operation(
                "Calls by operation",
                "trichrome_gateway_calls_total",
                "trichrome_gateway_call_duration_seconds_bucket",
                r#"operation=~"$operation""#,
            ),
        ],
    }
}

fn process() -> Row {
    Row {
        title: "The gateway's process",
        panels: vec![
            Panel::graph("CPU", Unit::Cores)
                .help("Cores kept busy.")
                .size(6, 7)
                .query(
                    r#"rate(process_cpu_seconds_total{job="gateway"}[$__rate_interval])"#,
                    "{{instance}}",
                ),
            Panel::graph("Memory", Unit::Bytes).size(6, 7).query(
                r#"process_resident_memory_bytes{job="gateway"}"#,
                "{{instance}} resident",
            ),
            Panel::graph("Open files", Unit::Share)
                .help("Of those that the system allows.")
                .size(6, 7)
                .query(
                    r#"process_open_fds{job="gateway"} / process_max_fds{job="gateway"}"#,
                    "{{instance}}",
                )
                .up_to(1.0)
                .thresholds(&[(0.8, "red")]),
            Panel::graph("Tasks", Unit::Count)
                .help("Alive on the async runtime, and those that wait for one of its threads.")
                .size(6, 7)
                .query("trichrome_gateway_tokio_alive_tasks", "{{instance}} alive")
                .query(
                    "trichrome_gateway_tokio_global_queue_depth",
                    "{{instance}} queued",
                ),
            Panel::number("Up for", Unit::Seconds)
                .query(
                    r#"time() - process_start_time_seconds{job="gateway"}"#,
                    "{{instance}}",
                )
                .size(6, 4),
            Panel::number("Version", Unit::Count)
                .query("trichrome_gateway_build_info", "{{version}}")
                .named()
                .size(6, 4),
            Panel::number("Threads", Unit::Count)
                .query(r#"process_threads{job="gateway"}"#, "{{instance}} all")
                .query("trichrome_gateway_tokio_workers", "{{instance}} async")
                .size(12, 4),
        ],
    }
}

fn evidence() -> Row {
    Row {
        title: "Traces and logs",
        panels: vec![
            Panel::traces("Recent traces", "gateway").size(12, 10),
            Panel::logs("Warnings and errors", "log.level:(warn OR error)")
                .help("A line's trace id leads to its trace.")
                .size(12, 10),
        ],
    }
}
