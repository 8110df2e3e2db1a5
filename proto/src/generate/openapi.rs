//! The OpenAPI document of the REST API, and of the gateway's facade, which serves the same
//! paths under `/rest`, `/grpc` and `/events`.

use serde_json::{Map, Value, json};

use crate::{
    binding::header_name,
    contract::{Access, Field, Format, Kind, Message, OPERATIONS, Operation, Rules},
    error::ErrorCode,
};

/// The document, OpenAPI 3.1.
pub fn openapi() -> Value {
    let mut paths = Map::new();
    let mut schemas = Schemas::default();
    for operation in OPERATIONS {
        let path = paths
            .entry(operation.http.path)
            .or_insert_with(|| json!({}));
        path[operation.http.method.to_lowercase()] = describe(operation, &mut schemas);
    }
    let mut document = json!({
        "openapi": "3.1.0",
        "info": {
            "title": "Trichrome",
            "description": "One picture service over REST, gRPC and Kafka. The gateway answers \
                these paths over each of the three, by their first segment; API Gateway answers \
                them at its root.",
            "version": env!("CARGO_PKG_VERSION"),
            "license": {"name": "MIT OR Apache-2.0", "identifier": "MIT OR Apache-2.0"},
        },
        "servers": [{
            "url": "/{transport}",
            "description": "The gateway's facade.",
            "variables": {"transport": {
                "enum": ["rest", "grpc", "events"],
                "default": "rest",
                "description": "How the call goes on from the gateway.",
            }},
        }],
        "tags": tags(),
        "paths": paths,
        "components": {
            "schemas": schemas.done(),
            "responses": responses(),
            "securitySchemes": {"token": {
                "type": "http",
                "scheme": "bearer",
                "bearerFormat": "JWT",
                "description": "The `access_token` of a signup or login.",
            }},
        },
    });
    // The same text whether or not another crate asks serde_json to keep insertion order.
    document.sort_all_objects();
    document
}

fn tags() -> Value {
    let mut tags: Vec<Value> = Vec::new();
    for operation in OPERATIONS {
        let tag = json!({
            "name": operation.package,
            "description": format!("gRPC: `{}`.", operation.grpc_service),
        });
        if !tags.contains(&tag) {
            tags.push(tag);
        }
    }
    Value::Array(tags)
}

fn describe(operation: &Operation, schemas: &mut Schemas) -> Value {
    let (path, rest): (Vec<_>, Vec<_>) = operation
        .input
        .fields
        .iter()
        .partition(|field| operation.http.path.contains(&format!("{{{}}}", field.name)));
    let mut parameters: Vec<Value> = path
        .iter()
        .map(|field| parameter("path", field, schemas))
        .collect();
    if !operation.http.body {
        parameters.extend(rest.iter().map(|field| parameter("query", field, schemas)));
    }
    if operation.idempotent_by_key {
        parameters.push(json!({
            "name": "idempotency-key",
            "in": "header",
            "description": "However often a request is sent with the same key, it has one effect.",
            "schema": {"type": "string", "minLength": 1, "maxLength": 255},
        }));
    }
    let mut described = json!({
        "operationId": operation.function,
        "summary": operation.doc,
        "description": format!(
            "gRPC: `{}/{}`. Kafka: topic `{}`, key `{}`.",
            operation.grpc_service,
            operation.method,
            operation.command.topic,
            operation.command.keys.join("` or `"),
        ),
        "tags": [operation.package],
        "security": match operation.access {
            Access::Public => json!([]),
            Access::User | Access::Owner => json!([{"token": []}]),
        },
        "parameters": parameters,
        "responses": answers(operation, schemas),
    });
    if operation.http.body {
        described["requestBody"] = json!({
            "required": true,
            "content": {"application/json": {"schema": schemas.reference(operation.input)}},
        });
    }
    described
}

fn parameter(place: &str, field: &'static Field, schemas: &mut Schemas) -> Value {
    json!({
        "name": field.name,
        "in": place,
        "required": place == "path" || field.rules.required,
        "description": field.doc,
        "schema": schemas.field(field),
    })
}

fn answers(operation: &Operation, schemas: &mut Schemas) -> Value {
    let mut success = json!({"description": "It went well."});
    if !operation.output.is_empty() {
        let schema = match operation.http.response_body {
            None => schemas.reference(operation.output),
            Some(body) => {
                success["headers"] = operation
                    .output
                    .fields
                    .iter()
                    .filter(|field| field.name != body)
                    .map(|field| {
                        let header =
                            json!({"description": field.doc, "schema": {"type": "string"}});
                        (header_name(field.name), header)
                    })
                    .collect();
                operation
                    .output
                    .field(body)
                    .map(|field| schemas.field(field))
                    .unwrap_or_default()
            }
        };
        success["content"] = json!({"application/json": {"schema": schema}});
    }
    let mut answers = Map::new();
    answers.insert(operation.http.success.to_string(), success);
    let mut codes = vec![ErrorCode::InvalidArgument];
    if operation.access != Access::Public {
        codes.push(ErrorCode::Unauthenticated);
    }
    if operation.access == Access::Owner {
        codes.push(ErrorCode::PermissionDenied);
    }
    if operation.http.body {
        codes.push(ErrorCode::PayloadTooLarge);
    }
    codes.extend([
        ErrorCode::ResourceExhausted,
        ErrorCode::Internal,
        ErrorCode::Unavailable,
        ErrorCode::DeadlineExceeded,
    ]);
    for code in codes {
        answers.insert(
            code.http().to_string(),
            json!({"$ref": format!("#/components/responses/{}", code.as_str())}),
        );
    }
    answers.insert(
        "default".to_owned(),
        json!({"$ref": "#/components/responses/ERROR"}),
    );
    Value::Object(answers)
}

