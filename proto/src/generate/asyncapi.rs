//! The AsyncAPI document of everything that travels over Kafka, from the gateway's point of view:
//! it receives commands and call logs, and sends answers and dead letters.

use serde_json::{Map, Value, json};

use super::schemas::{Schemas, reference};
use crate::{
    contract::{self, Access, Kind, Message, OPERATIONS, Operation, TRIGGERS, Trigger},
    error::ErrorCode,
    wire::{
        header::{
            AUTHORIZATION, IDEMPOTENCY_KEY, REQUEST_ID, RETRY_AFTER, TRACEPARENT, TRACESTATE,
        },
        limits,
        record::{
            DEADLINE, EVENT_ID, OPERATION, REPLY_TO, RESPONSE_KEY, RESULTS, STATUS, dead_letter,
            dead_letter_topic,
        },
    },
};

/// The name of the message that reports an error.
const ERROR: &str = "error";

/// The document, AsyncAPI 3.0.
pub fn asyncapi() -> Value {
    let mut schemas = Schemas::default();
    let mut messages = Map::new();
    let mut operations = Map::new();
    for operation in OPERATIONS {
        let name = operation.function;
        messages.insert(name.to_owned(), command(operation, &mut schemas));
        messages.insert(answer_name(operation), answer(operation, &mut schemas));
        operations.insert(name.to_owned(), serve(operation));
    }
    messages.insert(ERROR.to_owned(), error());
    for trigger in TRIGGERS {
        messages.insert(trigger.function.to_owned(), call_log(&mut schemas));
        operations.insert(
            trigger.function.to_owned(),
            json!({
                "action": "receive",
                "summary": "Stores call logs, in batches.",
                "channel": channel_reference(trigger.topic),
                "messages": [message_in(trigger.topic, trigger.function)],
            }),
        );
        operations.insert(
            format!("{}-log", trigger.topic),
            json!({
                "action": "send",
                "summary": "Logs each call over gRPC and Kafka.",
                "channel": channel_reference(trigger.topic),
                "messages": [message_in(trigger.topic, trigger.function)],
            }),
        );
    }
    for topic in topics() {
        let dead = dead_letter_topic(topic);
        messages.insert(dead.clone(), dead_letter_of(topic));
        operations.insert(
            dead.clone(),
            json!({
                "action": "send",
                "summary": format!("Keeps the records of `{topic}` that cannot be processed."),
                "channel": channel_reference(&dead),
                "messages": [message_in(&dead, &dead)],
            }),
        );
    }
    let mut document = json!({
        "asyncapi": "3.0.0",
        "info": {
            "title": "Trichrome over Kafka",
            "description": "Commands and their answers, call logs and dead letters. \
                docs/requests.md has the rules of commands; docs/kafka.md has the topics' \
                retention, the access that each side needs, and options of clients.",
            "version": env!("CARGO_PKG_VERSION"),
            "license": {"name": "MIT OR Apache-2.0"},
        },
        "defaultContentType": "application/json",
        "servers": {"kafka": {
            "host": "{brokers}",
            "protocol": "kafka",
            "description": "The brokers that `KAFKA_BROKERS` names.",
            "variables": {"brokers": {"default": "localhost:29092"}},
        }},
        "channels": channels(),
        "operations": operations,
        "components": {"messages": messages, "schemas": schemas.done()},
    });
    // Another crate may enable serde_json's `preserve_order`: the text must not depend on it.
    document.sort_all_objects();
    document
}

/// The topics that are read: each has a topic of dead letters.
fn topics() -> impl Iterator<Item = &'static str> {
    let triggers = TRIGGERS.iter().map(|trigger| trigger.topic);
    contract::command_topics().into_iter().chain(triggers)
}

fn channels() -> Value {
    let mut channels = Map::new();
    let mut add = |topic: &str, description: String, messages: Vec<String>| {
        let messages: Map<_, _> = messages
            .into_iter()
            .map(|name| {
                let message = json!({"$ref": format!("#/components/messages/{name}")});
                (name, message)
            })
            .collect();
        let channel = json!({
            "address": topic,
            "description": description,
            "messages": messages,
            "bindings": {"kafka": {"topic": topic, "bindingVersion": "0.5.0"}},
        });
        channels.insert(topic.to_owned(), channel);
    };
    for topic in contract::command_topics() {
        let names = contract::commands_on(topic).map(|operation| operation.function.to_owned());
        add(topic, format!("Commands of `{topic}`."), names.collect());
    }
    for Trigger {
        topic, function, ..
    } in TRIGGERS
    {
        add(topic, "Call logs.".to_owned(), vec![(*function).to_owned()]);
    }
    let answers = OPERATIONS.iter().map(answer_name);
    add(
        RESULTS,
        format!(
            "Answers to commands, in the partition that Kafka's default partitioner chooses for \
             the EventId. A command's header `{REPLY_TO}` names a topic `{RESULTS}.…` instead."
        ),
        answers.chain([ERROR.to_owned()]).collect(),
    );
    for topic in topics() {
        let dead = dead_letter_topic(topic);
        add(
            &dead,
            format!("Dead letters of `{topic}`."),
            vec![dead.clone()],
        );
    }
    Value::Object(channels)
}

