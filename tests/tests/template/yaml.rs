//! Reads CloudFormation's YAML as JSON: `!Ref X` is `{"Ref": "X"}`, `!Sub X` is `{"Fn::Sub": "X"}`.

use serde_json::{Map, Value};
use serde_yaml_ng as yaml;

/// Reads a template.
pub(crate) fn read(text: &str) -> Result<Value, yaml::Error> {
    yaml::from_str::<yaml::Value>(text).map(json)
}

fn json(value: yaml::Value) -> Value {
    match value {
        yaml::Value::Null => Value::Null,
        yaml::Value::Bool(value) => value.into(),
        yaml::Value::Number(number) => match (number.as_i64(), number.as_f64()) {
            (Some(whole), _) => whole.into(),
            (None, number) => number.into(),
        },
        yaml::Value::String(text) => text.into(),
        yaml::Value::Sequence(values) => values.into_iter().map(json).collect(),
        yaml::Value::Mapping(fields) => fields
            .into_iter()
            .map(|(name, value)| (key(name), json(value)))
            .collect::<Map<_, _>>()
            .into(),
        yaml::Value::Tagged(tagged) => {
            let tag = tagged.tag.to_string();
            let function = match tag.trim_start_matches('!') {
                plain @ ("Ref" | "Condition") => plain.to_owned(),
                name => format!("Fn::{name}"),
            };
            Value::Object(Map::from_iter([(function, json(tagged.value))]))
        }
    }
}

fn key(name: yaml::Value) -> String {
    match json(name) {
        Value::String(text) => text,
        other => other.to_string(),
    }
}
