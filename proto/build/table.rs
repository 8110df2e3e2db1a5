//! Writes the operation table as Rust statics, which cost nothing at start.

use std::fmt::{self, Write as _};

use prost_reflect::MessageDescriptor;

use crate::{
    contract::{Contract, FieldKind, Message, Trigger},
    operation::{EMPTY, Operation},
    report::doc,
};

/// `table.rs`: the statics `OPERATIONS` and `TRIGGERS`, and one static a message.
pub(crate) fn generate(contract: &Contract) -> Result<String, fmt::Error> {
    let mut out = String::new();
    for message in &contract.messages {
        write_message(&mut out, message)?;
    }
    writeln!(
        out,
        "static EMPTY: Message = Message {{ name: \"{EMPTY}\", fields: &[] }};"
    )?;
    out.push_str("/// Every operation, in the contract's order.\n");
    out.push_str("pub static OPERATIONS: &[Operation] = &[");
    for operation in &contract.operations {
        write_operation(&mut out, contract, operation)?;
    }
    out.push_str("];\n/// Every function that only a Kafka topic calls.\n");
    out.push_str("pub static TRIGGERS: &[Trigger] = &[");
    for trigger in &contract.triggers {
        write_trigger(&mut out, trigger)?;
    }
    out.push_str("];\n");
    Ok(out)
}

fn write_operation(out: &mut String, contract: &Contract, operation: &Operation) -> fmt::Result {
    let method = &operation.method;
    let service = method.parent_service();
    let caches = |other: &Operation| other.cacheable && other.method.parent_service() == service;
    let evicts = operation.is_owners_write() && contract.operations.iter().any(caches);
    write!(
        out,
        "\nOperation {{ function: {function:?}, package: {package:?}, grpc_service: {grpc_service:?}, \
         method: {name:?}, grpc_path: {grpc_path:?}, \
         http: Http {{ method: {verb:?}, path: {path:?}, body: {body}, raw_body: {raw_body:?}, \
         response_body: {response_body:?}, success: {success} }}, \
         command: Command {{ topic: {topic:?}, keys: &{keys:?} }}, access: Access::{access}, \
         idempotent_by_key: {idempotent}, rate_limit: {rate_limit}, cacheable: {cacheable}, evicts: {evicts}, \
         input: &{input}, output: &{output}, doc: {doc:?} }},",
        function = operation.function,
        package = service.package_name(),
        grpc_service = service.full_name(),
        name = method.name(),
        grpc_path = format!("/{}/{}", service.full_name(), method.name()),
        verb = operation.verb,
        path = operation.path,
        body = operation.body,
        raw_body = operation.raw_body,
        response_body = operation.response_body,
        success = operation.success,
        topic = operation.topic,
        keys = operation.keys,
        access = operation.access,
        idempotent = operation.idempotent_by_key,
        rate_limit = operation.rate_limit,
        cacheable = operation.cacheable,
        evicts = evicts,
        input = static_name(&method.input()),
        output = static_name(&method.output()),
        doc = doc(&method.parent_file(), method.path()),
    )
}

fn write_trigger(out: &mut String, trigger: &Trigger) -> fmt::Result {
    write!(
        out,
        "\nTrigger {{ function: {:?}, package: {:?}, topic: {:?} }},",
        trigger.function,
        trigger.service.package_name(),
        trigger.topic,
    )
}

fn write_message(out: &mut String, message: &Message) -> fmt::Result {
    let descriptor = &message.descriptor;
    write!(
        out,
        "static {}: Message = Message {{ name: {:?}, fields: &[",
        static_name(descriptor),
        descriptor.full_name()
    )?;
    for field in &message.fields {
        let descriptor = &field.descriptor;
        let kind = match &field.kind {
            FieldKind::Simple(name) => (*name).to_owned(),
            FieldKind::Message(message) => format!("Message(&{})", static_name(message)),
        };
        let rules = &field.rules;
        write!(
            out,
            "\nField {{ name: {:?}, json_name: {:?}, kind: Kind::{kind}, repeated: {}, \
             rules: Rules {{ required: {}, min_len: {}, max_len: {:?}, format: Format::{}, gte: {}, lte: {:?}, max_items: {:?} }}, doc: {:?} }},",
            descriptor.name(),
            descriptor.json_name(),
            descriptor.is_list(),
            rules.required,
            rules.min_len,
            rules.max_len,
            rules.format(),
            rules.gte,
            rules.lte,
            rules.max_items,
            doc(&descriptor.parent_file(), descriptor.path()),
        )?;
    }
    writeln!(out, "] }};")
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
