//! What the build refuses in the contract, each with the file, the line and the definition.

#![expect(
    clippy::expect_used,
    clippy::unwrap_used,
    reason = "a test fails by a panic, in its helpers too"
)]

#[path = "../build/contract.rs"]
mod contract;
#[path = "../build/operation.rs"]
mod operation;
#[path = "../build/options.rs"]
mod options;
#[path = "../build/report.rs"]
mod report;
#[path = "../build/rules.rs"]
mod rules;
#[path = "../build/table.rs"]
mod table;

use std::sync::LazyLock;

use contract::Contract;
use prost_reflect::DescriptorPool;
use protox::{
    Compiler,
    file::{ChainFileResolver, DescriptorSetFileResolver, File, FileResolver},
};

const FILE: &str = "things/things.proto";

/// All on one line, so that a test's text begins in line 2.
const HEAD: &str = r#"syntax = "proto3"; package things; import "buf/validate/validate.proto"; import "google/api/annotations.proto"; import "google/protobuf/empty.proto"; import "google/protobuf/timestamp.proto"; import "trichrome/contract.proto";"#;

/// The imports, compiled once.
static IMPORTS: LazyLock<Vec<u8>> = LazyLock::new(|| {
    let mut compiler = Compiler::new([env!("CARGO_MANIFEST_DIR")]).unwrap();
    compiler.include_imports(true);
    compiler
        .open_files([
            "buf/validate/validate.proto",
            "google/api/annotations.proto",
            "google/protobuf/empty.proto",
            "google/protobuf/timestamp.proto",
            "trichrome/contract.proto",
        ])
        .expect("the imports compile");
    compiler.encode_file_descriptor_set()
});

/// A contract in memory.
struct Source(String);

impl FileResolver for Source {
    fn open_file(&self, name: &str) -> Result<File, protox::Error> {
        if name == FILE {
            File::from_source(name, &self.0)
        } else {
            Err(protox::Error::file_not_found(name))
        }
    }
}

fn read(text: &str) -> Result<Contract, Vec<String>> {
    let mut files = ChainFileResolver::new();
    files.add(Source(format!("{HEAD}\n{text}")));
    files.add(DescriptorSetFileResolver::decode(IMPORTS.as_slice()).unwrap());
    let mut compiler = Compiler::with_file_resolver(files);
    compiler.include_imports(true).include_source_info(true);
    compiler.open_file(FILE).expect("the protos compile");
    let set = compiler.encode_file_descriptor_set();
    let pool = DescriptorPool::decode(set.as_slice()).unwrap();
    contract::read(&pool, &["things"])
        .map_err(|problems| problems.iter().map(str::to_owned).collect())
}

/// Asserts that the build refuses a contract for one reason, which contains all the parts.
fn refuses(text: &str, parts: &[&str]) {
    let problems = read(text).err().expect(text);
    let [problem] = problems.as_slice() else {
        panic!("{text}\nhas the problems {problems:#?}");
    };
    for part in parts {
        assert!(problem.contains(part), "{problem:?} lacks {part:?}");
    }
}

const GET: &str = r#"option (google.api.http) = {get: "/things/{id}"};"#;
const OPERATION: &str = r#"option (trichrome.operation) = {
    function: "things-get" command: {topic: "things" keys: "get"} access: ACCESS_PUBLIC success: 200
  };"#;
const MESSAGES: &str = r#"
message Thing { string id = 1; }
message Request {
  string id = 1 [(buf.validate.field).required = true];
  string name = 2;
  uint32 count = 3;
}"#;

/// A service with one rpc with these options; the rpc is in line 3.
fn service(options: &str) -> String {
    rpcs(&format!(
        "  rpc Get(Request) returns (Thing) {{ {options} }}"
    ))
}

fn rpcs(rpcs: &str) -> String {
    format!("service Things {{\n{rpcs}\n}}{MESSAGES}")
}

/// A service whose rpc is right, with these further messages.
fn messages(text: &str) -> String {
    format!("{text}\n{}", service(&format!("{GET} {OPERATION}")))
}

/// Refuses an rpc whose operation's text is changed.
fn refuses_operation(from: &str, to: &str, reason: &str) {
    assert!(OPERATION.contains(from), "{from}");
    let text = service(&format!("{GET} {}", OPERATION.replace(from, to)));
    refuses(
        &text,
        &[
            "proto/things/things.proto:3: rpc things.Things.Get: ",
            reason,
        ],
    );
}

