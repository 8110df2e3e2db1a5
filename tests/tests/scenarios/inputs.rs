//! One verdict for one input, whatever the transport: JSON, times, encodings, idempotency keys.

use anyhow::{Context as _, Result, ensure};
use http::uri::PathAndQuery;
use prost_reflect::{DynamicMessage, ReflectMessage as _};
use serde_json::{Value, json};
use tonic::{
    Request,
    metadata::{AsciiMetadataValue, BinaryMetadataValue},
};
use trichrome_proto::{
    contract::{Operation, by_function},
    error::ErrorCode,
    reflect::pool,
    wire::{
        header::{AUTHORIZATION, IDEMPOTENCY_KEY},
        metadata::ERROR_CODE,
    },
};
use trichrome_tests::{
    account::{Account, PASSWORD, unused_name},
    clients::{codec::DynamicCodec, kafka::Record},
    harness::Suite,
    images::Format,
    scenario::Scenario,
    stored::Amount,
    transport::Transport,
};
use uuid::Uuid;

pub(crate) fn add(suite: &mut Suite) {
    let json = Transport::ALL.map(|transport| transport.is_json().then_some(transport));
    let json: Vec<_> = json.into_iter().flatten().collect();
    let http = Transport::ALL.map(|transport| transport.has_paths().then_some(transport));
    let http: Vec<_> = http.into_iter().flatten().collect();
    suite.over(&json, "inputs::a_body_is_proto_json", bodies);
    suite.over(&json, "inputs::parameters_are_proto_json", parameters);
    suite.over(&http, "inputs::a_lost_plus_in_a_query_is_named", lost_plus);
    suite.over(&http, "inputs::compressed_bodies_are_refused", codings);
    suite.over(
        &[Transport::Grpc],
        "inputs::numbers_that_json_lacks_are_refused",
        not_finite,
    );
    suite.each("inputs::an_invalid_idempotency_key_creates_nothing", keys);
}

/// The outcome that every transport must give: success, or an error with this text.
type Verdict = Result<(), &'static str>;

/// The reply to an input, as far as it matters here.
#[derive(Debug)]
struct Outcome {
    status: u16,
    code: String,
    message: String,
}

impl Outcome {
    fn new(status: u16, body: &Value) -> Self {
        let text = |name: &str| body["error"][name].as_str().unwrap_or_default().to_owned();
        Self {
            status,
            code: text("code"),
            message: text("message"),
        }
    }

    fn is(&self, verdict: Verdict) -> Result<()> {
        match verdict {
            Ok(()) => ensure!((200..300).contains(&self.status), "{self:?}"),
            Err(saying) => {
                let invalid = ErrorCode::InvalidArgument;
                ensure!(
                    self.status == invalid.http() && self.code == invalid.as_str(),
                    "{self:?}"
                );
                ensure!(
                    self.message.contains(saying),
                    "the message {:?} doesn't contain {saying:?}",
                    self.message
                );
            }
        }
        Ok(())
    }
}

/// A call of an operation without path parameters, below the level of its client.
struct Raw<'a> {
    run: &'a Scenario,
    account: &'a Account,
    operation: &'static Operation,
    /// Further headers, whose values may be any bytes.
    headers: Vec<(&'a str, Vec<u8>)>,
}

impl<'a> Raw<'a> {
    fn new(run: &'a Scenario, account: &'a Account, function: &str) -> Result<Self> {
        Ok(Self {
            run,
            account,
            operation: by_function(function).context("the contract has no such function")?,
            headers: Vec::new(),
        })
    }

    fn header(mut self, name: &'a str, value: impl Into<Vec<u8>>) -> Self {
        self.headers.push((name, value.into()));
        self
    }

    /// Sends an HTTP request.
    async fn http(&self, query: &str, body: &[u8]) -> Result<Outcome> {
        let answer = self.http_answer(query, body).await?;
        let body = serde_json::from_slice(&answer.body).unwrap_or_default();
        Ok(Outcome::new(answer.status, &body))
    }

    async fn http_answer(
        &self,
        query: &str,
        body: &[u8],
    ) -> Result<trichrome_tests::clients::http::Answer> {
        let stack = self.run.stack();
        let base = self.run.transport().base_url(stack).context("not HTTP")?;
        let url = format!("{base}{}{query}", self.operation.http.path);
        let authorization = format!("Bearer {}", self.account.token);
        let mut headers = vec![
            (AUTHORIZATION, authorization.as_bytes()),
            ("content-type", b"application/json"),
        ];
        headers.extend(self.headers.iter().map(|(name, value)| (*name, &**value)));
        stack
            .http
            .send_bytes(self.operation.http.method, &url, &headers, body.to_vec())
            .await
    }

