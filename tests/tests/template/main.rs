//! Holds `template.yaml` against the contract, and its policies against what the functions'
//! code calls. Needs nothing running.

#![expect(
    clippy::expect_used,
    clippy::unwrap_used,
    reason = "a test fails by a panic, in its helpers too"
)]

mod yaml;

use std::{
    collections::{BTreeMap, BTreeSet},
    path::Path,
};

use serde_json::{Map, Value};
use trichrome_proto::contract::{OPERATIONS, TRIGGERS};

/// Called by CloudFormation, and so no operation of the contract.
const MIGRATE: &str = "analytics-migrate";

/// Called by a schedule.
const SWEEP: &str = "pictures-sweep";

/// What each function does of AWS, as `action on resource`: what its code calls, and no more.
/// A run of the scenarios with MiniStack's enforcement of policies (`cargo xtask test`) shows
/// that it is enough.
const ACTIONS: [(&str, &[&str]); 17] = [
    (
        "auth-signup",
        &[
            "dynamodb:GetItem on UsersTable",
            "dynamodb:PutItem on UsersTable",
            "secretsmanager:GetSecretValue on TokenKey",
        ],
    ),
    (
        "auth-login",
        &[
            "dynamodb:GetItem on UsersTable",
            "secretsmanager:GetSecretValue on TokenKey",
        ],
    ),
    ("auth-validate", &["dynamodb:GetItem on UsersTable"]),
    ("users-get", &["dynamodb:GetItem on UsersTable"]),
    ("users-get-by-username", &["dynamodb:GetItem on UsersTable"]),
    (
        "users-validate-password",
        &["dynamodb:GetItem on UsersTable"],
    ),
    // Both puts are parts of a transaction; the get tells a repeated create from a taken name.
    (
        "users-create",
        &[
            "dynamodb:GetItem on UsersTable",
            "dynamodb:PutItem on UsersTable",
        ],
    ),
    (
        "users-delete",
        &[
            "dynamodb:BatchWriteItem on PicturesTable",
            "dynamodb:DeleteItem on UsersTable",
            "dynamodb:GetItem on UsersTable",
            "dynamodb:Query on PicturesTable",
            "dynamodb:UpdateItem on UsersTable",
            "s3:DeleteObject on objects of PicturesBucket",
            "s3:ListBucket on PicturesBucket",
        ],
    ),
    // s3:ListBucket: without it, S3 answers 403 for an object that is not there.
    (
        "pictures-list",
        &[
            "dynamodb:Query on PicturesTable",
            "s3:GetObject on objects of PicturesBucket",
            "s3:ListBucket on PicturesBucket",
        ],
    ),
    (
        "pictures-get",
        &[
            "dynamodb:GetItem on PicturesTable",
            "s3:GetObject on objects of PicturesBucket",
            "s3:ListBucket on PicturesBucket",
        ],
    ),
    (
        "pictures-create",
        &[
            "dynamodb:ConditionCheckItem on UsersTable",
            "dynamodb:GetItem on PicturesTable",
            "dynamodb:PutItem on PicturesTable",
            "s3:DeleteObject on objects of PicturesBucket",
            "s3:PutObject on objects of PicturesBucket",
        ],
    ),
    (
        "pictures-delete",
        &[
            "dynamodb:DeleteItem on PicturesTable",
            "dynamodb:UpdateItem on PicturesTable",
            "s3:DeleteObject on objects of PicturesBucket",
        ],
    ),
    ("analytics-log", &[]),
    ("analytics-get", &[]),
    ("analytics-ingest", &[]),
    (MIGRATE, &[]),
    (
        SWEEP,
        &[
            "dynamodb:BatchGetItem on PicturesTable",
            "s3:DeleteObject on objects of PicturesBucket",
            "s3:ListBucket on PicturesBucket",
        ],
    ),
];

/// The policies that AWS asks for with `Resource: '*'`, because what they make has no name yet.
const ANY_RESOURCE: [&str; 2] = ["MskPolicy", "SelfManagedKafkaVpcPolicy"];

struct Template(Value);

impl Template {
    fn read() -> Self {
        let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../template.yaml");
        let text = std::fs::read_to_string(path).expect("template.yaml");
        Self(yaml::read(&text).expect("YAML"))
    }

