//! One rpc and its options, and what an operation must say.

use prost_reflect::{DynamicMessage, FieldDescriptor, Kind, MessageDescriptor, MethodDescriptor};

use crate::{
    options::{enum_number, flag, message, message_option, number, text, texts},
    report::Report,
};

pub(crate) const EMPTY: &str = "google.protobuf.Empty";

/// An operation of the contract.
pub(crate) struct Operation {
    pub(crate) method: MethodDescriptor,
    pub(crate) function: String,
    /// The HTTP method, upper case.
    pub(crate) verb: String,
    pub(crate) path: String,
    pub(crate) body: bool,
    pub(crate) response_body: Option<String>,
    pub(crate) success: u32,
    pub(crate) topic: String,
    pub(crate) keys: Vec<String>,
    /// The variant of `contract::Access`.
    pub(crate) access: &'static str,
    pub(crate) idempotent_by_key: bool,
    pub(crate) rate_limit: u32,
    pub(crate) cacheable: bool,
    /// The field that a raw body fills.
    pub(crate) raw_body: Option<String>,
}

impl Operation {
    pub(crate) fn read(method: &MethodDescriptor, packages: &[&str], report: &mut Report) -> Self {
        let pool = method.parent_pool();
        let options = method.options();
        let mut operation = Self {
            method: method.clone(),
            function: String::new(),
            verb: String::new(),
            path: String::new(),
            body: false,
            response_body: None,
            success: 0,
            topic: String::new(),
            keys: Vec::new(),
            access: "Public",
            idempotent_by_key: false,
            rate_limit: 0,
            cacheable: false,
            raw_body: None,
        };
        operation.check_messages(packages, report);
        match message_option(pool, &options, "trichrome.operation") {
            Some(option) => operation.read_operation(&option, report),
            None => report.method(method, "add `option (trichrome.operation)`"),
        }
        match message_option(pool, &options, "google.api.http") {
            Some(rule) => {
                operation.read_http(&rule, report);
                operation.check_lists(report);
            }
            None => report.method(method, "add `option (google.api.http)`"),
        }
        operation.check_raw_body(report);
        operation.check_cacheable(report);
        operation
    }

    /// Whether a call changes data of its caller alone.
    pub(crate) fn is_owners_write(&self) -> bool {
        self.access == "Owner" && self.verb != "GET"
    }

    /// Responses are kept by caller, and only those that change nothing can be.
    fn check_cacheable(&self, report: &mut Report) {
        if self.cacheable && (self.access != "Owner" || self.verb != "GET" || self.success != 200) {
            report.method(
                &self.method,
                "cacheable needs `access: ACCESS_OWNER`, `success: 200` and a `get` route",
            );
        }
    }

    /// A raw body needs a body, and one field to fill.
    fn check_raw_body(&self, report: &mut Report) {
        let method = &self.method;
        let Some(name) = &self.raw_body else {
            return;
        };
        let field = method.input().get_field_by_name(name);
        if !field.is_some_and(|field| matches!(field.kind(), Kind::Bytes) && !field.is_list()) {
            report.method(
                method,
                format!(
                    "raw_body: {name:?} is no field of type bytes of {}",
                    method.input().full_name()
                ),
            );
        }
        if !self.body {
            report.method(method, "raw_body needs `body: \"*\"`");
        }
    }

    fn check_messages(&self, packages: &[&str], report: &mut Report) {
        let method = &self.method;
        if method.is_client_streaming() || method.is_server_streaming() {
            report.method(method, "streams aren't supported");
        }
        for message in [method.input(), method.output()] {
            let ours = packages.contains(&message.package_name());
            if !ours && message.full_name() != EMPTY {
                let name = message.full_name();
                report.method(
                    method,
                    format!("{name} is neither of the contract nor {EMPTY}"),
                );
            }
        }
        for field in method.input().fields() {
            let nested = matches!(field.kind(), Kind::Message(kind) if packages.contains(&kind.package_name()));
            let of_text = matches!(field.kind(), Kind::String);
            if nested || field.is_list() && !of_text {
                report.field(
                    &field,
                    format!(
                        "a request of rpc {} has messages or lists other than of strings, whose \
                         rules aren't checked",
                        method.full_name()
                    ),
                );
            }
        }
    }

    /// Reports lists that would have to travel in a query.
    fn check_lists(&self, report: &mut Report) {
        if self.body {
            return;
        }
        let input = self.method.input();
        for field in input.fields().filter(FieldDescriptor::is_list) {
            report.field(
                &field,
                format!(
                    "a list needs a body: add `body: \"*\"` to rpc {}",
                    self.method.full_name()
                ),
            );
        }
    }

    fn read_operation(&mut self, option: &DynamicMessage, report: &mut Report) {
        let method = &self.method;
        self.function = text(option, "function");
        check_function(&self.function, |problem| report.method(method, problem));

        self.success = number(option, "success");
        let empty = method.output().full_name() == EMPTY;
        let redirects = (300..400).contains(&self.success);
        if !redirects && !(200..300).contains(&self.success) {
            report.method(method, "set `success` to a 2xx or 3xx status");
        } else if redirects && !is_text(&method.output(), "url") {
            report.method(method, "a redirect needs a string `url` in the response");
        } else if (self.success == 204) != empty {
            report.method(method, format!("success 204 and {EMPTY} go together"));
        }

        let command = message(option, "command");
        self.topic = command
            .as_ref()
            .map(|c| text(c, "topic"))
            .unwrap_or_default();
        self.keys = command
            .as_ref()
            .map(|c| texts(c, "keys"))
            .unwrap_or_default();
        if self.topic.is_empty() || self.keys.is_empty() || self.keys.contains(&String::new()) {
            report.method(
                method,
                "set `command` to a Kafka topic and at least one key",
            );
        }

        self.access = match enum_number(option, "access") {
            1 => "Public",
            2 => "User",
            3 => "Owner",
            _ => {
                report.method(method, "set `access`: who may call it?");
                "Public"
            }
        };
        if self.access == "Owner" && !is_text(&method.input(), "user_id") {
            report.method(
                method,
                "ACCESS_OWNER needs a string `user_id` in the request",
            );
        }
        self.idempotent_by_key = flag(option, "idempotent_by_key");
        self.rate_limit = number(option, "rate_limit");
        self.cacheable = flag(option, "cacheable");
        self.raw_body = Some(text(option, "raw_body")).filter(|field| !field.is_empty());
    }

