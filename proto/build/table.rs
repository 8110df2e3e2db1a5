//! The operation table: what the descriptors say, as Rust statics that cost nothing at start.

use std::fmt::Write as _;

use anyhow::{Context as _, Result, bail, ensure};
use prost_reflect::{
    DescriptorPool, DynamicMessage, ExtensionDescriptor, FieldDescriptor, Kind, MessageDescriptor,
    MethodDescriptor, ServiceDescriptor, Value,
};

use crate::PACKAGES;

const EMPTY: &str = "google.protobuf.Empty";
const TIMESTAMP: &str = "google.protobuf.Timestamp";

/// `table.rs`: the statics `OPERATIONS` and `TRIGGERS`, and one static a message.
pub(crate) fn generate(pool: &DescriptorPool) -> Result<String> {
    let mut out = String::new();
    for message in messages(pool) {
        write_message(&mut out, &message)?;
    }
    writeln!(
        out,
        "static EMPTY: Message = Message {{ name: \"{EMPTY}\", fields: &[] }};"
    )?;

    let mut operations = String::new();
    let mut triggers = String::new();
    for service in services(pool)? {
        for method in service.methods() {
            write_operation(&mut operations, pool, &service, &method)
                .with_context(|| format!("rpc {}", method.full_name()))?;
        }
        write_trigger(&mut triggers, pool, &service)?;
    }
    writeln!(
        out,
        "/// Every operation, in the contract's order.\npub static OPERATIONS: &[Operation] = &[{operations}];"
    )?;
    writeln!(
        out,
        "/// Every function that only a Kafka topic calls.\npub static TRIGGERS: &[Trigger] = &[{triggers}];"
    )?;
    Ok(out)
}

/// The contract's own messages, those it imports left out.
pub(crate) fn messages(pool: &DescriptorPool) -> impl Iterator<Item = MessageDescriptor> {
    pool.all_messages()
        .filter(|message| PACKAGES.contains(&message.package_name()))
}

fn services(pool: &DescriptorPool) -> Result<Vec<ServiceDescriptor>> {
    PACKAGES
        .iter()
        .map(|package| {
            pool.services()
                .find(|service| service.package_name() == *package)
                .with_context(|| format!("package {package} has no service"))
        })
        .collect()
}

fn write_operation(
    out: &mut String,
    pool: &DescriptorPool,
    service: &ServiceDescriptor,
    method: &MethodDescriptor,
) -> Result<()> {
    let options = method.options();
    let operation = option(pool, &options, "trichrome.operation")?;
    let rule = option(pool, &options, "google.api.http")?;
    let (verb, path) = ["get", "put", "post", "delete", "patch"]
        .iter()
        .find_map(|verb| match text(&rule, verb) {
            path if path.is_empty() => None,
            path => Some((verb.to_uppercase(), path)),
        })
        .context("no REST path")?;
    let body = match text(&rule, "body").as_str() {
        "" => false,
        "*" => true,
        other => bail!("body \"{other}\": only \"*\" and none are supported"),
    };
    let response_body = match text(&rule, "response_body") {
        field if field.is_empty() => "None".to_owned(),
        field => {
            ensure!(
                method.output().get_field_by_name(&field).is_some(),
                "response_body names no field of {}",
                method.output().full_name()
            );
            format!("Some({field:?})")
        }
    };
    let function = text(&operation, "function");
    let success = number(&operation, "success");
    ensure!(!function.is_empty(), "no function");
    ensure!(
        (200..300).contains(&success),
        "success must be a 2xx status"
    );
    ensure!(
        (success == 204) == (method.output().full_name() == EMPTY),
        "204 and google.protobuf.Empty go together"
    );
    let command = message(&operation, "command").context("no Kafka command")?;
    let topic = text(&command, "topic");
    let keys: Vec<String> = list(&command, "keys");
    ensure!(
        !topic.is_empty() && !keys.is_empty(),
        "no Kafka topic or key"
    );
    let access = match enum_number(&operation, "access") {
        1 => "Public",
        2 => "User",
        3 => "Owner",
        _ => bail!("must say who may call it"),
    };
    if access == "Owner" {
        ensure!(
            method.input().get_field_by_name("user_id").is_some(),
            "ACCESS_OWNER needs a user_id in the request"
        );
    }
    write!(
        out,
        "\nOperation {{ function: {function:?}, package: {package:?}, grpc_service: {grpc_service:?}, \
         method: {name:?}, grpc_path: {grpc_path:?}, \
         http: Http {{ method: {verb:?}, path: {path:?}, body: {body}, response_body: {response_body}, success: {success} }}, \
         command: Command {{ topic: {topic:?}, keys: &{keys:?} }}, access: Access::{access}, \
         idempotent_by_key: {idempotent}, rate_limit: {rate_limit}, input: &{input}, output: &{output}, doc: {doc:?} }},",
        package = service.package_name(),
        grpc_service = service.full_name(),
        name = method.name(),
        grpc_path = format!("/{}/{}", service.full_name(), method.name()),
        idempotent = flag(&operation, "idempotent_by_key"),
        rate_limit = number(&operation, "rate_limit"),
        input = static_name(&method.input()),
        output = static_name(&method.output()),
        doc = doc(
            method.parent_pool(),
            method.parent_file().name(),
            method.path()
        ),
    )?;
    Ok(())
}

fn write_trigger(
    out: &mut String,
    pool: &DescriptorPool,
    service: &ServiceDescriptor,
) -> Result<()> {
    let extension = extension(pool, "trichrome.trigger")?;
    let options = service.options();
    if options.has_extension(&extension) {
        let trigger = option(pool, &options, "trichrome.trigger")?;
        write!(
            out,
            "\nTrigger {{ function: {:?}, package: {:?}, topic: {:?} }},",
            text(&trigger, "function"),
            service.package_name(),
            text(&trigger, "topic"),
        )?;
    }
    Ok(())
}

