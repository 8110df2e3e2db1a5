//! The OpenAPI document of the REST API and of the gateway's HTTP API, which serves the same
//! paths under `/rest`, `/grpc` and `/events`.

use serde_json::{Map, Value, json};

use super::schemas::Schemas;
use crate::{
    binding::{self, header_name},
    contract::{Access, Field, Format, OPERATIONS, Operation},
    error::ErrorCode,
    wire::media,
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
            "description": "One picture service over REST, gRPC and Kafka. The gateway serves \
                these paths below `/rest`, `/grpc` and `/events`; the first segment selects the \
                transport from the gateway to the functions. API Gateway serves them at its root.",
            "version": env!("CARGO_PKG_VERSION"),
            "license": {"name": "MIT OR Apache-2.0", "identifier": "MIT OR Apache-2.0"},
        },
        "servers": [{
            "url": "/{transport}",
            "description": "The gateway.",
            "variables": {"transport": {
                "enum": ["rest", "grpc", "events"],
                "default": "rest",
                "description": "The transport from the gateway to the functions.",
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
                "description": "The `access_token` that sign-up and login return.",
            }},
        },
    });
    // Another crate may enable serde_json's `preserve_order`: the text must not depend on it.
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
        .partition(|field| operation.http.has_path_parameter(field.name));
    let mut parameters: Vec<Value> = path
        .iter()
        .map(|field| parameter("path", field, schemas))
        .collect();
    if !operation.http.body {
        parameters.extend(rest.iter().map(|field| parameter("query", field, schemas)));
    } else if let Some(raw) = operation.http.raw_body {
        // Beside a raw body. The JSON has the same fields.
        let beside = rest.iter().filter(|field| {
            field.name != raw && !matches!(field.rules.format, Format::Base64 | Format::Secret)
        });
        parameters.extend(beside.map(|field| {
            let mut parameter = parameter("query", field, schemas);
            parameter["required"] = false.into();
            parameter["description"] =
                format!("{} With a raw body; JSON has the field itself.", field.doc).into();
            parameter
        }));
    }
    if operation.idempotent_by_key {
        parameters.push(json!({
            "name": "idempotency-key",
            "in": "header",
            "description": "Requests with the same key have one effect and the same outcome.",
            "schema": {"type": "string", "pattern": "^[!-+\\--~]{1,255}$"},
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
        let mut content = Map::new();
        content.insert(
            "application/json".to_owned(),
            json!({"schema": schemas.body(operation)}),
        );
        if operation.http.raw_body.is_some() {
            // OpenAPI 3.1, "Considerations for Binary Data": without a schema.
            let raw = media::RAW.map(|kind| (kind.to_owned(), json!({})));
            content.extend(raw);
        }
        described["requestBody"] = json!({"required": true, "content": content});
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
    let mut success = json!({"description": "Success."});
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
    if binding::redirect_field(operation).is_some() {
        success["description"] = "A redirect.".into();
        success["headers"] = json!({"location": {
            "description": "The address.",
            "schema": {"type": "string", "format": "uri"},
        }});
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
        codes.extend([ErrorCode::PayloadTooLarge, ErrorCode::UnsupportedMediaType]);
    }
    codes.extend([
        ErrorCode::HeadersTooLarge,
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

/// One response for each error code that an operation lists, and one for the others.
fn responses() -> Value {
    let error = |description: &str| {
        json!({
            "description": description,
            "headers": {"x-request-id": {
                "description": "The request's id in the logs.",
                "schema": {"type": "string"},
            }},
            "content": {"application/json": {"schema": {"$ref": "#/components/schemas/Error"}}},
        })
    };
    let mut responses = Map::new();
    for (code, description) in [
        (
            ErrorCode::InvalidArgument,
            "The request is invalid. The message names the field and its rule.",
        ),
        (
            ErrorCode::Unauthenticated,
            "The token is missing or invalid.",
        ),
        (
            ErrorCode::PermissionDenied,
            "The `user_id` isn't the caller's.",
        ),
        (
            ErrorCode::PayloadTooLarge,
            "The body or the picture is too large.",
        ),
        (
            ErrorCode::UnsupportedMediaType,
            "The body is compressed, or has a media type that isn't taken.",
        ),
        (
            ErrorCode::HeadersTooLarge,
            "The path, query and headers are too large.",
        ),
        (
            ErrorCode::ResourceExhausted,
            "Too many requests. Try again later.",
        ),
        (ErrorCode::Internal, "An internal error."),
        (
            ErrorCode::Unavailable,
            "The service is unavailable. Try again shortly.",
        ),
        (ErrorCode::DeadlineExceeded, "The call timed out."),
    ] {
        responses.insert(code.as_str().to_owned(), error(description));
    }
    responses.insert("ERROR".to_owned(), error("Any other error."));
    Value::Object(responses)
}