/// One response a code that some operation lists, and one for any other.
fn responses() -> Value {
    let error = |description: &str| {
        json!({
            "description": description,
            "headers": {"x-request-id": {
                "description": "Finds the call in the logs.",
                "schema": {"type": "string"},
            }},
            "content": {"application/json": {"schema": {"$ref": "#/components/schemas/Error"}}},
        })
    };
    let mut responses = Map::new();
    for (code, description) in [
        (
            ErrorCode::InvalidArgument,
            "The request is wrong; the message says what to change.",
        ),
        (
            ErrorCode::Unauthenticated,
            "No token, or one that is not valid.",
        ),
        (
            ErrorCode::PermissionDenied,
            "The `user_id` is not the caller's own.",
        ),
        (
            ErrorCode::PayloadTooLarge,
            "The body or the picture passes its limit.",
        ),
        (
            ErrorCode::ResourceExhausted,
            "Too many calls; try again later.",
        ),
        (ErrorCode::Internal, "The service failed."),
        (
            ErrorCode::Unavailable,
            "A part of the service is down; try again shortly.",
        ),
        (
            ErrorCode::DeadlineExceeded,
            "The answer did not come in time.",
        ),
    ] {
        responses.insert(code.as_str().to_owned(), error(description));
    }
    responses.insert("ERROR".to_owned(), error("Any other failure."));
    Value::Object(responses)
}

/// The schemas of the messages that the document refers to.
#[derive(Default)]
struct Schemas(Map<String, Value>);

impl Schemas {
    /// A reference to a message's schema, which is added once.
    fn reference(&mut self, message: &'static Message) -> Value {
        let (_, name) = message.name.split_once('.').unwrap_or(("", message.name));
        if !self.0.contains_key(name) {
            // Before its fields, so that a message may hold itself.
            self.0.insert(name.to_owned(), Value::Null);
            let properties: Map<_, _> = message
                .fields
                .iter()
                .map(|field| {
                    let mut schema = self.field(field);
                    schema["description"] = field.doc.into();
                    (field.name.to_owned(), schema)
                })
                .collect();
            let required: Vec<_> = message
                .fields
                .iter()
                .filter(|field| field.rules.required)
                .map(|field| field.name)
                .collect();
            let mut schema = json!({
                "type": "object",
                "properties": properties,
                "additionalProperties": false,
            });
            if !required.is_empty() {
                schema["required"] = required.into();
            }
            self.0.insert(name.to_owned(), schema);
        }
        json!({"$ref": format!("#/components/schemas/{name}")})
    }

    fn field(&mut self, field: &'static Field) -> Value {
        let schema = match &field.kind {
            Kind::String => text(&field.rules),
            Kind::Bool => json!({"type": "boolean"}),
            Kind::Uint32 => {
                let maximum = match field.rules.maximum {
                    0 => u32::MAX,
                    maximum => maximum,
                };
                json!({"type": "integer", "minimum": 0, "maximum": maximum})
            }
            Kind::Double => json!({"type": "number"}),
            Kind::Timestamp => json!({"type": "string", "format": "date-time"}),
            Kind::Message(message) => self.reference(message),
        };
        if field.repeated {
            json!({"type": "array", "items": schema})
        } else {
            schema
        }
    }

    fn done(mut self) -> Value {
        let codes: Vec<_> = ErrorCode::ALL.iter().map(|code| code.as_str()).collect();
        self.0.insert(
            "Error".to_owned(),
            json!({
                "type": "object",
                "required": ["error"],
                "properties": {"error": {
                    "type": "object",
                    "required": ["code", "message", "request_id", "trace_id"],
                    "properties": {
                        "code": {"type": "string", "enum": codes},
                        "message": {"type": "string", "description": "What to change, in words."},
                        "request_id": {"type": "string", "description": "Finds the call in the logs."},
                        "trace_id": {"type": "string", "description": "Finds the call's trace: 32 hexadecimal digits."},
                    },
                }},
            }),
        );
        Value::Object(self.0)
    }
}

fn text(rules: &Rules) -> Value {
    let mut schema = json!({"type": "string"});
    let shortest = rules.min_length.max(u32::from(rules.required));
    if shortest > 0 && rules.format != Format::Uuid {
        schema["minLength"] = shortest.into();
    }
    if rules.max_length > 0 {
        schema["maxLength"] = rules.max_length.into();
    }
    match rules.format {
        Format::Uuid => schema["format"] = "uuid".into(),
        Format::Base64 => schema["contentEncoding"] = "base64".into(),
        Format::Line | Format::Secret => {}
    }
    schema
}