    /// Produces a record with this value.
    async fn kafka(&self, value: impl Into<Vec<u8>>) -> Result<Outcome> {
        let command = &self.operation.command;
        let mut record =
            Record::new(command.topic, command.keys[0], value).token(&self.account.token);
        for (name, value) in &self.headers {
            record.headers.push(((*name).to_owned(), value.clone()));
        }
        let (_, answer) = self.run.stack().kafka.bare(&record).await?;
        Ok(Outcome::new(answer.status()?, &answer.data))
    }

    /// Makes a gRPC call.
    async fn grpc(&self, args: Value, metadata: &[Metadata]) -> Result<Outcome> {
        let input = pool()
            .get_message_by_name(self.operation.input.name)
            .context("no message")?;
        let output = pool()
            .get_message_by_name(self.operation.output.name)
            .context("no message")?;
        let mut request = Request::new(DynamicMessage::deserialize(input, args)?);
        let authorization = format!("Bearer {}", self.account.token).parse()?;
        let map = request.metadata_mut();
        map.insert(AUTHORIZATION, authorization);
        for value in metadata {
            match value {
                Metadata::Text(text) => {
                    let value = AsciiMetadataValue::try_from(&text[..])?;
                    map.append(IDEMPOTENCY_KEY, value);
                }
                Metadata::Binary(bytes) => {
                    let value = BinaryMetadataValue::from_bytes(bytes);
                    map.append_bin("idempotency-key-bin", value);
                }
            }
        }
        let mut grpc = tonic::client::Grpc::new(self.run.stack().grpc.channel());
        grpc.ready().await?;
        let path = PathAndQuery::from_static(self.operation.grpc_path);
        Ok(
            match grpc.unary(request, path, DynamicCodec(output)).await {
                Ok(answer) => {
                    ensure!(
                        !answer.get_ref().descriptor().full_name().is_empty(),
                        "no type"
                    );
                    Outcome::new(200, &Value::Null)
                }
                Err(status) => {
                    let code = status.metadata().get(ERROR_CODE);
                    let code = code.and_then(|code| code.to_str().ok()).unwrap_or_default();
                    let http = ErrorCode::from_text(code).map_or(500, ErrorCode::http);
                    let error = json!({"code": code, "message": status.message()});
                    Outcome::new(http, &json!({"error": error}))
                }
            },
        )
    }
}

enum Metadata {
    Text(Vec<u8>),
    Binary(Vec<u8>),
}

