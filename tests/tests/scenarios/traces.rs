//! A call has one trace on every transport, from the caller's span down to the stores.

use std::time::{SystemTime, UNIX_EPOCH};

use anyhow::{Context as _, Result, ensure};
use serde_json::{Value, json};
use trichrome_proto::wire::header::TRACEPARENT;
use trichrome_tests::{
    harness::Suite, images::Format, request::SPAN, scenario::Scenario, traces::are_sent,
    transport::Transport,
};
use trichrome_traces::{Kind, Span};
use uuid::Uuid;

pub(crate) fn add(suite: &mut Suite) {
    suite.given(are_sent(), "no spans are sent", |suite| {
        suite.each("traces::an_upload_is_one_trace", upload);
        suite.each("traces::a_read_reaches_postgres", analytics);
        suite.each("traces::a_refused_call_is_a_trace_too", refused);
        suite.once("traces::an_unsampled_call_has_no_spans", unsampled);
        suite.once("traces::api_gateways_trace_is_continued", xray);
    });
}

/// An expected span: service, kind and name.
type Step = (&'static str, Kind, String);

/// The spans of a call from its caller to its function, outermost first.
fn path_of(transport: Transport, function: &'static str, names: &Names) -> Vec<Step> {
    let Names {
        method,
        path,
        rpc,
        topic,
    } = names;
    let rest = format!("{method} {path}");
    let facade = |name: &str| ("gateway", Kind::Server, format!("{method} /{name}{path}"));
    let grpc = ("gateway", Kind::Server, (*rpc).to_owned());
    let record = ("gateway", Kind::Consumer, format!("process {topic}"));
    let invoke = ("gateway", Kind::Client, "Lambda.Invoke".to_owned());
    let served = (function, Kind::Server, rest.clone());
    match transport {
        Transport::Rest => vec![served],
        Transport::FacadeRest => {
            vec![facade("rest"), ("gateway", Kind::Client, rest), served]
        }
        Transport::FacadeGrpc => {
            let client = ("gateway", Kind::Client, (*rpc).to_owned());
            vec![facade("grpc"), client, grpc, invoke, served]
        }
        Transport::FacadeEvents => {
            let sent = ("gateway", Kind::Producer, format!("send {topic}"));
            vec![facade("events"), sent, record, invoke, served]
        }
        Transport::Grpc => vec![grpc, invoke, served],
        Transport::Kafka => vec![record, invoke, served],
    }
}

/// The names of an operation in spans.
struct Names {
    method: &'static str,
    path: &'static str,
    rpc: &'static str,
    topic: &'static str,
}

const UPLOAD: Names = Names {
    method: "POST",
    path: "/pictures",
    rpc: "pictures.Pictures/CreateUserPicture",
    topic: "pictures",
};

const READ: Names = Names {
    method: "GET",
    path: "/analytics",
    rpc: "analytics.Analytics/GetLog",
    topic: "analytics",
};

/// Follows the expected spans down from the caller's; returns the function's span.
fn follow<'a>(spans: &'a [Span], steps: &[Step]) -> Result<&'a Span> {
    let mut parent = SPAN;
    let mut last = None;
    for (service, kind, name) in steps {
        let found = spans.iter().find(|span| {
            span.parent_span_id == parent
                && span.service == *service
                && span.kind == *kind
                && span.name == *name
        });
        let found =
            found.with_context(|| format!("no {service} {kind:?} {name:?} below {parent}"))?;
        parent = &found.span_id;
        last = Some(found);
    }
    last.context("no steps")
}

fn below<'a>(spans: &'a [Span], parent: &Span, name: &str) -> Result<&'a Span> {
    spans
        .iter()
        .find(|span| span.parent_span_id == parent.span_id && span.name.starts_with(name))
        .with_context(|| format!("no {name} below {}", parent.name))
}

fn has(span: &Span, attributes: &[(&str, Value)]) -> Result<()> {
    for (name, expected) in attributes {
        let actual = span.attributes.get(*name);
        ensure!(
            actual == Some(expected),
            "{} {}: {name} is {actual:?}, expected {expected}",
            span.service,
            span.name
        );
    }
    Ok(())
}

/// Checks that every span has exactly one parent.
fn is_one_tree(spans: &[Span]) -> Result<()> {
    for span in spans {
        let parents = spans
            .iter()
            .filter(|parent| parent.span_id == span.parent_span_id)
            .count();
        let expected = usize::from(span.parent_span_id != SPAN);
        ensure!(
            parents == expected,
            "{} {} has {parents} parents",
            span.service,
            span.name
        );
        ensure!(
            span.end_nanos >= span.start_nanos,
            "{} ends first",
            span.name
        );
        ensure!(
            span.resource["service.namespace"] == "trichrome",
            "{}",
            span.service
        );
    }
    Ok(())
}