/// Refuses an rpc with this `google.api.http`.
fn refuses_route(http: &str, reason: &str) {
    let text = service(&format!(
        "option (google.api.http) = {{{http}}}; {OPERATION}"
    ));
    refuses(
        &text,
        &[
            "proto/things/things.proto:3: rpc things.Things.Get: ",
            reason,
        ],
    );
}

/// Refuses a field, in line 3, of a message.
fn refuses_field(field: &str, reason: &str) {
    let text = messages(&format!("message Other {{\n  {field}\n}}"));
    refuses(
        &text,
        &["proto/things/things.proto:3: things.Other.", reason],
    );
}

#[test]
fn accepts_a_contract_that_is_right() {
    let fields = r#"message Other {
  string secret = 1 [(buf.validate.field).required = true, (buf.validate.field).string.min_len = 3,
    (buf.validate.field).string.max_len = 9, (trichrome.format) = FORMAT_SECRET];
  string id = 2 [(buf.validate.field).string.uuid = true, (buf.validate.field).ignore = IGNORE_IF_ZERO_VALUE];
  uint32 count = 3 [(buf.validate.field).uint32.gte = 2, (buf.validate.field).uint32.lte = 4,
    (buf.validate.field).ignore = IGNORE_IF_ZERO_VALUE];
  repeated Thing things = 4;
  google.protobuf.Timestamp at = 5 [(buf.validate.field).required = true];
}"#;
    let contract = read(&messages(fields)).unwrap();
    let fields = contract.messages.iter().flat_map(|message| &message.fields);
    let hidden: Vec<_> = fields
        .filter(|field| field.rules.hides())
        .map(|field| field.descriptor.name())
        .collect();
    assert_eq!(hidden, ["secret"]);
    let table = table::generate(&contract).unwrap();
    for part in [
        "function: \"things-get\"",
        "required: true, min_len: 3, max_len: Some(9), format: Format::Secret, gte: 0, lte: None, max_items: None",
        "required: false, min_len: 0, max_len: None, format: Format::Uuid, gte: 0, lte: None, max_items: None",
        "required: false, min_len: 0, max_len: None, format: Format::Line, gte: 2, lte: Some(4), max_items: None",
    ] {
        assert!(table.contains(part), "{table}\nlacks {part}");
    }
}

#[test]
fn refuses_missing_options() {
    let place = "proto/things/things.proto:3: rpc things.Things.Get: ";
    refuses(&service(GET), &[place, "(trichrome.operation)"]);
    refuses(&service(OPERATION), &[place, "(google.api.http)"]);
    refuses_operation("function: \"things-get\"", "", "set `function`");
    refuses_operation("things-get", "get", "what it is about and what it does");
    refuses_operation("things-get", "things-Get", "kebab-case");
    refuses_operation("access: ACCESS_PUBLIC", "", "set `access`");
    refuses_operation("success: 200", "", "2xx or 3xx status");
    refuses_operation("success: 200", "success: 204", "google.protobuf.Empty");
    refuses_operation("success: 200", "success: 302", "needs a string `url`");
    refuses_operation("topic: \"things\"", "", "Kafka topic");
    refuses_operation("keys: \"get\"", "", "at least one key");
    refuses_operation("ACCESS_PUBLIC", "ACCESS_OWNER", "`user_id`");
}

#[test]
fn refuses_routes_that_are_not_supported() {
    refuses_route("body: \"*\"", "needs `get`, `put`");
    refuses_route(
        "custom: {kind: \"HEAD\" path: \"/things\"}",
        "needs `get`, `put`",
    );
    refuses_route(
        "get: \"/things/{id}\" additional_bindings {get: \"/thing/{id}\"}",
        "additional_bindings",
    );
    refuses_route("patch: \"/things/{id}\" body: \"name\"", "body: \"name\"");
    refuses_route("get: \"/things/{id}\" body: \"*\"", "a GET has no body");
    refuses_route(
        "delete: \"/things/{id}\" body: \"*\"",
        "a DELETE has no body",
    );
    refuses_route("get: \"/things\" response_body: \"none\"", "response_body");
    for path in [
        "things",
        "/things/",
        "/things/{id=*}",
        "/things/{id=things/**}",
        "/things/*",
        "/things/{id}:get",
        "/things/a{id}",
    ] {
        refuses_route(&format!("get: \"{path}\""), path);
    }
    refuses_route(
        "get: \"/things/{ids}\"",
        "{ids} is no field of things.Request",
    );
    refuses_route(
        "get: \"/things/{thing.id}\"",
        "{thing.id} is within a message",
    );
    refuses_route("get: \"/things/{id}/{id}\"", "{id} twice");
    refuses_route("get: \"/things/{count}\"", "{count} must be a string");
    refuses_route(
        "get: \"/things/{name}\"",
        "{name} must be a field with the rule `required`",
    );
}