/// Bodies of `LogData`, and their verdicts.
fn log_bodies() -> Vec<(Vec<u8>, Verdict)> {
    const CALL: &str = r#""transport":"rest","service":"tests","method":"inputs""#;
    let with = |more: &str| format!("{{{CALL},{more}}}").into_bytes();
    let mut bodies = vec![(format!("{{{CALL}}}").into_bytes(), Ok(()))];
    for (more, verdict) in [
        (r#""status":200"#, Ok(())),
        (r#""status":"200""#, Ok(())),
        (r#""status":200.0"#, Ok(())),
        (r#""status":2e2"#, Ok(())),
        (r#""status":"2e2""#, Ok(())),
        (
            r#""status":200.5"#,
            Err("\"status\" must be a whole number"),
        ),
        (r#""status":"""#, Err("\"status\" must be a whole number")),
        (
            r#""status":" 200""#,
            Err("\"status\" must be a whole number"),
        ),
        (
            r#""status":"+200""#,
            Err("\"status\" must be a whole number"),
        ),
        (
            r#""status":"0200""#,
            Err("\"status\" must be a whole number"),
        ),
        (r#""status":true"#, Err("\"status\" must be a whole number")),
        (r#""status":1e300"#, Err("\"status\" must be at most 599")),
        (r#""status":1e999"#, Err("not JSON")),
        (r#""status":0200"#, Err("not JSON")),
        (r#""status":null,"trace_id":null"#, Ok(())),
        (
            r#""transport":null"#,
            Err("\"transport\" is given more than once"),
        ),
        (r#""duration_ms":"1.5""#, Ok(())),
        (r#""durationMs":1.5"#, Ok(())),
        (r#""durationMs":1.5,"traceId":null"#, Ok(())),
        (
            r#""durationMs":1.5,"duration_ms":1.5"#,
            Err("\"duration_ms\" is given more than once, also as \"durationMs\""),
        ),
        (
            r#""durationMs":1.5,"duration_ms":null"#,
            Err("\"duration_ms\" is given more than once"),
        ),
        (
            r#""status":200,"status":200"#,
            Err("\"status\" is given more than once"),
        ),
        (
            r#""duration_ms":"NaN""#,
            Err("\"duration_ms\" must be a finite number"),
        ),
        (
            r#""duration_ms":"-Infinity""#,
            Err("\"duration_ms\" must be a finite number"),
        ),
        (
            r#""duration_ms":"inf""#,
            Err("\"duration_ms\" must be a number"),
        ),
        (r#""duration_ms":NaN"#, Err("not JSON")),
        (r#""trace_id":7"#, Err("\"trace_id\" must be text")),
        (r#""DurationMs":1.5"#, Err("unknown field \"DurationMs\"")),
        (r#""colour":null"#, Ok(())),
        (r#""colour":"red""#, Err("unknown field \"colour\"")),
        (r#""trace_id":"\ud800""#, Err("not JSON")),
    ] {
        bodies.push((with(more), verdict));
    }
    let good = with(r#""status":200"#);
    let marked = |marks: usize| [b"\xef\xbb\xbf".repeat(marks), good.clone()].concat();
    let utf16 = |order: fn(u16) -> [u8; 2]| -> Vec<u8> {
        let text = String::from_utf8_lossy(&good);
        text.encode_utf16().flat_map(order).collect()
    };
    bodies.extend([
        (marked(1), Ok(())),
        (marked(2), Err("not JSON")),
        (
            with("\"service\":\"\u{e9}\"").replace_first(b"\xc3\xa9", b"\xe9"),
            Err("not UTF-8"),
        ),
        (utf16(u16::to_le_bytes), Err("UTF-16")),
        (utf16(u16::to_be_bytes), Err("UTF-16")),
        (
            [b"\xff\xfe".to_vec(), utf16(u16::to_le_bytes)].concat(),
            Err("UTF-16"),
        ),
        ([b"\x1f\x8b".to_vec(), good.clone()].concat(), Err("gzip")),
    ]);
    bodies
}

trait ReplaceFirst {
    fn replace_first(self, from: &[u8], to: &[u8]) -> Vec<u8>;
}

impl ReplaceFirst for Vec<u8> {
    fn replace_first(self, from: &[u8], to: &[u8]) -> Vec<u8> {
        let at = self.windows(from.len()).position(|part| part == from);
        let at = at.unwrap_or_default();
        [&self[..at], to, &self[at + from.len()..]].concat()
    }
}

/// Whether an input reaches the function as it was sent. MiniStack's API Gateway doesn't pass on
/// bytes that aren't text.
fn passes(run: &Scenario, input: &[u8]) -> bool {
    !through_ministack(run) || std::str::from_utf8(input).is_ok()
}

fn through_ministack(run: &Scenario) -> bool {
    run.transport() == Transport::Rest && run.stack().description.is_deployed()
}

async fn bodies(run: Scenario) -> Result<()> {
    let account = run.account().await?;
    let raw = Raw::new(&run, &account, "analytics-log")?;
    for (body, verdict) in log_bodies() {
        if !passes(&run, &body) {
            continue;
        }
        let what = || format!("{:?}", String::from_utf8_lossy(&body));
        if run.transport() != Transport::Kafka {
            let outcome = raw.http("", &body).await.with_context(what)?;
            outcome.is(verdict).with_context(what)?;
            continue;
        }
        let outcome = raw.kafka(&*body).await.with_context(what)?;
        outcome.is(verdict).with_context(what)?;
        // The same in an envelope, as text.
        if let Ok(text) = std::str::from_utf8(&body) {
            let id = Uuid::new_v4().to_string();
            let envelope = json!({"EventId": id, "Data": text}).to_string();
            let command = &raw.operation.command;
            let record = Record::new(command.topic, command.keys[0], envelope);
            let mut expected = run.stack().kafka.expect(&id);
            run.stack()
                .kafka
                .produce(&record.token(&account.token))
                .await?;
            let answer = expected.answer().await?;
            let outcome = Outcome::new(answer.status()?, &answer.data);
            outcome
                .is(verdict)
                .with_context(|| format!("in an envelope: {}", what()))?;
        }
    }
    Ok(())
}

/// Parameters of `GetLog`, which are text in a query, and their verdicts.
const PARAMETERS: &[(&str, &str, Verdict)] = &[
    ("since", "2026-01-31T12:00:00Z", Ok(())),
    ("since", "2026-01-31t12:00:00z", Ok(())),
    ("since", "2026-01-31T13:00:00.25+01:00", Ok(())),
    ("since", "2026-01-31", Err("not a date alone")),
    ("since", "2026-01-31T12:00:00", Err("with its offset")),
    ("since", "2026-01-31 12:00:00Z", Err("RFC 3339")),
    ("since", "2026-01-31T12:00:00+01", Err("RFC 3339")),
    ("since", "2026-01-31T12:00:00 01:00", Err("was `+` lost?")),
    ("since", "2026-02-30T12:00:00Z", Err("RFC 3339")),
    ("since", "1769860800", Err("RFC 3339")),
    ("since", "", Err("RFC 3339")),
    ("limit", "5", Ok(())),
    ("limit", "5.0", Ok(())),
    ("limit", "5e0", Ok(())),
    ("limit", "5.5", Err("\"limit\" must be a whole number")),
    ("limit", "-5", Err("\"limit\" must be a whole number")),
    ("limit", "+5", Err("\"limit\" must be a whole number")),
    ("limit", "501", Err("\"limit\" must be at most 500")),
    ("limit", "5e9", Err("\"limit\" must be at most 500")),
    ("colour", "red", Err("unknown field \"colour\"")),
];

/// Flags, which JSON writes otherwise than a query.
const FLAGS: &[(&str, &str, Verdict)] = &[
    ("errors_only", "true", Ok(())),
    ("errorsOnly", "false", Ok(())),
    (
        "errors_only",
        "True",
        Err("\"errors_only\" must be true or false"),
    ),
    (
        "errors_only",
        "1",
        Err("\"errors_only\" must be true or false"),
    ),
    (
        "errors_only",
        "",
        Err("\"errors_only\" must be true or false"),
    ),
];

async fn parameters(run: Scenario) -> Result<()> {
    let account = run.account().await?;
    let raw = Raw::new(&run, &account, "analytics-get")?;
    for (name, value, verdict) in PARAMETERS.iter().chain(FLAGS) {
        let what = || format!("{name}={value:?}");
        let outcome = if run.transport() == Transport::Kafka {
            let flag = value.parse().map(Value::Bool);
            let value = flag.unwrap_or_else(|_| json!(value));
            raw.kafka(json!({*name: value}).to_string()).await
        } else {
            let value = value.replace('+', "%2B").replace(' ', "%20");
            raw.http(&format!("?{name}={value}"), b"").await
        };
        let outcome = outcome.with_context(what)?;
        outcome.is(*verdict).with_context(what)?;
    }
    // What only JSON can say, and what only a query can.
    if run.transport() == Transport::Kafka {
        for (json, verdict) in [
            (r#"{"limit":5}"#, Ok(())),
            (r#"{"limit":null,"since":null}"#, Ok(())),
            (
                r#"{"limit":5,"limit":5}"#,
                Err("\"limit\" is given more than once"),
            ),
            (
                r#"{"errors_only":"true"}"#,
                Err("\"errors_only\" must be true or false"),
            ),
            (r#"{"service":7}"#, Err("\"service\" must be text")),
            (r#"{"limit":[5]}"#, Err("\"limit\" must be a whole number")),
        ] {
            let outcome = raw.kafka(json).await.context(json)?;
            outcome.is(verdict).context(json)?;
        }
    } else {
        for query in ["?limit=5&limit=5", "?errors_only=true&errorsOnly=true"] {
            let outcome = raw.http(query, b"").await.context(query)?;
            outcome.is(Err("is given more than once")).context(query)?;
        }
    }
    Ok(())
}

async fn lost_plus(run: Scenario) -> Result<()> {
    let account = run.account().await?;
    let raw = Raw::new(&run, &account, "analytics-get")?;
    let query = "?since=2026-01-31T12:00:00+01:00";
    let outcome = raw.http(query, b"").await?;
    outcome.is(Err("was `+` lost?"))?;
    outcome.is(Err("%2B"))
}

async fn codings(run: Scenario) -> Result<()> {
    let account = run.account().await?;
    let body = json!({"title": "t", "base64": Format::Png.tiny().base64()}).to_string();
    for coding in ["gzip", "br", "deflate, gzip", "zstd", "x-unknown"] {
        let raw = Raw::new(&run, &account, "pictures-create")?.header("content-encoding", coding);
        let answer = raw.http_answer("", body.as_bytes()).await.context(coding)?;
        let expected = ErrorCode::UnsupportedMediaType;
        ensure!(
            answer.status == expected.http(),
            "{coding}: {}",
            answer.start()
        );
        ensure!(
            answer.json()?["error"]["code"] == expected.as_str(),
            "{coding}: {}",
            answer.start()
        );
        let accepted = answer.header("accept-encoding");
        ensure!(
            accepted == "identity",
            "{coding}: accept-encoding {accepted:?}"
        );
    }
    run.stack()
        .stored
        .holds(&account.id, Amount::NOTHING)
        .await?;
    let raw = Raw::new(&run, &account, "pictures-create")?.header("content-encoding", "identity");
    raw.http("", body.as_bytes()).await?.is(Ok(()))
}

/// Protobuf has numbers that JSON can't represent.
async fn not_finite(run: Scenario) -> Result<()> {
    let account = run.account().await?;
    let raw = Raw::new(&run, &account, "analytics-log")?;
    for number in ["NaN", "Infinity", "-Infinity"] {
        let args = json!({
            "transport": "rest", "service": "tests", "method": "inputs", "duration_ms": number,
        });
        let outcome = raw.grpc(args, &[]).await?;
        outcome
            .is(Err("\"duration_ms\" must be a finite number"))
            .context(number)?;
    }
    Ok(())
}

/// Invalid idempotency keys: the values of one header.
fn invalid_keys() -> Vec<Vec<Vec<u8>>> {
    let one = |key: &[u8]| vec![key.to_vec()];
    vec![
        one("clé-1".as_bytes()),
        one(b"cl\xe9-1"),
        one(b""),
        one(b"a\tb"),
        one(b"a b"),
        one(b"a,b"),
        one(&[b'k'; 256]),
        vec![b"k-1".to_vec(), b"k-2".to_vec()],
        vec![b"k-1".to_vec(), b"k-1".to_vec()],
    ]
}

async fn keys(run: Scenario) -> Result<()> {
    let account = run.account().await?;
    let picture = json!({"title": "t", "base64": Format::Png.tiny().base64()});
    for values in invalid_keys() {
        let what = || {
            let text = values.iter().map(|value| String::from_utf8_lossy(value));
            format!("the key {:?}", text.collect::<Vec<_>>())
        };
        // MiniStack passes on one value of a repeated header.
        // Of a record's repeated header, the last value counts.
        let counts_one = through_ministack(&run) || run.transport() == Transport::Kafka;
        if values.len() > 1 && counts_one {
            continue;
        }
        if !values.iter().all(|value| passes(&run, value)) {
            continue;
        }
        let name = unused_name();
        let user = json!({"username": name, "password": PASSWORD});
        for (function, args) in [("pictures-create", picture.clone()), ("users-create", user)] {
            let mut raw = Raw::new(&run, &account, function)?;
            let outcome = match run.transport() {
                Transport::Grpc => {
                    let metadata: Vec<_> = values.iter().cloned().map(Metadata::Text).collect();
                    raw.grpc(args, &metadata).await
                }
                transport => {
                    for value in &values {
                        raw = raw.header(IDEMPOTENCY_KEY, value.clone());
                    }
                    if transport == Transport::Kafka {
                        raw.kafka(args.to_string()).await
                    } else {
                        raw.http("", args.to_string().as_bytes()).await
                    }
                }
            };
            let outcome = outcome.with_context(what)?;
            outcome
                .is(Err("the idempotency-key must be"))
                .with_context(|| format!("{function} with {}", what()))?;
        }
        ensure!(
            !run.stack().stored.has_name(&name).await?,
            "{}: a user was created",
            what()
        );
    }
    if run.transport() == Transport::Grpc {
        let raw = Raw::new(&run, &account, "pictures-create")?;
        let binary = || Metadata::Binary(b"k-1".to_vec());
        for metadata in [
            vec![binary()],
            vec![Metadata::Text(b"k-1".to_vec()), binary()],
        ] {
            let outcome = raw.grpc(picture.clone(), &metadata).await?;
            outcome
                .is(Err("the idempotency-key must be"))
                .context("binary metadata")?;
        }
    }
    run.stack().stored.holds(&account.id, Amount::NOTHING).await
}