/// Checks the attributes of the transport's spans.
fn check_transport(spans: &[Span], transport: Transport, names: &Names, status: u16) -> Result<()> {
    let of = |kind: Kind, name: &str| {
        spans
            .iter()
            .find(|span| span.service == "gateway" && span.kind == kind && span.name == name)
            .with_context(|| format!("no gateway {kind:?} {name}"))
    };
    if let Some(name) = transport.facade() {
        let route = format!("/{name}{}", names.path);
        has(
            of(Kind::Server, &format!("{} {route}", names.method))?,
            &[
                ("http.request.method", json!(names.method)),
                ("http.route", json!(route)),
                ("http.response.status_code", json!(status)),
            ],
        )?;
    }
    if matches!(transport, Transport::FacadeGrpc | Transport::Grpc) {
        let rpc = [
            ("rpc.system.name", json!("grpc")),
            ("rpc.method", json!(names.rpc)),
        ];
        has(of(Kind::Server, names.rpc)?, &rpc)?;
    }
    if matches!(transport, Transport::FacadeEvents | Transport::Kafka) {
        let record = of(Kind::Consumer, &format!("process {}", names.topic))?;
        has(
            record,
            &[
                ("messaging.system", json!("kafka")),
                ("messaging.operation.type", json!("process")),
                ("messaging.destination.name", json!(names.topic)),
            ],
        )?;
        let answer = below(spans, record, "send results")?;
        ensure!(answer.kind == Kind::Producer, "{answer:?}");
    }
    Ok(())
}

async fn upload(run: Scenario) -> Result<()> {
    let account = run.account().await?;
    let picture = Format::Png.photo();
    let call = async || {
        let trace = Uuid::new_v4();
        let args = json!({"title": "traced", "base64": picture.base64()});
        let call = run.call("pictures-create", args)?.by(&account).trace(trace);
        call.send().await?.ok()?;
        Ok(trace)
    };
    let transport = run.transport();
    let steps = path_of(transport, "pictures-create", &UPLOAD);
    let complete = |spans: &[Span]| {
        let function = follow(spans, &steps)?;
        below(spans, function, "S3.PutObject")?;
        below(spans, function, "DynamoDB.")?;
        check_transport(spans, transport, &UPLOAD, 201)?;
        // The function sends the entry to a queue.
        if transport.logged_as() == "rest" {
            let sent = below(spans, function, "send ")?;
            ensure!(sent.kind == Kind::Producer, "{sent:?}");
            has(sent, &[("messaging.system", json!("aws_sqs"))])?;
        }
        is_one_tree(spans)
    };
    let spans = run.stack().traces.of_call(call, complete).await?;

    let function = follow(&spans, &steps)?;
    let trigger = match transport.logged_as() {
        "events" => "pubsub",
        _ => "http",
    };
    has(
        function,
        &[
            ("faas.trigger", json!(trigger)),
            ("http.request.method", json!("POST")),
            ("http.route", json!("/pictures")),
            ("http.response.status_code", json!(201)),
        ],
    )?;
    ensure!(
        function.attributes["faas.coldstart"].is_boolean(),
        "no faas.coldstart"
    );
    ensure!(
        function.resource["faas.name"] == "pictures-create",
        "{function:?}"
    );
    let description = &run.stack().description;
    has(
        below(&spans, function, "S3.PutObject")?,
        &[
            ("rpc.system.name", json!("aws-api")),
            ("rpc.method", json!("S3/PutObject")),
            ("aws.s3.bucket", json!(description.pictures_bucket)),
        ],
    )?;
    for (name, table) in [
        ("DynamoDB.GetItem", &description.users_table),
        ("DynamoDB.TransactWriteItems", &description.pictures_table),
    ] {
        has(
            below(&spans, function, name)?,
            &[
                ("rpc.system.name", json!("aws-api")),
                ("db.system.name", json!("aws.dynamodb")),
                ("db.collection.name", json!(table)),
            ],
        )?;
    }
    let leaked = spans.iter().find(|span| {
        let text = format!("{:?}", span.attributes);
        text.contains(&account.token) || text.contains(&picture.base64())
    });
    ensure!(leaked.is_none(), "a token or a picture is in {leaked:?}");
    // A user's first picture finds no counter of what they store: that transaction is refused.
    let uncounted = |span: &Span| {
        span.name == "DynamoDB.TransactWriteItems" && span.attributes["error.type"] == "400"
    };
    let mut failed = spans.iter().filter(|span| span.error && !uncounted(span));
    let failed = failed.next();
    ensure!(failed.is_none(), "{failed:?}");
    Ok(())
}