#[test]
fn refuses_shared_addresses() {
    let two = |http: &str, operation: &str| {
        rpcs(&format!(
            "  rpc Get(Request) returns (Thing) {{ {GET} {OPERATION} }}\n  \
               rpc Other(Request) returns (Thing) {{\n    \
               option (google.api.http) = {{{http}}};\n    \
               option (trichrome.operation) = {{{operation} access: ACCESS_PUBLIC success: 200}};\n  }}"
        ))
    };
    let other = "rpc things.Things.Get (proto/things/things.proto:3)";
    let own_route = "get: \"/others/{id}\"";
    let own = "function: \"things-other\" command: {topic: \"things\" keys: \"other\"}";
    assert!(read(&two(own_route, own)).is_ok());
    for (http, operation, reason) in [
        (
            own_route,
            "function: \"things-get\" command: {topic: \"things\" keys: \"other\"}",
            "the function \"things-get\"",
        ),
        (
            own_route,
            "function: \"things-other\" command: {topic: \"things\" keys: \"other\" keys: \"get\"}",
            "the Kafka key \"get\" of the topic \"things\"",
        ),
        ("get: \"/things/{id}\"", own, "the route GET /things/{}"),
    ] {
        // The three lines of OPERATION are before it.
        let place = "proto/things/things.proto:6: rpc things.Things.Other: ";
        refuses(&two(http, operation), &[place, reason, other]);
    }
    let renamed = two("delete: \"/things/{name}\"", own).replace(
        "string name = 2;",
        "string name = 2 [(buf.validate.field).required = true];",
    );
    refuses(&renamed, &["{name} here and {id} in rpc things.Things.Get"]);
}

#[test]
fn refuses_triggers_that_are_not_complete() {
    let with = |trigger: &str| {
        format!(
            "service Things {{\n  option (trichrome.trigger) = {{{trigger}}};\n  \
             rpc Get(Request) returns (Thing) {{ {GET} {OPERATION} }}\n}}{MESSAGES}"
        )
    };
    assert!(read(&with("function: \"things-read\" topic: \"t\"")).is_ok());
    refuses(
        &with("function: \"things-read\""),
        &["things.proto:2: things.Things: ", "topic"],
    );
    refuses(&with("topic: \"t\""), &["set `function`"]);
    refuses(
        &with("function: \"things-get\" topic: \"t\""),
        &["rpc things.Things.Get", "already that of things.Things"],
    );
}

#[test]
fn refuses_rpcs_and_messages_of_other_shapes() {
    let rpc = |signature: &str| rpcs(&format!("  rpc Get{signature} {{ {GET} {OPERATION} }}"));
    refuses(&rpc("(stream Request) returns (Thing)"), &["streams"]);
    refuses(&rpc("(Request) returns (stream Thing)"), &["streams"]);
    refuses(
        &rpc("(Request) returns (google.protobuf.Timestamp)"),
        &["google.protobuf.Timestamp is neither"],
    );
    for field in ["repeated string names = 4;", "Thing thing = 4;"] {
        let text = messages("").replace("uint32 count = 3;", field);
        refuses(&text, &["things.Request.", "rpc things.Things.Get"]);
    }
    refuses(
        &format!("{}\nservice More {{}}", messages("")),
        &["exactly one service"],
    );
    refuses_field("int64 a = 1;", "type isn't supported");
    refuses_field("repeated bytes a = 1;", "type isn't supported");
    refuses_field("map<string, string> a = 1;", "type isn't supported");
    refuses_field("optional string a = 1;", "optional");
    let text = messages("message Other {\n  oneof a {\n    string b = 1;\n  }\n}");
    refuses(
        &text,
        &["proto/things/things.proto:4: things.Other.b", "oneof"],
    );
    let headers = "message List { repeated Thing things = 1; uint32 count = 2; }";
    let text = messages(headers).replace("returns (Thing)", "returns (List)");
    refuses(
        &text.replace("/{id}\"", "/{id}\" response_body: \"things\""),
        &["things.List.count travels as a header"],
    );
}

