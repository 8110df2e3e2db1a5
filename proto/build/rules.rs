//! Field rules: the part of `buf.validate` that a table can hold, and `trichrome.format`.

use prost_reflect::{DynamicMessage, FieldDescriptor, Kind, MessageDescriptor, Value};

use crate::{options, report::Report};

const TIMESTAMP: &str = "google.protobuf.Timestamp";
const SUPPORTED: &str = "supported are required, ignore: IGNORE_IF_ZERO_VALUE, string.min_len, \
     string.max_len, string.uuid, uint32.gte, uint32.lte and repeated.max_items";

/// What a request's field must satisfy.
#[derive(Default)]
pub(crate) struct Rules {
    pub(crate) required: bool,
    /// Whether the other rules leave out an empty value.
    ignore_empty: bool,
    pub(crate) min_len: u32,
    pub(crate) max_len: Option<u32>,
    uuid: bool,
    format: Format,
    pub(crate) gte: u32,
    pub(crate) lte: Option<u32>,
    pub(crate) max_items: Option<u32>,
}

/// `trichrome.Format`.
#[derive(Clone, Copy, Default, PartialEq, Eq)]
enum Format {
    #[default]
    Line,
    Secret,
    Base64,
    Link,
}

impl Rules {
    /// Whether the field's values must not be logged.
    pub(crate) fn hides(&self) -> bool {
        self.format != Format::Line
    }

    /// The variant of `contract::Format`.
    pub(crate) fn format(&self) -> &'static str {
        match self.format {
            Format::Line if self.uuid => "Uuid",
            Format::Line => "Line",
            Format::Secret => "Secret",
            Format::Base64 => "Base64",
            Format::Link => "Link",
        }
    }
}

/// Reads a field's rules, and reports those that can't be held.
pub(crate) fn read(field: &FieldDescriptor, report: &mut Report) -> Rules {
    let pool = field.parent_pool();
    let mut rules = Rules::default();
    if let Some(value) = options::option(pool, &field.options(), "trichrome.format") {
        rules.format = match value.as_enum_number() {
            Some(1) => Format::Secret,
            Some(2) => Format::Base64,
            Some(3) => Format::Link,
            _ => Format::Line,
        };
    }
    if let Some(set) = options::message_option(pool, &field.options(), "buf.validate.field") {
        read_standard(&set, "", &mut rules, &mut |problem| {
            report.field(field, problem);
        });
        check(field, &set, &rules, report);
    }
    for (extension, _) in field.options().extensions() {
        unsupported_extension(extension.full_name(), "buf.validate.field", |problem| {
            report.field(field, problem);
        });
    }
    if rules.format != Format::Line && !matches!(field.kind(), Kind::String) {
        report.field(field, "(trichrome.format) is for strings");
    }
    rules
}

/// Reports options of `buf.validate` on a message: they all need CEL.
pub(crate) fn message(message: &MessageDescriptor, report: &mut Report) {
    let place = crate::report::place(&message.parent_file(), message.path());
    for (extension, _) in message.options().extensions() {
        unsupported_extension(extension.full_name(), "", |problem| {
            report.add(&place, message.full_name(), problem);
        });
    }
}

fn unsupported_extension(name: &str, supported: &str, mut report: impl FnMut(String)) {
    if name.starts_with("buf.validate.") && name != supported {
        report(format!("({name}) isn't supported; {SUPPORTED}"));
    }
}

/// Reads `buf.validate.FieldRules`, and the rules of one type within it.
fn read_standard(
    set: &DynamicMessage,
    within: &str,
    rules: &mut Rules,
    report: &mut dyn FnMut(String),
) {
    for (rule, value) in set.fields() {
        let name = format!("{within}{}", rule.name());
        match (name.as_str(), value) {
            ("required", Value::Bool(required)) => rules.required = *required,
            ("ignore", Value::EnumNumber(0)) => {}
            ("ignore", Value::EnumNumber(1)) => rules.ignore_empty = true,
            ("string" | "uint32" | "repeated", Value::Message(of_type)) => {
                read_standard(of_type, &format!("{name}."), rules, report);
            }
            ("string.uuid", Value::Bool(uuid)) => rules.uuid = *uuid,
            ("string.min_len", Value::U64(length)) => match u32::try_from(*length) {
                Ok(length) => rules.min_len = length,
                Err(_) => report(format!("string.min_len: {length} is too large")),
            },
            ("string.max_len", Value::U64(length)) => match u32::try_from(*length) {
                Ok(length) => rules.max_len = Some(length),
                Err(_) => report(format!("string.max_len: {length} is too large")),
            },
            ("repeated.max_items", Value::U64(most)) => match u32::try_from(*most) {
                Ok(most) => rules.max_items = Some(most),
                Err(_) => report(format!("repeated.max_items: {most} is too large")),
            },
            ("uint32.gte", Value::U32(least)) => rules.gte = *least,
            ("uint32.lte", Value::U32(most)) => rules.lte = Some(*most),
            ("string.pattern", _) => report(format!(
                "the rule string.pattern isn't supported, because a regular expression engine \
                 would be in every function; {SUPPORTED}"
            )),
            _ => report(format!("the rule {name} isn't supported; {SUPPORTED}")),
        }
    }
}

/// Reports rules that don't fit the field or each other.
fn check(field: &FieldDescriptor, set: &DynamicMessage, rules: &Rules, report: &mut Report) {
    let kind = field.kind();
    let of_type = match kind {
        _ if field.is_list() => "repeated",
        Kind::String => "string",
        Kind::Uint32 => "uint32",
        _ => "",
    };
    for other in ["string", "uint32", "repeated"] {
        if set.has_field_by_name(other) && other != of_type {
            report.field(
                field,
                format!("the rules of {other} are for fields of that type"),
            );
        }
    }
    let may_be_required = match &kind {
        Kind::String => true,
        Kind::Message(message) => message.full_name() == TIMESTAMP,
        _ => false,
    };
    if rules.required && !may_be_required {
        report.field(
            field,
            "`required` is supported on strings, timestamps and lists of strings",
        );
    }
    if rules.required && rules.ignore_empty {
        report.field(
            field,
            "`required` and IGNORE_IF_ZERO_VALUE contradict each other",
        );
    }
    let refuses_empty = rules.uuid || rules.min_len > 0 || rules.gte > 0;
    if refuses_empty && !rules.required && !rules.ignore_empty {
        report.field(
            field,
            "the rule refuses an empty value too: add `required: true`, or \
             `ignore: IGNORE_IF_ZERO_VALUE` if the field may be left out",
        );
    }
    if rules.max_len.is_some_and(|most| most < rules.min_len)
        || rules.lte.is_some_and(|most| most < rules.gte)
    {
        report.field(field, "no value satisfies these limits");
    }
    let measured = rules.uuid || rules.min_len > 0 || rules.max_len.is_some();
    if rules.format == Format::Base64 && measured {
        report.field(field, "FORMAT_BASE64 excludes the rules of string");
    }
    if rules.format == Format::Secret && rules.uuid {
        report.field(field, "FORMAT_SECRET excludes string.uuid");
    }
}
