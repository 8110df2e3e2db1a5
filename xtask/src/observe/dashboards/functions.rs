//! What the functions do, seen from the gateway that invokes them.

use super::{
    Dashboard, OPERATION, Row,
    panel::{Panel, Unit},
};

pub(super) fn dashboard() -> Dashboard {
    Dashboard {
        name: "functions",
        title: "Trichrome: functions",
        about: "Each function's invocations by the gateway. What came straight through API Gateway \
                is in CloudWatch, under the namespace Trichrome.",
        variables: &[OPERATION],
        rows: vec![invocations(), times(), each()],
    }
}

fn invocations() -> Row {
    Row {
        title: "Invocations",
        panels: vec![
            Panel::graph("Invocations by function", Unit::PerSecond)
                .query(
                    r#"sum by (operation) (rate(trichrome_gateway_invokes_total{operation=~"$operation"}[$__rate_interval]))"#,
                    "{{operation}}",
                )
                .stacked(),
            Panel::graph("Invocations by outcome", Unit::PerSecond)
                .help(
                    "ok: the function answered, were it with an error of its own. throttled: \
                     Lambda had no room. unavailable: it could not be reached. busy: the gateway \
                     had no room for it, so it was never made.",
                )
                .query(
                    r#"sum by (outcome) (rate(trichrome_gateway_invokes_total{operation=~"$operation"}[$__rate_interval]))"#,
                    "{{outcome}}",
                ),
            Panel::graph("Invocations that failed", Unit::Share)
                .query(
                    r#"sum by (operation) (rate(trichrome_gateway_invokes_total{operation=~"$operation", outcome!="ok"}[$__rate_interval])) / (sum by (operation) (rate(trichrome_gateway_invokes_total{operation=~"$operation"}[$__rate_interval])) > 0)"#,
                    "{{operation}}",
                )
                .up_to(1.0)
                .thresholds(&[(0.005, "red")]),
            Panel::graph("Calls answered with 5xx", Unit::PerSecond)
                .query(
                    r#"sum by (operation) (rate(trichrome_gateway_calls_total{operation=~"$operation", status="5xx"}[$__rate_interval]))"#,
                    "{{operation}}",
                ),
            Panel::graph("Repeats", Unit::PerSecond)
                .help(
                    "A failed call that came over Kafka is tried up to five times, a read over gRPC \
                     that failed on its way twice.",
                )
                .query(
                    r#"sum by (operation) (rate(trichrome_gateway_call_retries_total{operation=~"$operation"}[$__rate_interval]))"#,
                    "{{operation}}",
                ),
            Panel::graph("Invocations under way", Unit::Count)
                .help("On average, by Little's law: invocations a second, times how long each takes.")
                .query(
                    r#"sum by (operation) (rate(trichrome_gateway_invoke_duration_seconds_sum{operation=~"$operation"}[$__rate_interval]))"#,
                    "{{operation}}",
                )
                .stacked(),
        ],
    }
}

fn times() -> Row {
    Row {
        title: "Times",
        panels: vec![
            Panel::graph("Time of an invocation, median", Unit::Seconds)
                .query(
                    r#"histogram_quantile(0.5, sum by (le, operation) (rate(trichrome_gateway_invoke_duration_seconds_bucket{operation=~"$operation"}[$__rate_interval])))"#,
                    "{{operation}}",
                ),
            Panel::graph("Time of an invocation, 99th percentile", Unit::Seconds)
                .help("The dots are single invocations: click one for its trace.")
                .query(
                    r#"histogram_quantile(0.99, sum by (le, operation) (rate(trichrome_gateway_invoke_duration_seconds_bucket{operation=~"$operation"}[$__rate_interval])))"#,
                    "{{operation}}",
                )
                .exemplars()
                .thresholds(&[(1.0, "red")]),
            Panel::graph("What the gateway adds", Unit::Seconds)
                .help(
                    "The mean of a call less the mean of its invocation: decoding, waiting for a \
                     place, repeats, encoding.",
                )
                .query(
                    r#"sum by (operation) (rate(trichrome_gateway_call_duration_seconds_sum{operation=~"$operation"}[$__rate_interval])) / (sum by (operation) (rate(trichrome_gateway_call_duration_seconds_count{operation=~"$operation"}[$__rate_interval])) > 0) - sum by (operation) (rate(trichrome_gateway_invoke_duration_seconds_sum{operation=~"$operation"}[$__rate_interval])) / (sum by (operation) (rate(trichrome_gateway_invoke_duration_seconds_count{operation=~"$operation"}[$__rate_interval])) > 0)"#,
                    "{{operation}}",
                ),
            Panel::heatmap("Times of invocations")
                .size(24, 9)
                .query(
                    r#"sum by (le) (increase(trichrome_gateway_invoke_duration_seconds_bucket{operation=~"$operation"}[$__rate_interval]))"#,
                    "{{le}}",
                )
                .exemplars(),
        ],
    }
}

fn each() -> Row {
    Row {
        title: "Each function",
        panels: vec![
            Panel::table("Functions over the shown time")
                .size(24, 12)
                .query(
                    r#"sum by (operation) (increase(trichrome_gateway_invokes_total{operation=~"$operation"}[$__range]))"#,
                    "",
                )
                .query(
                    r#"sum by (operation) (increase(trichrome_gateway_invokes_total{operation=~"$operation", outcome!="ok"}[$__range]))"#,
                    "",
                )
                .query(
                    r#"histogram_quantile(0.5, sum by (le, operation) (rate(trichrome_gateway_invoke_duration_seconds_bucket{operation=~"$operation"}[$__range])))"#,
                    "",
                )
                .query(
                    r#"histogram_quantile(0.95, sum by (le, operation) (rate(trichrome_gateway_invoke_duration_seconds_bucket{operation=~"$operation"}[$__range])))"#,
                    "",
                )
                .query(
                    r#"histogram_quantile(0.99, sum by (le, operation) (rate(trichrome_gateway_invoke_duration_seconds_bucket{operation=~"$operation"}[$__range])))"#,
                    "",
                )
                .column("A", "invocations", Unit::Count)
                .column("B", "not ok", Unit::Count)
                .column("C", "p50", Unit::Seconds)
                .column("D", "p95", Unit::Seconds)
                .column("E", "p99", Unit::Seconds),
        ],
    }
}