    fn resources(&self) -> &Map<String, Value> {
        self.0["Resources"].as_object().expect("Resources")
    }

    fn of_type<'a>(&'a self, kind: &'a str) -> impl Iterator<Item = (&'a String, &'a Value)> {
        self.resources()
            .iter()
            .filter(move |(_, resource)| resource["Type"] == kind)
    }

    /// By the functions' names in the contract.
    fn functions(&self) -> BTreeMap<String, &Value> {
        self.of_type("AWS::Serverless::Function")
            .map(|(id, function)| {
                let name = function["Properties"]["FunctionName"]["Fn::Sub"]
                    .as_str()
                    .and_then(|name| name.strip_prefix("${AWS::StackName}-"))
                    .unwrap_or_else(|| panic!("{id} has no name that begins with the stack's"));
                (name.to_owned(), &function["Properties"])
            })
            .collect()
    }
}

fn contract() -> BTreeSet<String> {
    let operations = OPERATIONS.iter().map(|operation| operation.function);
    let triggers = TRIGGERS.iter().map(|trigger| trigger.function);
    operations.chain(triggers).map(str::to_owned).collect()
}

#[test]
fn the_functions_are_the_contracts_each_with_its_own_code() {
    let template = Template::read();
    let functions = template.functions();
    let mut expected = contract();
    expected.extend([MIGRATE, SWEEP].map(str::to_owned));
    let names: BTreeSet<_> = functions.keys().cloned().collect();
    assert_eq!(names, expected);
    for (name, properties) in functions {
        let code = format!("target/lambda/{name}/bootstrap.zip");
        assert_eq!(properties["CodeUri"], code.as_str(), "the code of {name}");
    }
}

#[test]
fn the_routes_are_the_contracts() {
    let template = Template::read();
    let mut routes = BTreeSet::new();
    for (name, properties) in template.functions() {
        let events = properties["Events"].as_object();
        for event in events.into_iter().flat_map(Map::values) {
            let kind = if name == SWEEP { "Schedule" } else { "Api" };
            assert_eq!(event["Type"], kind, "an event of {name}");
            if name == SWEEP {
                continue;
            }
            let route = &event["Properties"];
            assert_eq!(route["RestApiId"]["Ref"], "Api", "the API of {name}");
            let (method, path) = (route["Method"].as_str(), route["Path"].as_str());
            routes.insert(format!("{} {} -> {name}", method.unwrap(), path.unwrap()));
        }
    }
    let contract: BTreeSet<_> = OPERATIONS
        .iter()
        .map(|operation| {
            let http = &operation.http;
            format!("{} {} -> {}", http.method, http.path, operation.function)
        })
        .collect();
    assert_eq!(routes, contract);
}

#[test]
fn kafka_sources_read_the_contracts_topic_and_take_partial_failures() {
    let template = Template::read();
    let [trigger] = TRIGGERS else {
        panic!("one trigger: {TRIGGERS:?}");
    };
    let sources: Vec<_> = template
        .of_type("AWS::Lambda::EventSourceMapping")
        .collect();
    assert_eq!(sources.len(), 2);
    for (id, source) in sources {
        let properties = &source["Properties"];
        assert_eq!(properties["Topics"][0], trigger.topic, "{id}");
        assert_eq!(properties["FunctionName"]["Ref"], "AnalyticsIngestFunction");
        assert_eq!(
            properties["FunctionResponseTypes"][0],
            "ReportBatchItemFailures"
        );
        assert!(source["Condition"].is_string(), "{id} is off by default");
    }
}

#[test]
fn each_function_may_do_what_its_code_does_and_nothing_else() {
    let template = Template::read();
    let functions = template.functions();
    let expected: BTreeMap<_, _> = ACTIONS.into_iter().collect();
    for (name, properties) in functions {
        let mut actions = BTreeSet::new();
        let mut logs_calls = false;
        for policy in properties["Policies"].as_array().into_iter().flatten() {
            if policy["Ref"] == "CallLogPolicy" {
                logs_calls = true;
                continue;
            }
            // A policy of AWS's, by name, would be a string.
            let statements = policy["Statement"].as_array();
            let statements = statements.unwrap_or_else(|| panic!("{name}: {policy}"));
            for statement in statements {
                actions.extend(granted(statement));
            }
        }
        let expected: BTreeSet<_> = expected[name.as_str()]
            .iter()
            .map(ToString::to_string)
            .collect();
        assert_eq!(actions, expected, "{name}");
        let is_operation = OPERATIONS
            .iter()
            .any(|operation| operation.function == name);
        assert_eq!(logs_calls, is_operation, "{name}: the policy for call logs");
    }
}

