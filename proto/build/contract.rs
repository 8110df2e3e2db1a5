//! Reads the contract from its descriptors and holds its parts against each other.

use std::collections::HashMap;

use prost_reflect::{
    DescriptorPool, FieldDescriptor, Kind, MessageDescriptor, MethodDescriptor, ServiceDescriptor,
};

use crate::{
    operation::{Operation, Segment, check_function, segments},
    options::{message_option, text},
    report::{Problems, Report, method_place, place},
    rules::{self, Rules},
};

const TIMESTAMP: &str = "google.protobuf.Timestamp";

/// The contract, ready to be written out.
pub(crate) struct Contract {
    pub(crate) messages: Vec<Message>,
    pub(crate) operations: Vec<Operation>,
    pub(crate) triggers: Vec<Trigger>,
}

/// A message and its fields by number.
pub(crate) struct Message {
    pub(crate) descriptor: MessageDescriptor,
    pub(crate) fields: Vec<Field>,
}

pub(crate) struct Field {
    pub(crate) descriptor: FieldDescriptor,
    pub(crate) kind: FieldKind,
    pub(crate) rules: Rules,
}

/// `contract::Kind`.
pub(crate) enum FieldKind {
    Simple(&'static str),
    Message(MessageDescriptor),
}

/// A function that a Kafka topic calls.
pub(crate) struct Trigger {
    pub(crate) service: ServiceDescriptor,
    pub(crate) function: String,
    pub(crate) topic: String,
}

/// Reads the packages of the contract, in this order.
pub(crate) fn read(pool: &DescriptorPool, packages: &[&str]) -> Result<Contract, Problems> {
    let mut report = Report::default();
    let messages = pool
        .all_messages()
        .filter(|message| packages.contains(&message.package_name()))
        .map(|message| read_message(message, packages, &mut report))
        .collect();
    let mut operations = Vec::new();
    let mut triggers = Vec::new();
    for package in packages {
        let services: Vec<_> = pool
            .services()
            .filter(|service| service.package_name() == *package)
            .collect();
        if services.len() != 1 {
            let place = format!("proto/{package}");
            report.add(&place, package, "a package has exactly one service");
        }
        for service in services {
            for method in service.methods() {
                operations.push(Operation::read(&method, packages, &mut report));
            }
            triggers.extend(read_trigger(service, &mut report));
        }
    }
    check_addresses(&operations, &triggers, &mut report);
    check_parameter_names(&operations, &mut report);
    report.into_result(Contract {
        messages,
        operations,
        triggers,
    })
}

fn read_message(descriptor: MessageDescriptor, packages: &[&str], report: &mut Report) -> Message {
    rules::message(&descriptor, report);
    let mut fields: Vec<_> = descriptor.fields().collect();
    fields.sort_by_key(FieldDescriptor::number);
    let fields = fields
        .into_iter()
        .map(|field| Field {
            kind: read_kind(&field, packages, report),
            rules: rules::read(&field, report),
            descriptor: field,
        })
        .collect();
    Message { descriptor, fields }
}

fn read_kind(field: &FieldDescriptor, packages: &[&str], report: &mut Report) -> FieldKind {
    if field.containing_oneof().is_some() {
        report.field(field, "oneof and optional aren't supported");
    }
    match field.kind() {
        Kind::String => FieldKind::Simple("String"),
        Kind::Bool => FieldKind::Simple("Bool"),
        Kind::Uint32 => FieldKind::Simple("Uint32"),
        Kind::Bytes if !field.is_list() => FieldKind::Simple("Bytes"),
        Kind::Double => FieldKind::Simple("Double"),
        Kind::Message(kind) if kind.full_name() == TIMESTAMP => FieldKind::Simple("Timestamp"),
        Kind::Message(kind) if packages.contains(&kind.package_name()) && !kind.is_map_entry() => {
            FieldKind::Message(kind)
        }
        _ => {
            report.field(
                field,
                "the field's type isn't supported; supported are string, bool, uint32, double, \
                 single bytes, Timestamp and messages of the contract",
            );
            FieldKind::Simple("String")
        }
    }
}

fn read_trigger(service: ServiceDescriptor, report: &mut Report) -> Option<Trigger> {
    let pool = service.parent_pool();
    let option = message_option(pool, &service.options(), "trichrome.trigger")?;
    let (function, topic) = (text(&option, "function"), text(&option, "topic"));
    let place = service_place(&service);
    check_function(&function, |problem| {
        report.add(&place, service.full_name(), problem);
    });
    if topic.is_empty() {
        report.add(&place, service.full_name(), "set the trigger's `topic`");
    }
    Some(Trigger {
        service,
        function,
        topic,
    })
}

fn service_place(service: &ServiceDescriptor) -> String {
    place(&service.parent_file(), service.path())
}

/// Reports functions, Kafka records and routes that two operations share.
fn check_addresses(operations: &[Operation], triggers: &[Trigger], report: &mut Report) {
    let mut taken: HashMap<String, String> = HashMap::new();
    for trigger in triggers {
        let service = &trigger.service;
        let user = format!("{} ({})", service.full_name(), service_place(service));
        let address = format!("the function {:?}", trigger.function);
        if let Some(other) = taken.insert(address.clone(), user) {
            let problem = format!("{address} is already that of {other}");
            report.add(&service_place(service), service.full_name(), problem);
        }
    }
    for operation in operations {
        let method = &operation.method;
        let mut addresses = Vec::new();
        if !operation.function.is_empty() {
            addresses.push(format!("the function {:?}", operation.function));
        }
        for key in &operation.keys {
            addresses.push(format!(
                "the Kafka key {key:?} of the topic {:?}",
                operation.topic
            ));
        }
        if let Some(segments) = segments(&operation.path) {
            // `/users/{user_id}` and `/users/{id}` are one route.
            let path: String = segments
                .iter()
                .map(|segment| match segment {
                    Segment::Literal(text) => format!("/{text}"),
                    Segment::Parameter(_) => "/{}".to_owned(),
                })
                .collect();
            addresses.push(format!("the route {} {path}", operation.verb));
        }
        let user = format!("rpc {} ({})", method.full_name(), method_place(method));
        for address in addresses {
            if let Some(other) = taken.insert(address.clone(), user.clone()) {
                report.method(method, format!("{address} is already that of {other}"));
            }
        }
    }
}

/// Reports parameters that have two names at one place of a path: API Gateway refuses them.
fn check_parameter_names(operations: &[Operation], report: &mut Report) {
    let mut names: HashMap<String, (&str, &MethodDescriptor)> = HashMap::new();
    for operation in operations {
        let mut before = String::new();
        for segment in segments(&operation.path).unwrap_or_default() {
            match segment {
                Segment::Literal(text) => before = format!("{before}/{text}"),
                Segment::Parameter(name) => {
                    let method = &operation.method;
                    let (known, other) = *names.entry(before.clone()).or_insert((name, method));
                    if known != name {
                        report.method(
                            method,
                            format!(
                                "the parameter after {before:?} is {{{name}}} here and {{{known}}} in \
                                 rpc {}; API Gateway takes one name",
                                other.full_name()
                            ),
                        );
                    }
                    before.push_str("/{}");
                }
            }
        }
    }
}