#[test]
fn refuses_rules_that_a_table_cannot_hold() {
    for (rule, name) in [
        ("string.pattern = \"^a\"", "string.pattern"),
        ("string.email = true", "string.email"),
        ("string.len = 4", "string.len"),
        ("cel = {id: \"a\" expression: \"true\"}", "cel"),
        ("ignore = IGNORE_ALWAYS", "ignore"),
    ] {
        refuses_field(
            &format!("string a = 1 [(buf.validate.field).{rule}];"),
            &format!("the rule {name} isn't supported"),
        );
    }
    refuses_field(
        "uint32 a = 1 [(buf.validate.field).uint32.gt = 1];",
        "the rule uint32.gt isn't supported",
    );
    refuses_field(
        "double a = 1 [(buf.validate.field).double.lt = 1];",
        "the rule double isn't supported",
    );
    let message = "message Other {\n  option (buf.validate.message).cel_expression = \"true\";\n}";
    refuses(
        &messages(message),
        &["things.proto:2: things.Other: ", "(buf.validate.message)"],
    );
}

#[test]
fn refuses_rules_that_do_not_fit() {
    for (field, reason) in [
        (
            "string a = 1 [(buf.validate.field).uint32.lte = 1];",
            "rules of uint32",
        ),
        (
            "uint32 a = 1 [(buf.validate.field).string.max_len = 1];",
            "rules of string",
        ),
        (
            "bool a = 1 [(buf.validate.field).required = true];",
            "`required` is supported",
        ),
        (
            "string a = 1 [(buf.validate.field).string.uuid = true];",
            "refuses an empty value",
        ),
        (
            "string a = 1 [(buf.validate.field).string.min_len = 1];",
            "refuses an empty value",
        ),
        (
            "uint32 a = 1 [(buf.validate.field).uint32.gte = 1];",
            "refuses an empty value",
        ),
        (
            "string a = 1 [(buf.validate.field).required = true, \
             (buf.validate.field).ignore = IGNORE_IF_ZERO_VALUE];",
            "contradict",
        ),
        (
            "string a = 1 [(buf.validate.field).required = true, \
             (buf.validate.field).string.min_len = 2, (buf.validate.field).string.max_len = 1];",
            "no value satisfies",
        ),
        (
            "string a = 1 [(buf.validate.field).string.max_len = 1, \
             (trichrome.format) = FORMAT_BASE64];",
            "FORMAT_BASE64",
        ),
        (
            "string a = 1 [(buf.validate.field).required = true, \
             (buf.validate.field).string.uuid = true, (trichrome.format) = FORMAT_SECRET];",
            "FORMAT_SECRET",
        ),
        (
            "uint32 a = 1 [(trichrome.format) = FORMAT_SECRET];",
            "for strings",
        ),
    ] {
        refuses_field(field, reason);
    }
}

#[test]
fn reports_every_problem() {
    let text = service("").replace("string name", "int64 name");
    assert_eq!(read(&text).err().unwrap().len(), 3);
}

#[test]
fn a_raw_body_needs_a_body_and_a_field_of_bytes() {
    let operation = OPERATION.replace("success: 200", "success: 200 raw_body: \"name\"");
    let text = service(&format!("{GET} {operation}"));
    let problems = read(&text).err().unwrap();
    let [no_bytes, no_body] = problems.as_slice() else {
        panic!("{problems:#?}");
    };
    assert!(no_bytes.contains("no field of type bytes"), "{no_bytes}");
    assert!(no_body.contains("needs `body"), "{no_body}");
}

#[test]
fn only_reads_of_the_callers_own_data_are_cacheable() {
    let reason = "cacheable needs";
    refuses_operation("success: 200", "success: 200 cacheable: true", reason);
    let own = OPERATION
        .replace("ACCESS_PUBLIC", "ACCESS_OWNER")
        .replace("success: 200", "success: 200 cacheable: true");
    let of_user = |text: String| text.replace("string name", "string user_id");
    assert!(read(&of_user(service(&format!("{GET} {own}")))).is_ok());
    let delete = GET.replace("get:", "delete:");
    refuses(&of_user(service(&format!("{delete} {own}"))), &[reason]);
}