fn write_message(out: &mut String, message: &MessageDescriptor) -> Result<()> {
    write!(
        out,
        "static {}: Message = Message {{ name: {:?}, fields: &[",
        static_name(message),
        message.full_name()
    )?;
    let mut fields: Vec<_> = message.fields().collect();
    fields.sort_by_key(FieldDescriptor::number);
    for field in fields {
        let kind = match field.kind() {
            Kind::String => "String".to_owned(),
            Kind::Bool => "Bool".to_owned(),
            Kind::Uint32 => "Uint32".to_owned(),
            Kind::Double => "Double".to_owned(),
            Kind::Message(kind) if kind.full_name() == TIMESTAMP => "Timestamp".to_owned(),
            Kind::Message(kind) => format!("Message(&{})", static_name(&kind)),
            other => bail!("{}: the JSON mapping knows no {other:?}", field.full_name()),
        };
        let rules = rules(&field)?;
        write!(
            out,
            "\nField {{ name: {:?}, kind: Kind::{kind}, repeated: {}, rules: Rules {{ required: {}, min_length: {}, max_length: {}, format: Format::{}, maximum: {} }}, doc: {:?} }},",
            field.name(),
            field.is_list(),
            rules.required,
            rules.min_length,
            rules.max_length,
            rules.format,
            rules.maximum,
            doc(
                field.parent_pool(),
                field.parent_file().name(),
                field.path()
            ),
        )?;
    }
    writeln!(out, "] }};")?;
    Ok(())
}

/// `trichrome.rules` of a field.
#[derive(Default)]
pub(crate) struct Rules {
    required: bool,
    min_length: u32,
    max_length: u32,
    format: &'static str,
    maximum: u32,
}

impl Rules {
    /// Whether the field holds what no log may show.
    pub(crate) fn hides(&self) -> bool {
        matches!(self.format, "Secret" | "Base64")
    }
}

/// Reads `trichrome.rules`; a field without any is free.
pub(crate) fn rules(field: &FieldDescriptor) -> Result<Rules> {
    let pool = field.parent_pool();
    let options = field.options();
    if !options.has_extension(&extension(pool, "trichrome.rules")?) {
        return Ok(Rules {
            format: "Line",
            ..Rules::default()
        });
    }
    let rules = option(pool, &options, "trichrome.rules")?;
    Ok(Rules {
        required: flag(&rules, "required"),
        min_length: number(&rules, "min_length"),
        max_length: number(&rules, "max_length"),
        format: match enum_number(&rules, "format") {
            0 => "Line",
            1 => "Uuid",
            2 => "Secret",
            3 => "Base64",
            other => bail!("{}: unknown format {other}", field.full_name()),
        },
        maximum: number(&rules, "maximum"),
    })
}

fn static_name(message: &MessageDescriptor) -> String {
    if message.full_name() == EMPTY {
        return "EMPTY".to_owned();
    }
    let mut name = String::new();
    for c in message.full_name().chars() {
        match c {
            '.' => name.push('_'),
            c if c.is_uppercase() => {
                name.push('_');
                name.push(c);
            }
            c => name.extend(c.to_uppercase()),
        }
    }
    name.replace("__", "_")
}

/// The comment before a definition, as one paragraph.
fn doc(pool: &DescriptorPool, file: &str, path: &[i32]) -> String {
    pool.get_file_by_name(file)
        .and_then(|file| file.file_descriptor_proto().source_code_info.clone())
        .and_then(|info| {
            info.location
                .into_iter()
                .find(|location| location.path == path)
        })
        .and_then(|location| location.leading_comments)
        .map(|comment| comment.split_whitespace().collect::<Vec<_>>().join(" "))
        .unwrap_or_default()
}

fn extension(pool: &DescriptorPool, name: &str) -> Result<ExtensionDescriptor> {
    pool.get_extension_by_name(name)
        .with_context(|| format!("no option {name}"))
}

fn option(pool: &DescriptorPool, options: &DynamicMessage, name: &str) -> Result<DynamicMessage> {
    let extension = extension(pool, name)?;
    ensure!(options.has_extension(&extension), "no ({name})");
    options
        .get_extension(&extension)
        .as_message()
        .cloned()
        .with_context(|| format!("({name}) is no message"))
}

fn get<T>(
    message: &DynamicMessage,
    field: &str,
    read: impl FnOnce(&Value) -> Option<T>,
) -> Option<T> {
    message
        .get_field_by_name(field)
        .and_then(|value| read(&value))
}

fn text(of: &DynamicMessage, field: &str) -> String {
    get(of, field, |value| value.as_str().map(str::to_owned)).unwrap_or_default()
}

fn number(of: &DynamicMessage, field: &str) -> u32 {
    get(of, field, Value::as_u32).unwrap_or_default()
}

fn enum_number(of: &DynamicMessage, field: &str) -> i32 {
    get(of, field, Value::as_enum_number).unwrap_or_default()
}

fn flag(of: &DynamicMessage, field: &str) -> bool {
    get(of, field, Value::as_bool).unwrap_or_default()
}

fn message(of: &DynamicMessage, field: &str) -> Option<DynamicMessage> {
    get(of, field, |value| value.as_message().cloned())
}

fn list(of: &DynamicMessage, field: &str) -> Vec<String> {
    get(of, field, |value| {
        value.as_list().map(|list| {
            list.iter()
                .filter_map(Value::as_str)
                .map(str::to_owned)
                .collect()
        })
    })
    .unwrap_or_default()
}
