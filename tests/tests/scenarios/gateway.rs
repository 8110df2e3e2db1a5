//! The gateway's own pages: health, readiness, metrics, the OpenAPI document, and CORS.

use std::{collections::HashMap, path::Path};

use anyhow::{Context as _, Result, ensure};
use serde_json::{Value, json};
use trichrome_proto::{
    error::ErrorCode,
    wire::header::{AUTHORIZATION, REQUEST_ID},
};
use trichrome_tests::{
    clients::http::Answer,
    harness::Suite,
    scenario::Scenario,
    traces::are_sent,
    transport::Transport,
    wait::{SOON, eventually},
};
use uuid::Uuid;

pub(crate) fn add(suite: &mut Suite) {
    suite.once("gateway::is_alive_and_ready", health);
    suite.once("gateway::metrics_count_calls", metrics);
    suite.given(are_sent(), "no spans are sent", |suite| {
        suite.once("gateway::metrics_have_exemplars_with_traces", exemplars);
    });
    suite.once(
        "gateway::metrics_cover_invocations_and_the_process",
        process,
    );
    suite.once("gateway::serves_the_contracts_openapi_document", openapi);
    suite.once("gateway::allows_only_its_own_page_to_read_responses", cors);
    suite.once("gateway::every_response_has_a_request_id", request_ids);
    suite.once("gateway::rate_limits_of_the_contract_apply", rate_limit);
}

async fn get(run: &Scenario, path: &str) -> Result<Answer> {
    let stack = run.stack();
    let url = format!("{}{path}", stack.description.gateway_url);
    stack.http.get(&url).await
}

/// The metrics as a browser or an older scraper gets them.
async fn metrics_page(run: &Scenario) -> Result<Answer> {
    let stack = run.stack();
    let url = format!("{}/metrics", stack.description.admin_url);
    stack.http.get(&url).await
}

async fn health(run: Scenario) -> Result<()> {
    let alive = get(&run, "/healthz").await?;
    ensure!(alive.status == 200, "{} {}", alive.status, alive.start());
    // A check may time out once under load.
    eventually(SOON, async || {
        let ready = get(&run, "/readyz").await?;
        ensure!(ready.status == 200, "{} {}", ready.status, ready.start());
        let report = ready.json()?;
        ensure!(report["ready"] == true, "{report}");
        let checks = report["checks"].as_object().context("no checks")?;
        ensure!(checks.len() >= 2, "checks of {:?}", checks.keys());
        ensure!(checks.values().all(|check| check == "ok"), "{report}");
        Ok(())
    })
    .await
}

/// Parses a page of metrics into samples by name and labels.
fn samples(page: &str) -> Result<HashMap<String, f64>> {
    let mut samples = HashMap::new();
    for line in page
        .lines()
        .filter(|line| !line.starts_with('#') && !line.is_empty())
    {
        let (name, value) = line.rsplit_once(' ').with_context(|| line.to_owned())?;
        let value: f64 = value.parse().with_context(|| line.to_owned())?;
        ensure!(value.is_finite(), "{line}");
        let twice = samples.insert(name.to_owned(), value).is_some();
        ensure!(!twice, "{name} appears twice");
    }
    Ok(samples)
}

/// The sum of a metric's samples with all of these labels.
fn sum(samples: &HashMap<String, f64>, metric: &str, labels: &[(&str, &str)]) -> f64 {
    let wanted: Vec<_> = labels
        .iter()
        .map(|(name, value)| format!("{name}=\"{value}\""))
        .collect();
    samples
        .iter()
        .filter(|(name, _)| name.split('{').next() == Some(metric))
        .filter(|(name, _)| wanted.iter().all(|label| name.contains(label)))
        .map(|(_, value)| value)
        .sum()
}

