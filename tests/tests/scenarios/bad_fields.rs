//! Requests that each break one rule of the contract, generated for every field of every operation.

use anyhow::{Context as _, Result, ensure};
use serde_json::{Map, Value, json};
use trichrome_proto::{
    contract::{Access, Field, Format, Kind, OPERATIONS, Operation},
    error::ErrorCode,
};
use trichrome_tests::{
    harness::Suite,
    samples::{Subject, good},
    scenario::Scenario,
    stored::Amount,
    transport::Transport,
};

pub(crate) fn add(suite: &mut Suite) {
    for operation in OPERATIONS {
        let name = format!("bad_fields::{}", operation.function);
        suite.each(&name, move |run| every_rule(run, operation));
    }
    suite.each("bad_fields::an_implausible_call_log", call_logs);
}

/// A request with one error.
struct Mistake {
    what: String,
    args: Map<String, Value>,
    /// Texts that the error message must contain.
    saying: Vec<String>,
}

/// Builds the mistakes that a client can make over a transport.
struct Mistakes {
    operation: &'static Operation,
    good: Map<String, Value>,
    found: Vec<Mistake>,
}

impl Mistakes {
    fn of(
        operation: &'static Operation,
        transport: Transport,
        good: Map<String, Value>,
    ) -> Vec<Mistake> {
        let mut mistakes = Self {
            operation,
            good,
            found: Vec::new(),
        };
        for field in operation.input.fields {
            let in_path = operation.http.has_path_parameter(field.name);
            // A path can't omit its parameter.
            if field.rules.required && !(in_path && transport.has_paths()) {
                mistakes.missing(field);
            }
            mistakes.rules(field);
            if transport.is_json() && !in_path {
                mistakes.types(field);
            }
        }
        if transport.is_json() {
            mistakes.unknown();
        }
        mistakes.found
    }

    fn add(&mut self, what: &str, field: &str, value: Value, saying: &str) {
        let mut args = self.good.clone();
        args.insert(field.to_owned(), value);
        self.found.push(Mistake {
            what: format!("{field} {what}"),
            args,
            saying: vec![format!("\"{field}\""), saying.to_owned()],
        });
    }

    fn missing(&mut self, field: &Field) {
        let mut args = self.good.clone();
        args.remove(field.name);
        self.found.push(Mistake {
            what: format!("{} is missing", field.name),
            args,
            saying: vec![format!("\"{}\"", field.name), "required".to_owned()],
        });
        if field.repeated {
            self.add("is empty", field.name, json!([]), "required");
        } else if matches!(field.kind, Kind::String) {
            self.add("is empty", field.name, json!(""), "required");
        }
    }

    /// Adds values that break a rule; for a list, one item that does.
    fn rules(&mut self, field: &Field) {
        let (name, rules) = (field.name, &field.rules);
        if let Some(most) = rules.max_items {
            let over = json!(vec!["x"; most as usize + 1]);
            self.add("has too many items", name, over, "at most");
        }
        let mut add = |what: &str, value: Value, saying: &str| {
            let value = if field.repeated {
                json!([value])
            } else {
                value
            };
            self.add(what, name, value, saying);
        };
        let least = rules.min_len as usize;
        if least > 1 {
            add("is too short", json!("x".repeat(least - 1)), "at least");
        }
        if let Some(most) = rules.max_len {
            let over = "é".repeat(most as usize + 1);
            add("is too long", json!(over), "at most");
        }
        if let Some(most) = rules.lte {
            add("is too large", json!(u64::from(most) + 1), "at most");
        }
        if rules.gte > 1 {
            add("is too small", json!(rules.gte - 1), "at least");
        }
        match (&field.kind, rules.format) {
            (Kind::String, Format::Uuid) => {
                for no_uuid in [
                    "7",
                    "0190b6a0123470008000000000000001",
                    "{0190b6a0-1234-7000-8000-000000000001}",
                    "0190b6a0-1234-7000-8000-00000000000g",
                    "../0190b6a0-1234-7000-8000-00000000",
                ] {
                    add("is no UUID", json!(no_uuid), "UUID");
                }
            }
            (Kind::String, Format::Line) => {
                for control in ["a\u{0}", "a\nb", "\u{7}", "\u{1b}[31m", "\u{85}"] {
                    add("has a control character", json!(control), "control");
                }
            }
            _ => {}
        }
    }

