//! The service level objectives, and how fast their error budgets are spent.

use super::{
    Dashboard, Row,
    panel::{Panel, Unit},
};

pub(super) fn dashboard() -> Dashboard {
    Dashboard {
        name: "slo",
        title: "Trichrome: objectives",
        about: "99.5 % of requests do not fail, 99 % are answered within a second, over 30 days. \
                The rules are in deploy/observability/prometheus/rules.",
        variables: &[],
        rows: vec![now(), burn(), ratios()],
    }
}

fn now() -> Row {
    Row {
        title: "Now",
        panels: vec![
            Panel::number("Error budget left, of 30 days", Unit::Share)
                .help("100 %: nothing failed. 0 %: the objective is just met. Below: it is missed.")
                .query("slo:trichrome_budget:left30d", "{{slo}}")
                .red_below(&[(0.0, "orange"), (0.25, "green")])
                .size(16, 5),
            Panel::number("Alerts that fire", Unit::Count)
                .query(
                    r#"count(ALERTS{alertname=~"Trichrome.+", alertstate="firing"}) or vector(0)"#,
                    "alerts",
                )
                .thresholds(&[(1.0, "red")])
                .size(8, 5),
            Panel::table("Objectives")
                .size(24, 6)
                .query("max by (slo) (slo:trichrome:objective)", "")
                .query("1 - max by (slo) (slo:trichrome_bad:ratio_rate1h)", "")
                .query("1 - max by (slo) (slo:trichrome_bad:ratio_rate1d)", "")
                .query("1 - max by (slo) (slo:trichrome_bad:ratio_rate30d)", "")
                .query("max by (slo) (slo:trichrome_budget:left30d)", "")
                .column("A", "objective", Unit::Share)
                .column("B", "last hour", Unit::Share)
                .column("C", "last day", Unit::Share)
                .column("D", "last 30 days", Unit::Share)
                .column("E", "budget left", Unit::Share),
        ],
    }
}

fn burn() -> Row {
    Row {
        title: "Burn rates: at 1, the budget lasts its 30 days",
        panels: vec![
            Panel::graph("Fast: one hour and five minutes", Unit::Count)
                .help("Pages above 14.4 in both: two per cent of the budget within an hour.")
                .query("slo:trichrome_burn:rate1h", "{{slo}} 1 h")
                .query("slo:trichrome_burn:rate5m", "{{slo}} 5 min")
                .thresholds(&[(14.4, "red")]),
            Panel::graph("Steady: six hours and thirty minutes", Unit::Count)
                .help("Pages above 6 in both: five per cent of the budget within six hours.")
                .query("slo:trichrome_burn:rate6h", "{{slo}} 6 h")
                .query("slo:trichrome_burn:rate30m", "{{slo}} 30 min")
                .thresholds(&[(6.0, "red")]),
            Panel::graph("Slow: one and three days", Unit::Count)
                .help("Makes a ticket above 3 in a day and two hours, or 1 in three days and six hours.")
                .query("slo:trichrome_burn:rate1d", "{{slo}} 1 d")
                .query("slo:trichrome_burn:rate2h", "{{slo}} 2 h")
                .query("slo:trichrome_burn:rate3d", "{{slo}} 3 d")
                .thresholds(&[(1.0, "orange"), (3.0, "red")]),
        ],
    }
}

fn ratios() -> Row {
    Row {
        title: "What they are made of",
        panels: vec![
            Panel::graph("Requests that count", Unit::PerSecond)
                .query("slo:trichrome_requests:rate5m", "{{slo}}")
                .size(12, 8),
            Panel::graph("Bad requests", Unit::Share)
                .help("Failed, or slower than a second.")
                .query("slo:trichrome_bad:ratio_rate5m", "{{slo}}")
                .up_to(1.0)
                .size(12, 8),
        ],
    }
}