async fn metrics(run: Scenario) -> Result<()> {
    let account = run.account().await?;
    let page = async || {
        let page = metrics_page(&run).await?;
        ensure!(page.status == 200, "{} {}", page.status, page.start());
        let kind = page.header("content-type").to_owned();
        let known = kind.starts_with("text/plain") || kind.starts_with("application/openmetrics");
        ensure!(known, "the content type is {kind:?}");
        samples(std::str::from_utf8(&page.body)?)
    };
    for (transport, logged_as) in [(Transport::Grpc, "grpc"), (Transport::Kafka, "events")] {
        let calls = [
            ("transport", logged_as),
            ("operation", "users-get"),
            ("status", "2xx"),
        ];
        let before = sum(&page().await?, "trichrome_gateway_calls_total", &calls);
        let args = json!({"user_id": account.id});
        let call = run.call_over(transport, "users-get", args)?.by(&account);
        call.send().await?.ok()?;
        eventually(SOON, async || {
            let now = page().await?;
            let count = sum(&now, "trichrome_gateway_calls_total", &calls);
            ensure!(count > before, "{transport}: {before}, and still {count}");
            let timed = sum(
                &now,
                "trichrome_gateway_call_duration_seconds_count",
                &calls[..2],
            );
            ensure!(
                timed >= count,
                "{transport}: {count} calls, {timed} durations"
            );
            Ok(())
        })
        .await?;
    }
    let now = page().await?;
    // Labels with values from callers would let them exhaust the memory.
    let strange = now.keys().find(|name| name.contains(&account.id));
    ensure!(strange.is_none(), "{strange:?}");
    Ok(())
}

/// Fetches the metrics like a scraper that supports exemplars.
async fn openmetrics(run: &Scenario) -> Result<String> {
    let url = format!("{}/metrics", run.stack().description.admin_url);
    let accept = [("accept", "application/openmetrics-text; version=1.0.0")];
    let answer = run.stack().http.send("GET", &url, &accept, "").await?;
    let kind = answer.header("content-type");
    ensure!(kind.starts_with("application/openmetrics-text"), "{kind}");
    Ok(String::from_utf8(answer.body.to_vec())?)
}

async fn exemplars(run: Scenario) -> Result<()> {
    let account = run.account().await?;
    eventually(SOON, async || {
        // A bucket keeps only its last exemplar, and other tests make calls too, so this one
        // repeats.
        let trace = Uuid::new_v4();
        let args = json!({"user_id": account.id});
        let call = run.call_over(Transport::Grpc, "users-get", args)?;
        call.by(&account).trace(trace).send().await?.ok()?;
        let page = openmetrics(&run).await?;
        let exemplar = format!("# {{trace_id=\"{}\"}}", trace.simple());
        for metric in ["call_duration_seconds", "invoke_duration_seconds"] {
            let start = format!("trichrome_gateway_{metric}_bucket");
            let named = page
                .lines()
                .any(|line| line.starts_with(&start) && line.contains(&exemplar));
            ensure!(named, "no {start} has the trace {trace}");
        }
        Ok(())
    })
    .await
}

async fn process(run: Scenario) -> Result<()> {
    let account = run.account().await?;
    let args = json!({"user_id": account.id});
    let call = run.call_over(Transport::Grpc, "users-get", args)?;
    call.by(&account).send().await?.ok()?;
    let page = metrics_page(&run).await?;
    let now = samples(std::str::from_utf8(&page.body)?)?;
    let invoked = [("operation", "users-get"), ("outcome", "ok")];
    for (metric, labels) in [
        ("trichrome_gateway_invokes_total", invoked.as_slice()),
        ("trichrome_gateway_build_info", &[]),
        ("trichrome_gateway_tokio_workers", &[]),
        ("process_resident_memory_bytes", &[]),
        ("process_cpu_seconds_total", &[]),
        ("process_open_fds", &[]),
    ] {
        let value = sum(&now, metric, labels);
        ensure!(value > 0.0, "{metric} is {value}");
    }
    Ok(())
}