fn channel_reference(topic: &str) -> Value {
    // A slash or a tilde in a topic's name isn't allowed, so nothing has to be escaped.
    json!({"$ref": format!("#/channels/{topic}")})
}

fn message_in(topic: &str, message: &str) -> Value {
    json!({"$ref": format!("#/channels/{topic}/messages/{message}")})
}

fn answer_name(operation: &Operation) -> String {
    format!("{}-answer", operation.function)
}

/// Serving a command: the gateway receives it and replies.
fn serve(operation: &Operation) -> Value {
    let topic = operation.command.topic;
    json!({
        "action": "receive",
        "title": operation.function,
        "summary": operation.doc,
        "tags": [{"name": operation.package}],
        "channel": channel_reference(topic),
        "messages": [message_in(topic, operation.function)],
        "reply": {
            "channel": channel_reference(RESULTS),
            "messages": [
                message_in(RESULTS, &answer_name(operation)),
                message_in(RESULTS, ERROR),
            ],
        },
    })
}

fn command(operation: &Operation, schemas: &mut Schemas) -> Value {
    let mut headers = Headers::default();
    headers.add(
        OPERATION,
        "Names the operation. Without it, the record's key does.",
        json!({"type": "string", "enum": operation.command.keys}),
    );
    if operation.access != Access::Public {
        headers.require(
            AUTHORIZATION,
            "The token of a sign-up or login.",
            json!({"type": "string", "pattern": "^Bearer "}),
        );
    }
    headers.add(
        REPLY_TO,
        "The topic for the answer: `results`, or one that exists and begins with `results.`.",
        json!({"type": "string", "pattern": "^results(\\..+)?$", "default": RESULTS}),
    );
    headers.add(
        DEADLINE,
        "Unix milliseconds. A command that is past it is answered 504 and not run.",
        json!({"type": "string", "pattern": "^[0-9]+$"}),
    );
    if operation.idempotent_by_key {
        headers.add(
            IDEMPOTENCY_KEY,
            "Commands with the same key have one effect and the same outcome. Without it, the \
             EventId is the key.",
            json!({"type": "string", "maxLength": limits::MAX_IDEMPOTENCY_KEY}),
        );
    }
    headers.context();
    let request = body(operation.input, schemas);
    json!({
        "name": operation.function,
        "title": operation.doc,
        "headers": headers.done(),
        "payload": {"oneOf": [
            envelope("The request as JSON text.", &request),
            request,
        ]},
        "bindings": {"kafka": {
            "key": {
                "type": "string",
                "description": format!(
                    "Free if the header `{OPERATION}` names the operation; then the user's id is \
                     a good key. Otherwise the operation: `{}`.",
                    operation.command.keys.join("` or `")
                ),
            },
            "bindingVersion": "0.5.0",
        }},
    })
}

fn answer(operation: &Operation, schemas: &mut Schemas) -> Value {
    let status = json!({"type": "string", "const": operation.http.success.to_string()});
    let response = body(operation.output, schemas);
    let title = format!("The answer to {}.", operation.function);
    message(&answer_name(operation), &title, status, &response)
}

fn error() -> Value {
    let statuses: Vec<_> = ErrorCode::ALL.iter().map(|code| code.http()).collect();
    let mut statuses: Vec<_> = statuses.iter().map(u16::to_string).collect();
    statuses.sort_unstable();
    statuses.dedup();
    let status = json!({"type": "string", "enum": statuses});
    message(ERROR, "A command's error.", status, &reference("Error"))
}

fn message(name: &str, title: &str, status: Value, data: &Value) -> Value {
    let mut headers = Headers::default();
    headers.require(STATUS, "The HTTP status.", status);
    headers.require(
        EVENT_ID,
        "The command's EventId.",
        json!({"type": "string", "maxLength": limits::MAX_EVENT_ID}),
    );
    headers.add(
        RETRY_AFTER,
        "How long to wait before the next attempt, in seconds.",
        json!({"type": "string", "pattern": "^[0-9]+$"}),
    );
    headers.context();
    json!({
        "name": name,
        "title": title,
        "headers": headers.done(),
        "payload": envelope("The response message, or the error, as JSON text.", data),
        "correlationId": {
            "description": "The command's EventId.",
            "location": format!("$message.header#/{EVENT_ID}"),
        },
        "bindings": {"kafka": {
            "key": {"type": "string", "const": RESPONSE_KEY},
            "bindingVersion": "0.5.0",
        }},
    })
}

fn call_log(schemas: &mut Schemas) -> Value {
    let logs = contract::by_function("analytics-get").and_then(|it| it.output.field("logs"));
    let payload = match logs.map(|logs| &logs.kind) {
        Some(Kind::Message(entry)) => schemas.reference(entry),
        _ => json!({"type": "object"}),
    };
    json!({
        "name": "call-log",
        "title": "One call's operation, transport and outcome.",
        "payload": payload,
        "bindings": {"kafka": {
            "key": {"type": "string", "format": "uuid", "description": "The entry's id."},
            "bindingVersion": "0.5.0",
        }},
    })
}

