//! Reads custom options (`(trichrome.operation)` and the like) of descriptors.

use prost_reflect::{DescriptorPool, DynamicMessage, Value};

/// The value of an option; `None` where it isn't set.
pub(crate) fn option(pool: &DescriptorPool, options: &DynamicMessage, name: &str) -> Option<Value> {
    let extension = pool.get_extension_by_name(name)?;
    options
        .has_extension(&extension)
        .then(|| options.get_extension(&extension).into_owned())
}

/// The value of an option that is a message.
pub(crate) fn message_option(
    pool: &DescriptorPool,
    options: &DynamicMessage,
    name: &str,
) -> Option<DynamicMessage> {
    option(pool, options, name)?.as_message().cloned()
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

pub(crate) fn text(of: &DynamicMessage, field: &str) -> String {
    get(of, field, |value| value.as_str().map(str::to_owned)).unwrap_or_default()
}

pub(crate) fn number(of: &DynamicMessage, field: &str) -> u32 {
    get(of, field, Value::as_u32).unwrap_or_default()
}

pub(crate) fn enum_number(of: &DynamicMessage, field: &str) -> i32 {
    get(of, field, Value::as_enum_number).unwrap_or_default()
}

pub(crate) fn flag(of: &DynamicMessage, field: &str) -> bool {
    get(of, field, Value::as_bool).unwrap_or_default()
}

pub(crate) fn message(of: &DynamicMessage, field: &str) -> Option<DynamicMessage> {
    of.has_field_by_name(field)
        .then(|| get(of, field, |value| value.as_message().cloned()))
        .flatten()
}

pub(crate) fn texts(of: &DynamicMessage, field: &str) -> Vec<String> {
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