async fn openapi(run: Scenario) -> Result<()> {
    for name in ["openapi.json", "asyncapi.json"] {
        let served = get(&run, &format!("/{name}")).await?;
        ensure!(served.status == 200, "/{name}: {}", served.status);
        let path = Path::new(env!("CARGO_MANIFEST_DIR"))
            .join("../proto")
            .join(name);
        let committed: Value = serde_json::from_slice(&std::fs::read(path)?)?;
        ensure!(
            served.json()? == committed,
            "/{name} differs from proto/{name}"
        );
    }
    let docs = get(&run, "/docs").await?;
    ensure!(
        docs.status == 200,
        "/docs: {} {}",
        docs.status,
        docs.start()
    );
    ensure!(
        docs.header("content-type").starts_with("text/html"),
        "{:?}",
        docs.headers
    );
    Ok(())
}

/// The origin of the web app's development server.
const OWN_PAGE: &str = "http://localhost:5173";

async fn cors(run: Scenario) -> Result<()> {
    let description = &run.stack().description;
    let facade = format!("{}/rest/login", description.gateway_url);
    let web = format!("{}/auth.Auth/Login", description.grpc_url);
    for (url, exposed) in [(facade, "next-cursor"), (web, "grpc-status")] {
        for origin in [OWN_PAGE, "https://strange.example"] {
            let headers = [
                ("origin", origin),
                ("access-control-request-method", "POST"),
                (
                    "access-control-request-headers",
                    "authorization,content-type",
                ),
            ];
            let expected = if origin == OWN_PAGE { OWN_PAGE } else { "" };
            for method in ["OPTIONS", "POST"] {
                let answer = run.stack().http.send(method, &url, &headers, "{}").await?;
                let allowed = answer.header("access-control-allow-origin");
                ensure!(
                    allowed == expected,
                    "{method} {url} from {origin}: {allowed:?}"
                );
                if origin == OWN_PAGE && method == "OPTIONS" {
                    let headers = answer.header("access-control-allow-headers");
                    ensure!(headers.contains(AUTHORIZATION), "{url}: {headers:?}");
                }
                if origin == OWN_PAGE && method == "POST" {
                    let readable = answer.header("access-control-expose-headers");
                    ensure!(readable.contains(exposed), "{url}: {readable:?}");
                }
            }
        }
    }
    Ok(())
}

async fn request_ids(run: Scenario) -> Result<()> {
    let stack = run.stack();
    for transport in Transport::ALL {
        let Some(base) = transport.base_url(stack) else {
            continue;
        };
        let url = format!("{base}/users/{}", Uuid::new_v4());
        // Missing and invalid ids are replaced by a new one.
        for given in [None, Some("two words"), Some("x\u{9}y")] {
            let header = given.map(|given| (REQUEST_ID, given));
            let answer = stack.http.send("GET", &url, header.as_slice(), "").await?;
            let id = answer.header(REQUEST_ID);
            ensure!(
                !id.is_empty() && Some(id) != given,
                "{transport}: {given:?} became {id:?}"
            );
            let named = &answer.json()?["error"]["request_id"];
            ensure!(
                named == id,
                "{transport}: the error has {named}, the header {id}"
            );
        }
    }
    Ok(())
}

/// Guessing passwords is limited, with a matching error.
async fn rate_limit(run: Scenario) -> Result<()> {
    let account = run.account().await?;
    let args = json!({"username": account.username, "password": "a guess"});
    let calls = (0..60).map(async |_| {
        let call = run.call_over(Transport::Grpc, "users-validate-password", args.clone())?;
        Ok::<_, anyhow::Error>(call.send_once().await?.code())
    });
    let codes = futures::future::try_join_all(calls).await?;
    let count = |wanted| codes.iter().filter(|&&code| code == Some(wanted)).count();
    let limited = count(ErrorCode::ResourceExhausted);
    // Hashing is slow on purpose, so on a busy machine some allowed calls time out.
    let let_through = count(ErrorCode::Unauthenticated) + count(ErrorCode::DeadlineExceeded);
    ensure!(limited + let_through == 60, "{codes:?}");
    ensure!(limited >= 10 && let_through >= 1, "{limited} of 60 limited");
    Ok(())
}