async fn analytics(run: Scenario) -> Result<()> {
    let account = run.account().await?;
    let call = async || {
        let trace = Uuid::new_v4();
        let call = run.call("analytics-get", json!({"limit": 1}))?;
        call.by(&account).trace(trace).send().await?.ok()?;
        Ok(trace)
    };
    let steps = path_of(run.transport(), "analytics-get", &READ);
    let complete = |spans: &[Span]| {
        let function = follow(spans, &steps)?;
        has(
            below(spans, function, "SELECT calls")?,
            &[
                ("db.system.name", json!("postgresql")),
                ("db.operation.name", json!("SELECT")),
                ("db.collection.name", json!("calls")),
                ("db.namespace", json!("trichrome")),
            ],
        )
    };
    run.stack().traces.of_call(call, complete).await?;
    Ok(())
}

async fn refused(run: Scenario) -> Result<()> {
    let call = async || {
        let trace = Uuid::new_v4();
        let call = run.call("analytics-get", json!({}))?.trace(trace);
        let reply = call.send().await?;
        ensure!(reply.status == 401, "{}", reply.status);
        Ok(trace)
    };
    let steps = path_of(run.transport(), "analytics-get", &READ);
    let complete = |spans: &[Span]| {
        let function = follow(spans, &steps)?;
        has(function, &[("http.response.status_code", json!(401))])?;
        // A client error isn't an error of the server's span.
        ensure!(!function.error, "{function:?}");
        check_transport(spans, run.transport(), &READ, 401)
    };
    run.stack().traces.of_call(call, complete).await?;
    Ok(())
}

/// Sends a request with these headers to the REST API; returns the response's trace id.
async fn bare(run: &Scenario, headers: &[(&str, &str)]) -> Result<String> {
    let url = format!("{}/analytics", run.stack().description.rest_url);
    let answer = run.stack().http.send("GET", &url, headers, "").await?;
    let body: Value = answer.json()?;
    let id = body["error"]["trace_id"].as_str();
    Ok(id.context("no trace id")?.to_owned())
}

async fn unsampled(run: Scenario) -> Result<()> {
    /// Each round waits for a later, sampled call. Once its spans have arrived, those of the
    /// earlier call would have too. Several rounds cover other instances of the function.
    const ROUNDS: usize = 3;
    let call = async |trace: Uuid, flags: &str| {
        let parent = format!("00-{}-{SPAN}-{flags}", trace.simple());
        let id = bare(&run, &[(TRACEPARENT, &parent)]).await?;
        ensure!(id == trace.simple().to_string(), "the trace is {id}");
        Ok(trace)
    };
    let traces = &run.stack().traces;
    let left = Uuid::new_v4();
    for _ in 0..ROUNDS {
        call(left, "00").await?;
        let some = |spans: &[Span]| {
            ensure!(!spans.is_empty(), "no spans");
            Ok(())
        };
        let kept = async || call(Uuid::new_v4(), "01").await;
        traces.of_call(kept, some).await?;
        let none = |spans: &[Span]| {
            ensure!(spans.is_empty(), "{spans:?}");
            Ok(())
        };
        traces.of(left, none).await?;
    }
    Ok(())
}

/// Like API Gateway, the local REST API sets an X-Ray header on every call, whatever the caller
/// sent: `Root=1-<seconds since 1970>-<random>`.
async fn xray(run: Scenario) -> Result<()> {
    let stack = run.stack();
    let url = format!("{}/analytics", stack.description.rest_url);
    let now = || Ok::<_, anyhow::Error>(SystemTime::now().duration_since(UNIX_EPOCH)?.as_secs());
    let call = async || {
        let before = now()?;
        let answer = stack.http.get(&url).await?;
        let body: Value = answer.json()?;
        let id = body["error"]["trace_id"].as_str().context("no trace id")?;
        let seconds = u64::from_str_radix(id.get(..8).unwrap_or_default(), 16)?;
        ensure!(
            (before..=now()?).contains(&seconds),
            "{id} isn't an X-Ray trace started between {before} and now"
        );
        Ok(id.parse()?)
    };
    let served = |spans: &[Span]| {
        let served = |span: &&Span| span.kind == Kind::Server && span.service == "analytics-get";
        spans
            .iter()
            .find(served)
            .context("no span of the function")?;
        Ok(())
    };
    stack.traces.of_call(call, served).await?;
    Ok(())
}