    /// Adds values of another type: text for fields of other types, and any JSON in a body.
    fn types(&mut self, field: &Field) {
        let name = field.name;
        if field.repeated {
            for value in [json!({}), json!("x"), json!(7), json!([7]), json!([[]])] {
                self.add("has another type", name, value, "list");
            }
            return;
        }
        let (as_text, expected): (&[&str], _) = match field.kind {
            Kind::String => (&[], "text"),
            Kind::Bytes => (&[], "base64"),
            Kind::Bool => (&["yes", "1"], "true or false"),
            Kind::Uint32 => (&["many", "-1", "1.5", "0x10", ""], "whole number"),
            Kind::Double => (&["fast", "NaN", "Infinity", ""], "number"),
            Kind::Timestamp => (
                &[
                    "yesterday",
                    "2026-13-01T00:00:00Z",
                    "2026-01-31",
                    "2026-01-31T12:00:00",
                ],
                "RFC 3339",
            ),
            Kind::Message(_) => return,
        };
        for text in as_text {
            self.add("has another type", name, json!(text), expected);
        }
        if self.operation.http.body {
            for value in [json!([]), json!({}), json!(["x"])] {
                self.add("has another type", name, value, expected);
            }
            let scalar = match field.kind {
                Kind::String | Kind::Bytes => json!(7),
                Kind::Uint32 => json!(true),
                _ => json!("true"),
            };
            self.add("has another type", name, scalar, expected);
        }
    }

    fn unknown(&mut self) {
        // Names are case-sensitive, and have no other spellings than the two of proto.
        for name in ["colour", "User_id", "user-id"] {
            let mut args = self.good.clone();
            args.insert(name.to_owned(), json!("7"));
            self.found.push(Mistake {
                what: format!("an unknown field, {name}"),
                args,
                saying: vec![format!("unknown field \"{name}\"")],
            });
        }
    }
}

async fn every_rule(run: Scenario, operation: &'static Operation) -> Result<()> {
    let account = run.account().await?;
    let picture_id = "0190b6a0-1234-7000-8000-000000000001";
    let subject = Subject {
        account: &account,
        picture_id,
    };
    let good = good(operation, &subject)?;
    let username = good.get("username").cloned();
    for mistake in Mistakes::of(operation, run.transport(), good) {
        let mut call = run.call(operation.function, Value::Object(mistake.args))?;
        if operation.access != Access::Public {
            call = call.by(&account);
        }
        let refused = call.send().await?.refused(ErrorCode::InvalidArgument);
        let mut refused = refused.with_context(|| mistake.what.clone())?;
        for part in &mistake.saying {
            refused = refused.saying(part).with_context(|| mistake.what.clone())?;
        }
    }
    let stored = &run.stack().stored;
    stored.holds(&account.id, Amount::NOTHING).await?;
    if let Some(Value::String(username)) = username
        && operation.idempotent_by_key
    {
        ensure!(!stored.has_name(&username).await?, "{username} was created");
    }
    ensure!(
        stored.has_user(&account.id).await?,
        "the account was deleted"
    );
    Ok(())
}

/// Tests rules that the contract can't express.
async fn call_logs(run: Scenario) -> Result<()> {
    let account = run.account().await?;
    for (field, value) in [
        ("transport", json!("pigeon")),
        ("duration_ms", json!(-1)),
        ("duration_ms", json!(1e12)),
        ("status", json!(42)),
        ("trace_id", json!("no trace")),
    ] {
        let mut args = json!({"transport": "rest", "service": "s", "method": "m"});
        args[field] = value.clone();
        let reply = run.call("analytics-log", args)?.by(&account).send().await?;
        let refused = reply.refused(ErrorCode::InvalidArgument);
        refused
            .and_then(|reply| reply.saying(field))
            .with_context(|| format!("{field} {value}"))?;
    }
    Ok(())
}