    fn read_http(&mut self, rule: &DynamicMessage, report: &mut Report) {
        let method = &self.method;
        let bound = ["get", "put", "post", "delete", "patch"]
            .iter()
            .find_map(|verb| match text(rule, verb) {
                path if path.is_empty() => None,
                path => Some((verb.to_uppercase(), path)),
            });
        let Some((verb, path)) = bound else {
            report.method(
                method,
                "(google.api.http) needs `get`, `put`, `post`, `delete` or `patch` with a path",
            );
            return;
        };
        if rule.has_field_by_name("additional_bindings") {
            report.method(
                method,
                "additional_bindings isn't supported: one route an operation",
            );
        }
        match text(rule, "body").as_str() {
            "" => {}
            "*" if ["GET", "DELETE"].contains(&verb.as_str()) => {
                report.method(method, format!("a {verb} has no body"));
            }
            "*" => self.body = true,
            field => report.method(
                method,
                format!("body: \"{field}\" isn't supported; use \"*\" or leave it out"),
            ),
        }
        check_path(method, &path, report);
        let field = text(rule, "response_body");
        if !field.is_empty() {
            check_response_body(method, &field, report);
            self.response_body = Some(field);
        }
        self.verb = verb;
        self.path = path;
    }
}

/// Reports a function's name that isn't kebab-case, or a single word.
pub(crate) fn check_function(function: &str, mut report: impl FnMut(String)) {
    let is_word = |word: &str| {
        let fits = |byte: u8| byte.is_ascii_lowercase() || byte.is_ascii_digit();
        !word.is_empty() && word.bytes().all(fits)
    };
    let kebab = function.contains('-') && function.split('-').all(is_word);
    if function.is_empty() {
        report("set `function`".to_owned());
    } else if !kebab {
        report(format!(
            "the function {function:?} must be kebab-case, what it is about and what it does: \
             \"pictures-create\""
        ));
    }
}

/// The parameters of a path, each in braces and a whole segment; `None` where it has another
/// shape.
pub(crate) fn segments(path: &str) -> Option<Vec<Segment<'_>>> {
    let word = |text: &str| {
        let fits = |byte: u8| byte.is_ascii_alphanumeric() || b"-._~".contains(&byte);
        !text.is_empty() && text.bytes().all(fits)
    };
    path.strip_prefix('/')?
        .split('/')
        .map(|segment| {
            let name = segment
                .strip_prefix('{')
                .and_then(|rest| rest.strip_suffix('}'));
            match name {
                Some(name) if word(name) => Some(Segment::Parameter(name)),
                None if word(segment) => Some(Segment::Literal(segment)),
                _ => None,
            }
        })
        .collect()
}

/// One segment of a path.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum Segment<'a> {
    Literal(&'a str),
    Parameter(&'a str),
}

fn check_path(method: &MethodDescriptor, path: &str, report: &mut Report) {
    let Some(segments) = segments(path) else {
        report.method(
            method,
            format!(
                "the path {path:?} isn't supported: it must begin with `/`, and each segment be a \
                 literal or one parameter such as `{{picture_id}}`"
            ),
        );
        return;
    };
    let input = method.input();
    let mut seen = Vec::new();
    for segment in segments {
        let Segment::Parameter(name) = segment else {
            continue;
        };
        if seen.contains(&name) {
            report.method(method, format!("the path names {{{name}}} twice"));
        }
        seen.push(name);
        match input.get_field_by_name(name) {
            _ if name.contains('.') => report.method(
                method,
                format!("the path's {{{name}}} is within a message, which isn't supported"),
            ),
            None => report.method(
                method,
                format!("the path's {{{name}}} is no field of {}", input.full_name()),
            ),
            Some(field) if !matches!(field.kind(), Kind::String) || field.is_list() => report
                .method(
                    method,
                    format!("the path's {{{name}}} must be a string field"),
                ),
            Some(field) if !is_required(&field) => report.method(
                method,
                format!("the path's {{{name}}} must be a field with the rule `required`"),
            ),
            Some(_) => {}
        }
    }
}

fn is_required(field: &FieldDescriptor) -> bool {
    message_option(field.parent_pool(), &field.options(), "buf.validate.field")
        .is_some_and(|rules| flag(&rules, "required"))
}

/// Everything beside `response_body` travels as a header, so it must be text.
fn check_response_body(method: &MethodDescriptor, name: &str, report: &mut Report) {
    let output = method.output();
    if output.get_field_by_name(name).is_none() {
        report.method(
            method,
            format!(
                "response_body: {name:?} is no field of {}",
                output.full_name()
            ),
        );
    }
    for field in output.fields().filter(|field| field.name() != name) {
        if !is_text(&output, field.name()) {
            report.method(
                method,
                format!(
                    "{} travels as a header beside the response_body, so it must be a string",
                    field.full_name()
                ),
            );
        }
    }
}

fn is_text(message: &MessageDescriptor, name: &str) -> bool {
    message
        .get_field_by_name(name)
        .is_some_and(|field| matches!(field.kind(), Kind::String) && !field.is_list())
}