fn dead_letter_of(topic: &str) -> Value {
    let mut headers = Headers::default();
    let text = || json!({"type": "string"});
    let number = || json!({"type": "string", "pattern": "^[0-9]+$"});
    let codes: Vec<_> = ErrorCode::ALL.iter().map(|code| code.as_str()).collect();
    headers.require(dead_letter::REASON, "Why the record was moved.", text());
    headers.require(
        dead_letter::ERROR_CODE,
        "The error's code.",
        json!({"type": "string", "enum": codes}),
    );
    headers.require(dead_letter::ERROR_MESSAGE, "The error's message.", text());
    headers.require(
        dead_letter::TOPIC,
        "The record's topic.",
        json!({"type": "string", "const": topic}),
    );
    headers.require(dead_letter::PARTITION, "The record's partition.", number());
    headers.require(dead_letter::OFFSET, "The record's offset.", number());
    json!({
        "name": "dead-letter",
        "title": format!("A record of {topic} that cannot be processed."),
        "summary": format!(
            "Key, value and headers are the record's, except for the header `{AUTHORIZATION}`, \
             which is left out. A record that is too large for its topic with these headers has \
             no value."
        ),
        "contentType": "application/octet-stream",
        "headers": headers.done(),
        "payload": {},
    })
}

/// The schema of a request or response.
fn body(message: &'static Message, schemas: &mut Schemas) -> Value {
    if message.is_empty() {
        return json!({"type": "object", "maxProperties": 0});
    }
    schemas.reference(message)
}

/// `{"EventId", "Data"}`.
fn envelope(data_is: &str, data: &Value) -> Value {
    json!({
        "type": "object",
        "required": ["EventId", "Data"],
        "additionalProperties": false,
        "properties": {
            "EventId": {
                "type": "string",
                "minLength": 1,
                "maxLength": limits::MAX_EVENT_ID,
                "description": "Identifies the command. Commands with the same one have one \
                    effect and the same outcome.",
            },
            "Data": {
                "type": "string",
                "description": data_is,
                "contentMediaType": "application/json",
                // Draft 7 of JSON Schema, which AsyncAPI uses, has no `contentSchema`.
                "x-content-schema": data,
            },
        },
    })
}

/// A record's headers. Kafka's are bytes; these are UTF-8.
#[derive(Default)]
struct Headers {
    properties: Map<String, Value>,
    required: Vec<&'static str>,
}

impl Headers {
    fn add(&mut self, name: &'static str, description: &str, mut schema: Value) {
        schema["description"] = description.into();
        self.properties.insert(name.to_owned(), schema);
    }

    fn require(&mut self, name: &'static str, description: &str, schema: Value) {
        self.add(name, description, schema);
        self.required.push(name);
    }

    /// The headers that identify a call.
    fn context(&mut self) {
        let text = || json!({"type": "string"});
        self.add(REQUEST_ID, "The call's id in the logs.", text());
        self.add(TRACEPARENT, "The W3C trace context.", text());
        self.add(TRACESTATE, "The W3C trace context's vendor state.", text());
    }

    fn done(self) -> Value {
        let mut schema = json!({"type": "object", "properties": self.properties});
        if !self.required.is_empty() {
            schema["required"] = self.required.into();
        }
        schema
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Every reference that the document contains.
    fn references(value: &Value, found: &mut Vec<String>) {
        match value {
            Value::Object(object) => {
                found.extend(
                    object
                        .get("$ref")
                        .and_then(Value::as_str)
                        .map(str::to_owned),
                );
                for value in object.values() {
                    references(value, found);
                }
            }
            Value::Array(list) => {
                for value in list {
                    references(value, found);
                }
            }
            _ => {}
        }
    }

    #[test]
    fn every_operation_has_its_command_and_its_answer() {
        let document = asyncapi();
        for operation in OPERATIONS {
            let name = operation.function;
            let served = &document["operations"][name];
            assert_eq!(served["action"], "receive", "{name}");
            let topic = operation.command.topic;
            assert!(
                document["channels"][topic]["messages"][name].is_object(),
                "{name}"
            );
            let answer = format!("{name}-answer");
            let answers = &document["channels"][RESULTS]["messages"];
            assert!(answers[&answer].is_object(), "{answer}");
            let headers = &document["components"]["messages"][name]["headers"];
            let needs_token = headers["required"] == json!([AUTHORIZATION]);
            assert_eq!(needs_token, operation.access != Access::Public, "{name}");
        }
    }

    #[test]
    fn every_reference_resolves() {
        let document = asyncapi();
        let mut found = Vec::new();
        references(&document, &mut found);
        assert!(found.len() > OPERATIONS.len());
        for reference in found {
            let pointer = reference.strip_prefix('#').unwrap();
            assert!(document.pointer(pointer).is_some(), "{reference}");
        }
    }
}