/// `action on resource`, for each action.
fn granted(statement: &Value) -> Vec<String> {
    assert_eq!(statement["Effect"], "Allow", "{statement}");
    let resource = &statement["Resource"];
    let get_att = resource["Fn::GetAtt"].as_str();
    let sub = resource["Fn::Sub"].as_str();
    let resource = match (get_att, sub) {
        (Some(attribute), None) => attribute.split('.').next().unwrap().to_owned(),
        (None, Some("${PicturesBucket.Arn}/*")) => "objects of PicturesBucket".to_owned(),
        _ => panic!("neither a resource of the template nor a part of one: {resource}"),
    };
    texts(&statement["Action"])
        .into_iter()
        .map(|action| format!("{action} on {resource}"))
        .collect()
}

fn texts(value: &Value) -> Vec<&str> {
    match value {
        Value::Array(values) => values.iter().filter_map(Value::as_str).collect(),
        value => value.as_str().into_iter().collect(),
    }
}

#[test]
fn nobody_is_allowed_every_action_or_everything() {
    let template = Template::read();
    for (id, resource) in template.resources() {
        // It denies.
        if resource["Type"] == "AWS::S3::BucketPolicy" {
            continue;
        }
        each_statement(resource, &mut |statement| {
            for action in texts(&statement["Action"]) {
                assert!(!action.contains('*'), "{id} allows {action}");
            }
            let all = texts(&statement["Resource"]).contains(&"*");
            assert!(
                !all || ANY_RESOURCE.contains(&id.as_str()),
                "{id} allows on *"
            );
        });
    }
}

fn each_statement(value: &Value, look: &mut impl FnMut(&Value)) {
    match value {
        Value::Object(fields) => {
            if fields.contains_key("Effect") {
                look(value);
            }
            fields
                .values()
                .for_each(|field| each_statement(field, look));
        }
        Value::Array(values) => values.iter().for_each(|value| each_statement(value, look)),
        _ => {}
    }
}

/// And no other function: the one that CloudFormation calls is not among them.
#[test]
fn the_gateway_may_invoke_what_the_contract_has() {
    let template = Template::read();
    let policy = &template.resources()["GatewayPolicy"]["Properties"]["PolicyDocument"];
    let allowed: BTreeSet<_> = policy["Statement"][0]["Resource"]
        .as_array()
        .expect("a list of functions")
        .iter()
        .map(|function| {
            let id = function["Fn::GetAtt"].as_str().expect("a function's Arn");
            let id = id.strip_suffix(".Arn").expect("a function's Arn");
            let name = &template.resources()[id]["Properties"]["FunctionName"]["Fn::Sub"];
            name.as_str().unwrap().replace("${AWS::StackName}-", "")
        })
        .collect();
    assert_eq!(allowed, contract());
}

#[test]
fn data_outlives_the_stack() {
    let template = Template::read();
    for id in ["UsersTable", "PicturesTable", "PicturesBucket", "TokenKey"] {
        let resource = &template.resources()[id];
        assert_eq!(resource["DeletionPolicy"], "RetainExceptOnCreate", "{id}");
        assert_eq!(resource["UpdateReplacePolicy"], "Retain", "{id}");
    }
}

#[test]
fn no_secret_is_in_it() {
    let template = Template::read();
    let key = &template.resources()["TokenKey"]["Properties"];
    assert!(key["SecretString"].is_null(), "{key}");
    for (name, properties) in template.functions() {
        let variables = &properties["Environment"]["Variables"];
        let url = &variables["DATABASE_URL"];
        let text = url["Fn::Sub"].as_str().unwrap_or_default();
        assert!(
            url.is_null() || text.starts_with("{{resolve:secretsmanager:"),
            "{name}: {url}"
        );
        let signs = matches!(name.as_str(), "auth-signup" | "auth-login");
        assert_eq!(!variables["TOKEN_KEY_SECRET_ID"].is_null(), signs, "{name}");
    }
}
