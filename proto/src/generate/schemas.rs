//! JSON Schemas of the contract's messages, in `components/schemas` of a document.

use serde_json::{Map, Value, json};

use crate::{
    contract::{Field, Format, Kind, Message, Operation, Rules},
    error::ErrorCode,
};

/// The schemas of messages.
#[derive(Default)]
pub(super) struct Schemas(Map<String, Value>);

impl Schemas {
    /// A reference to the schema of an operation's body: its request without the fields that
    /// are in the path.
    pub(super) fn body(&mut self, operation: &Operation) -> Value {
        let message = operation.input;
        let (in_path, in_body): (Vec<_>, Vec<_>) = message
            .fields
            .iter()
            .partition(|field| operation.http.has_path_parameter(field.name));
        if in_path.is_empty() {
            return self.reference(message);
        }
        let name = format!("{}Body", short_name(message));
        let schema = self.object(&in_body);
        self.add(&name, schema)
    }

    /// A reference to a message's schema, which is added once.
    pub(super) fn reference(&mut self, message: &'static Message) -> Value {
        let name = short_name(message);
        if self.0.contains_key(name) {
            return reference(name);
        }
        // The entry ends the recursion of messages that contain themselves.
        self.0.insert(name.to_owned(), Value::Null);
        let fields: Vec<_> = message.fields.iter().collect();
        let schema = self.object(&fields);
        self.add(name, schema)
    }

    fn add(&mut self, name: &str, schema: Value) -> Value {
        self.0.insert(name.to_owned(), schema);
        reference(name)
    }

    fn object(&mut self, fields: &[&'static Field]) -> Value {
        let properties: Map<_, _> = fields
            .iter()
            .map(|field| {
                let mut schema = self.field(field);
                schema["description"] = field.doc.into();
                (field.name.to_owned(), schema)
            })
            .collect();
        let required: Vec<_> = fields
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
        schema
    }

    pub(super) fn field(&mut self, field: &'static Field) -> Value {
        let schema = match &field.kind {
            Kind::String => text(&field.rules),
            Kind::Bytes => json!({"type": "string", "contentEncoding": "base64"}),
            Kind::Bool => json!({"type": "boolean"}),
            Kind::Uint32 => {
                let most = field.rules.lte.unwrap_or(u32::MAX);
                // A rule's minimum leaves out 0, which is as good as a field left out.
                json!({"type": "integer", "minimum": 0, "maximum": most})
            }
            Kind::Double => json!({"type": "number"}),
            Kind::Timestamp => json!({"type": "string", "format": "date-time"}),
            Kind::Message(message) => self.reference(message),
        };
        if field.repeated {
            let mut list = json!({"type": "array", "items": schema});
            if field.rules.required {
                list["minItems"] = 1.into();
            }
            if let Some(most) = field.rules.max_items {
                list["maxItems"] = most.into();
            }
            list
        } else {
            schema
        }
    }

    pub(super) fn done(mut self) -> Value {
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
                        "message": {"type": "string", "description": "What is wrong, and what to change."},
                        "request_id": {"type": "string", "description": "The request's id in the logs."},
                        "trace_id": {"type": "string", "description": "The trace's id: 32 hexadecimal digits."},
                    },
                }},
            }),
        );
        Value::Object(self.0)
    }
}

pub(super) fn reference(name: &str) -> Value {
    json!({"$ref": format!("#/components/schemas/{name}")})
}

/// A message's name without its package.
fn short_name(message: &Message) -> &'static str {
    let name = message.name;
    name.split_once('.').map_or(name, |(_, name)| name)
}

fn text(rules: &Rules) -> Value {
    let mut schema = json!({"type": "string"});
    let least = rules.min_len.max(u32::from(rules.required));
    if least > 0 && rules.format != Format::Uuid {
        schema["minLength"] = least.into();
    }
    if let Some(most) = rules.max_len {
        schema["maxLength"] = most.into();
    }
    match rules.format {
        Format::Uuid => schema["format"] = "uuid".into(),
        Format::Base64 => schema["contentEncoding"] = "base64".into(),
        // An empty text is a link that isn't there yet.
        Format::Line | Format::Secret | Format::Link => {}
    }
    schema
}
