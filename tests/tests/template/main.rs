//! Checks `template.yaml` against the contract, and its policies against what the functions'
//! code calls. Prints any missing YAML. Needs no stack.

#![expect(
    clippy::expect_used,
    clippy::unwrap_used,
    reason = "a test fails by a panic, in its helpers too"
)]

mod api;
mod pictures;
mod queues;
mod runbook;
mod yaml;

use std::{
    collections::{BTreeMap, BTreeSet},
    path::Path,
};

use serde_json::{Map, Value, json};
use trichrome_proto::{
    contract::{OPERATIONS, Operation, TRIGGERS, http_methods},
    generate::template_resource,
};

/// Called by CloudFormation.
const MIGRATE: &str = "analytics-migrate";

/// Called by schedules.
const SWEEP: &str = "pictures-sweep";
const UPKEEP: &str = "analytics-upkeep";

/// Called by the queue of S3's notifications.
const DERIVE: &str = "pictures-derive";

/// The AWS actions of each function's code, as `action on resource`. The scenarios run with
/// MiniStack's enforcement of policies, which shows that none is missing.
const ACTIONS: &[(&str, &[&str])] = &[
    (
        "auth-signup",
        &[
            "dynamodb:GetItem on UsersTable",
            "dynamodb:PutItem on UsersTable",
            "dynamodb:UpdateItem on UsersTable",
            "secretsmanager:GetSecretValue on TokenKey",
        ],
    ),
    (
        "auth-login",
        &[
            "dynamodb:GetItem on UsersTable",
            "dynamodb:UpdateItem on UsersTable",
            "secretsmanager:GetSecretValue on TokenKey",
        ],
    ),
    ("auth-validate", &["dynamodb:GetItem on UsersTable"]),
    (
        "auth-change-password",
        &[
            "dynamodb:GetItem on UsersTable",
            "dynamodb:UpdateItem on UsersTable",
            "secretsmanager:GetSecretValue on TokenKey",
        ],
    ),
    (
        "auth-revoke",
        &[
            "dynamodb:GetItem on UsersTable",
            "dynamodb:UpdateItem on UsersTable",
        ],
    ),
    ("users-get", &["dynamodb:GetItem on UsersTable"]),
    ("users-get-by-username", &["dynamodb:GetItem on UsersTable"]),
    (
        "users-validate-password",
        &[
            "dynamodb:GetItem on UsersTable",
            "dynamodb:UpdateItem on UsersTable",
        ],
    ),
    // Both puts are parts of a transaction; the get tells a repeated create from a taken name.
    (
        "users-create",
        &[
            "dynamodb:GetItem on UsersTable",
            "dynamodb:PutItem on UsersTable",
            "dynamodb:UpdateItem on UsersTable",
        ],
    ),
    (
        "users-delete",
        &[
            "dynamodb:BatchWriteItem on PicturesTable",
            "dynamodb:DeleteItem on UsersTable",
            "dynamodb:GetItem on UsersTable",
            "dynamodb:PutItem on UsersTable",
            "dynamodb:Query on PicturesTable",
            "dynamodb:UpdateItem on UsersTable",
            "s3:AbortMultipartUpload on objects of PicturesBucket",
            "s3:DeleteObject on objects of PicturesBucket",
            "s3:ListBucket on PicturesBucket",
            "s3:ListBucketMultipartUploads on PicturesBucket",
        ],
    ),
    // s3:ListBucket: without it, S3 returns 403 for a missing object.
    (
        "pictures-list",
        &[
            "dynamodb:GetItem on PicturesTable",
            "dynamodb:GetItem on UsersTable",
            "dynamodb:Query on PicturesTable",
            "s3:GetObject on objects of PicturesBucket",
            "s3:ListBucket on PicturesBucket",
        ],
    ),
    (
        "pictures-get",
        &[
            "dynamodb:GetItem on PicturesTable",
            "dynamodb:GetItem on UsersTable",
            "s3:GetObject on objects of PicturesBucket",
            "s3:ListBucket on PicturesBucket",
        ],
    ),
    (
        "pictures-index",
        &[
            "dynamodb:GetItem on PicturesTable",
            "dynamodb:GetItem on UsersTable",
            "dynamodb:Query on PicturesTable",
            "s3:GetObject on derivatives of PicturesBucket",
        ],
    ),
    // A link allows what the role of the function that signed it may do: s3:GetObject.
    (
        "pictures-content",
        &[
            "dynamodb:GetItem on PicturesTable",
            "dynamodb:GetItem on UsersTable",
            "s3:GetObject on objects of PicturesBucket",
        ],
    ),
    (
        "pictures-create",
        &[
            "dynamodb:ConditionCheckItem on UsersTable",
            "dynamodb:GetItem on PicturesTable",
            "dynamodb:GetItem on UsersTable",
            "dynamodb:PutItem on PicturesTable",
            "dynamodb:Query on PicturesTable",
            "dynamodb:UpdateItem on PicturesTable",
            "s3:DeleteObject on objects of PicturesBucket",
            "s3:GetObject on objects of PicturesBucket",
            "s3:PutObject on originals of PicturesBucket",
        ],
    ),
    (
        "pictures-update",
        &[
            "dynamodb:GetItem on PicturesTable",
            "dynamodb:GetItem on UsersTable",
            "dynamodb:PutItem on PicturesTable",
            "dynamodb:UpdateItem on PicturesTable",
            "s3:GetObject on objects of PicturesBucket",
        ],
    ),
    (
        "pictures-delete",
        &[
            "dynamodb:DeleteItem on PicturesTable",
            "dynamodb:GetItem on PicturesTable",
            "dynamodb:GetItem on UsersTable",
            "dynamodb:PutItem on PicturesTable",
            "dynamodb:Query on PicturesTable",
            "dynamodb:UpdateItem on PicturesTable",
            "s3:DeleteObject on objects of PicturesBucket",
        ],
    ),
    (
        "uploads-begin",
        &[
            "dynamodb:ConditionCheckItem on UsersTable",
            "dynamodb:GetItem on PicturesTable",
            "dynamodb:GetItem on UsersTable",
            "dynamodb:PutItem on PicturesTable",
            "dynamodb:Query on PicturesTable",
            "s3:AbortMultipartUpload on originals of PicturesBucket",
            "s3:GetObject on originals of PicturesBucket",
            "s3:ListBucket on PicturesBucket",
            "s3:ListMultipartUploadParts on originals of PicturesBucket",
            "s3:PutObject on originals of PicturesBucket",
        ],
    ),
    // s3:PutObject: a presigned request may do what its signer may.
    (
        "uploads-get",
        &[
            "dynamodb:GetItem on PicturesTable",
            "dynamodb:GetItem on UsersTable",
            "s3:GetObject on originals of PicturesBucket",
            "s3:ListBucket on PicturesBucket",
            "s3:ListMultipartUploadParts on originals of PicturesBucket",
            "s3:PutObject on originals of PicturesBucket",
        ],
    ),
    (
        "uploads-complete",
        &[
            "dynamodb:ConditionCheckItem on UsersTable",
            "dynamodb:DeleteItem on PicturesTable",
            "dynamodb:GetItem on PicturesTable",
            "dynamodb:GetItem on UsersTable",
            "dynamodb:PutItem on PicturesTable",
            "dynamodb:Query on PicturesTable",
            "dynamodb:UpdateItem on PicturesTable",
            "s3:AbortMultipartUpload on originals of PicturesBucket",
            "s3:DeleteObject on objects of PicturesBucket",
            "s3:GetObject on objects of PicturesBucket",
            "s3:ListBucket on PicturesBucket",
            "s3:ListMultipartUploadParts on originals of PicturesBucket",
            "s3:PutObject on originals of PicturesBucket",
        ],
    ),
    (
        "uploads-abort",
        &[
            "dynamodb:GetItem on PicturesTable",
            "dynamodb:GetItem on UsersTable",
            "dynamodb:UpdateItem on PicturesTable",
            "s3:AbortMultipartUpload on originals of PicturesBucket",
            "s3:DeleteObject on objects of PicturesBucket",
        ],
    ),
    ("analytics-log", &["dynamodb:GetItem on UsersTable"]),
    ("analytics-get", &["dynamodb:GetItem on UsersTable"]),
    ("analytics-ingest", &[]),
    (MIGRATE, &[]),
    (UPKEEP, &[]),
    (
        DERIVE,
        &[
            "dynamodb:UpdateItem on PicturesTable",
            "s3:DeleteObject on derivatives of PicturesBucket",
            "s3:GetObject on objects of PicturesBucket",
            "s3:ListBucket on PicturesBucket",
            "s3:PutObject on derivatives of PicturesBucket",
        ],
    ),
    (
        SWEEP,
        &[
            "dynamodb:BatchGetItem on PicturesTable",
            "dynamodb:DescribeTable on PicturesTable",
            "s3:AbortMultipartUpload on objects of PicturesBucket",
            "s3:DeleteObject on objects of PicturesBucket",
            "s3:ListBucket on PicturesBucket",
            "s3:ListBucketMultipartUploads on PicturesBucket",
        ],
    ),
];

/// The policies that need `Resource: '*'`, because they create resources that have no name yet.
const ANY_RESOURCE: [&str; 2] = ["MskPolicy", "SelfManagedKafkaPolicy"];

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

/// The AWS actions of a function, or a panic with the entry that is missing.
fn actions_of(function: &str) -> &'static [&'static str] {
    let entry = ACTIONS.iter().find(|(name, _)| *name == function);
    let (_, actions) = entry.unwrap_or_else(|| {
        panic!(
            "add the AWS calls of {function} to ACTIONS in tests/tests/template/main.rs, one entry \
             each, such as \"dynamodb:GetItem on PicturesTable\":\n    \
             (\"{function}\", &[\"TODO\"]),"
        )
    });
    for action in *actions {
        let is_action = |text: &str| {
            text.split_once(" on ")
                .is_some_and(|(it, _)| it.contains(':'))
        };
        assert!(
            is_action(action),
            "{function}: {action:?} isn't `service:Action on Resource`"
        );
    }
    actions
}

/// A function as `template.yaml` needs it.
fn function_block(operation: &Operation) -> String {
    let name = operation.function;
    format!(
        "  {id}:
    Type: AWS::Serverless::Function
    Properties:
      FunctionName: !Sub ${{AWS::StackName}}-{name}
      CodeUri: target/lambda/{name}/bootstrap.zip
      # In MB: what a function with similar work has.
      MemorySize: 256
      Policies:
        - !Ref CallLogPolicy
{policy}{events}",
        id = template_resource(name),
        policy = policy_block(actions_of(name)),
        events = events_block(operation),
    )
}

/// Parts of the bucket, as [`ACTIONS`] and as the template's policies name them. Originals from before
/// version 0.2.0 have no prefix.
const OBJECTS: [(&str, &str); 3] = [
    ("objects of PicturesBucket", "${PicturesBucket.Arn}/*"),
    (
        "originals of PicturesBucket",
        "${PicturesBucket.Arn}/originals/*",
    ),
    (
        "derivatives of PicturesBucket",
        "${PicturesBucket.Arn}/derived/*",
    ),
];

fn objects(name: &str) -> Option<&'static str> {
    let (_, resource) = OBJECTS.iter().find(|(objects, _)| *objects == name)?;
    Some(resource)
}

/// The policy that allows these actions.
fn policy_block(actions: &[&str]) -> String {
    let mut statements: BTreeMap<&str, Vec<&str>> = BTreeMap::new();
    for allowed in actions {
        let (action, resource) = allowed.split_once(" on ").expect("action on resource");
        statements.entry(resource).or_default().push(action);
    }
    if statements.is_empty() {
        return String::new();
    }
    let mut block = String::from("        - Version: '2012-10-17'\n          Statement:\n");
    for (resource, actions) in statements {
        let resource = match objects(resource) {
            Some(objects) => format!("!Sub {objects}"),
            None => format!("!GetAtt {resource}.Arn"),
        };
        block.push_str("            - Effect: Allow\n              Action:\n");
        for action in actions {
            block.push_str(&format!("                - {action}\n"));
        }
        block.push_str(&format!("              Resource: {resource}\n"));
    }
    block
}

/// The route of a function, as `template.yaml` needs it.
fn events_block(operation: &Operation) -> String {
    let (method, path) = (operation.http.method, operation.http.path);
    format!(
        "      Events:
        Rest:
          Type: Api
          Properties:
            RestApiId: !Ref Api
            Method: {method}
            Path: {path}
"
    )
}

#[test]
fn every_operation_has_its_function() {
    let template = Template::read();
    let functions = template.functions();
    let missing: String = OPERATIONS
        .iter()
        .filter(|operation| !functions.contains_key(operation.function))
        .map(|operation| function_block(operation) + "\n")
        .collect();
    assert!(
        missing.is_empty(),
        "add to the functions in template.yaml (a function that reads Postgres also needs what \
         AnalyticsGetFunction has):\n\n{missing}"
    );
    let mut expected = contract();
    expected.extend([DERIVE, MIGRATE, SWEEP, UPKEEP].map(str::to_owned));
    let names: BTreeSet<_> = functions.keys().cloned().collect();
    assert_eq!(
        names, expected,
        "functions of template.yaml and of the contract"
    );
    for (name, properties) in functions {
        let code = format!("target/lambda/{name}/bootstrap.zip");
        assert_eq!(properties["CodeUri"], code.as_str(), "the code of {name}");
        let id = template_resource(&name);
        let resource = &template.resources()[&id]["Properties"];
        assert_eq!(resource["CodeUri"], code.as_str(), "{id} is not {name}");
    }
}

/// The blocks that a failing test prints are what the template would contain.
#[test]
fn printed_blocks_are_like_those_of_the_template() {
    let template = Template::read();
    let functions = template.functions();
    for operation in OPERATIONS {
        let Some(written) = functions.get(operation.function) else {
            continue;
        };
        let printed = yaml::read(&function_block(operation)).expect("YAML");
        let printed = &printed[&template_resource(operation.function)]["Properties"];
        assert_eq!(printed["FunctionName"], written["FunctionName"]);
        assert_eq!(printed["CodeUri"], written["CodeUri"]);
        assert_eq!(printed["Events"], written["Events"]);
        let ((printed, calls), (written, mut shared)) = (allowed(printed), allowed(written));
        // Like the variables of the database, it is not derived from the contract.
        shared.remove("DatabasePolicy");
        assert_eq!((printed, calls), (written, shared));
    }
}

#[test]
fn every_operation_has_its_route() {
    let template = Template::read();
    let functions = template.functions();
    let mut routes = BTreeMap::new();
    for (name, properties) in &functions {
        let events = properties["Events"].as_object();
        for event in events.into_iter().flat_map(Map::values) {
            let is_scheduled = [SWEEP, UPKEEP].contains(&name.as_str());
            let kind = if is_scheduled { "Schedule" } else { "Api" };
            assert_eq!(event["Type"], kind, "an event of {name}");
            if is_scheduled {
                continue;
            }
            let route = &event["Properties"];
            assert_eq!(route["RestApiId"]["Ref"], "Api", "the API of {name}");
            let (method, path) = (route["Method"].as_str(), route["Path"].as_str());
            let route = (method.unwrap().to_owned(), path.unwrap().to_owned());
            let other = routes.insert(route, name.clone());
            assert_eq!(other, None, "another function has a route of {name}");
        }
    }
    let deployed = |operation: &&Operation| functions.contains_key(operation.function);
    for operation in OPERATIONS.iter().filter(deployed) {
        let http = &operation.http;
        let route = (http.method.to_owned(), http.path.to_owned());
        assert!(
            routes.remove(&route).as_deref() == Some(operation.function),
            "{} in template.yaml needs\n\n{}",
            template_resource(operation.function),
            events_block(operation),
        );
    }
    assert!(
        routes.is_empty(),
        "routes that the contract doesn't have: {routes:?}"
    );
}

/// API Gateway replaces what isn't UTF-8 in bodies of other types.
#[test]
fn raw_bodies_are_binary() {
    let template = Template::read();
    let (_, api) = template
        .of_type("AWS::Serverless::Api")
        .next()
        .expect("an API");
    let types = texts(&api["Properties"]["BinaryMediaTypes"]);
    assert_eq!(types, trichrome_proto::wire::media::RAW);
}

#[test]
fn browsers_may_use_every_method() {
    let template = Template::read();
    let mut methods = http_methods();
    methods.push("OPTIONS");
    methods.sort_unstable();
    let expected = format!("'{}'", methods.join(","));
    assert_eq!(
        template.resources()["Api"]["Properties"]["Cors"]["AllowMethods"],
        expected.as_str(),
        "the Api in template.yaml needs\n        AllowMethods: \"{expected}\"",
    );
}

/// `trichrome_analytics::kafka` relies on the limit of retries and the destination.
#[test]
fn kafka_sources_read_the_triggers_topic_and_accept_partial_failures() {
    let template = Template::read();
    let [trigger] = TRIGGERS else {
        panic!("one trigger: {TRIGGERS:?}");
    };
    let sources: Vec<_> = template
        .of_type("AWS::Lambda::EventSourceMapping")
        .filter(|(_, source)| source["Properties"]["Topics"].is_array())
        .collect();
    assert_eq!(sources.len(), 2);
    for (id, source) in sources {
        let properties = &source["Properties"];
        assert_eq!(properties["Topics"][0], trigger.topic, "{id}");
        assert_eq!(
            properties["FunctionName"]["Ref"],
            "AnalyticsIngestFunction.Alias"
        );
        assert_eq!(
            properties["FunctionResponseTypes"][0],
            "ReportBatchItemFailures"
        );
        assert!(source["Condition"].is_string(), "{id} is off by default");
        // Without provisioned mode, Lambda ignores partial failures and limits of retries.
        let pollers = &properties["ProvisionedPollerConfig"];
        assert!(pollers["MinimumPollers"].as_u64() >= Some(1), "{id}");
        assert!(
            pollers["MaximumPollers"].as_u64() >= pollers["MinimumPollers"].as_u64(),
            "{id}"
        );
        let retries = properties["MaximumRetryAttempts"].as_u64();
        assert!(retries.is_some_and(|it| (1..=10_000).contains(&it)), "{id}");
        let destination = &properties["DestinationConfig"]["OnFailure"]["Destination"];
        assert_eq!(destination["Fn::GetAtt"], "FailedEvents.Arn", "{id}");
        depends_on_its_permissions(&template, id, source);
    }
}

/// Lambda checks, when the source is created, what the function's role may do.
fn depends_on_its_permissions(template: &Template, id: &str, source: &Value) {
    let needed: BTreeSet<_> = template
        .of_type("AWS::IAM::Policy")
        .filter(|(_, policy)| {
            policy["Properties"]["Roles"][0]["Ref"] == "AnalyticsIngestFunctionRole"
                && (policy["Condition"] == source["Condition"]
                    || policy["Condition"] == "HasKafkaSource")
        })
        .map(|(name, _)| name.as_str())
        .collect();
    let waits: BTreeSet<_> = texts(&source["DependsOn"]).into_iter().collect();
    assert_eq!(waits, needed, "{id}: DependsOn");
    // A policy with a condition of its own could be neither in DependsOn nor waited for.
    let other = template.of_type("AWS::IAM::Policy").find(|(_, policy)| {
        let condition = policy["Condition"].as_str().unwrap_or("HasKafkaSource");
        !["HasKafkaSource", "HasMsk", "HasSelfManagedKafka"].contains(&condition)
    });
    assert_eq!(other.map(|(name, _)| name), None);
}

#[test]
fn policies_allow_what_the_code_does_and_no_more() {
    let template = Template::read();
    let functions = template.functions();
    for (name, properties) in functions {
        let (actions, shared) = allowed(properties);
        let expected: BTreeSet<_> = actions_of(&name).iter().map(ToString::to_string).collect();
        assert_eq!(
            actions, expected,
            "the policy of {name} in template.yaml, and its ACTIONS in this test"
        );
        let is_operation = OPERATIONS
            .iter()
            .any(|operation| operation.function == name);
        let logs_calls = shared.contains("CallLogPolicy");
        assert_eq!(logs_calls, is_operation, "{name}: the policy for call logs");
        let has_database = shared.contains("DatabasePolicy");
        let reads_secret = !properties["Environment"]["Variables"]["DATABASE_URL_SOURCE"].is_null();
        assert_eq!(
            has_database, reads_secret,
            "{name}: the policy for the database"
        );
        assert_eq!(has_database, name.starts_with("analytics-"), "{name}");
    }
}

/// The actions that a function's own policies allow, and the policies that it shares with others.
fn allowed(properties: &Value) -> (BTreeSet<String>, BTreeSet<String>) {
    let mut actions = BTreeSet::new();
    let mut shared = BTreeSet::new();
    for policy in properties["Policies"].as_array().into_iter().flatten() {
        if let Some(name) = policy["Ref"].as_str() {
            shared.insert(name.to_owned());
            continue;
        }
        // AWS's own policies, which are named by a string, allow too much.
        let statements = policy["Statement"].as_array();
        let statements = statements.unwrap_or_else(|| panic!("a policy of AWS: {policy}"));
        for statement in statements {
            actions.extend(granted(statement));
        }
    }
    (actions, shared)
}

/// `action on resource`, for each action.
fn granted(statement: &Value) -> Vec<String> {
    assert_eq!(statement["Effect"], "Allow", "{statement}");
    let resource = &statement["Resource"];
    let get_att = resource["Fn::GetAtt"].as_str();
    let sub = resource["Fn::Sub"].as_str();
    let part = OBJECTS.iter().find(|(_, part)| sub == Some(part));
    let resource = match (get_att, part) {
        (Some(attribute), None) => attribute.split('.').next().unwrap().to_owned(),
        (None, Some((objects, _))) => (*objects).to_owned(),
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

/// Exactly one secret, and Postgres by IAM only if the operator wants that.
#[test]
fn the_databases_policy_allows_its_secret_alone() {
    let template = Template::read();
    let policy = &template.resources()["DatabasePolicy"]["Properties"]["PolicyDocument"];
    let statements = policy["Statement"].as_array().unwrap();
    assert_eq!(statements.len(), 2, "{policy}");
    assert_eq!(
        statements[0],
        json!({
            "Effect": "Allow",
            "Action": "secretsmanager:GetSecretValue",
            "Resource": {"Fn::Sub": "arn:${AWS::Partition}:secretsmanager:${AWS::Region}:\
                ${AWS::AccountId}:secret:${DatabaseUrlSecret}-??????"},
        })
    );
    assert_eq!(
        statements[1]["Fn::If"],
        json!([
            "HasDatabaseIam",
            {
                "Effect": "Allow",
                "Action": "rds-db:connect",
                "Resource": {"Ref": "DatabaseIamUserArn"},
            },
            {"Ref": "AWS::NoValue"},
        ])
    );
}

#[test]
fn no_policy_allows_all_actions_or_all_resources() {
    let template = Template::read();
    for (id, resource) in template.resources() {
        // Its statements deny.
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
                "{id} allows any resource"
            );
        });
    }
}

fn each_statement(value: &Value, inspect: &mut impl FnMut(&Value)) {
    match value {
        Value::Object(fields) => {
            if fields.contains_key("Effect") {
                inspect(value);
            }
            fields
                .values()
                .for_each(|field| each_statement(field, inspect));
        }
        Value::Array(values) => values
            .iter()
            .for_each(|value| each_statement(value, inspect)),
        _ => {}
    }
}

/// The gateway's policy and the alarms are generated, but not the resources that they name.
#[test]
fn generated_parts_name_the_functions() {
    let template = Template::read();
    let expected: BTreeSet<_> = contract()
        .iter()
        .map(|name| template_resource(name))
        .collect();
    let policy = &template.resources()["GatewayPolicy"]["Properties"]["PolicyDocument"];
    let invoked: BTreeSet<_> = policy["Statement"][0]["Resource"]
        .as_array()
        .expect("a list of functions")
        .iter()
        .filter_map(|function| function["Fn::GetAtt"].as_str()?.strip_suffix(".Arn"))
        .map(str::to_owned)
        .collect();
    assert_eq!(invoked, expected, "functions of the gateway's policy");
    let aliases: BTreeSet<_> = policy["Statement"][0]["Resource"]
        .as_array()
        .into_iter()
        .flatten()
        .filter_map(|function| function["Ref"].as_str()?.strip_suffix(".Alias"))
        .map(str::to_owned)
        .collect();
    assert_eq!(aliases, expected, "their aliases");
    let metrics = template
        .of_type("AWS::CloudWatch::Alarm")
        .filter_map(|(_, alarm)| alarm["Properties"]["Metrics"].as_array())
        .flatten();
    let watched: BTreeSet<_> = metrics
        .filter_map(|metric| {
            let dimensions = &metric["MetricStat"]["Metric"]["Dimensions"];
            Some(dimensions[0]["Value"]["Ref"].as_str()?.to_owned())
        })
        .collect();
    assert_eq!(watched, expected, "functions that have alarms");
}

#[test]
fn a_sweep_that_refuses_raises_an_alarm() {
    let template = Template::read();
    let alarm = &template.resources()["SweepAlarm"]["Properties"];
    assert_eq!(alarm["MetricName"], "Errors");
    assert_eq!(
        alarm["Dimensions"][0]["Value"]["Ref"],
        "PicturesSweepFunction"
    );
    let variables = &template.functions()[SWEEP]["Environment"]["Variables"];
    assert_eq!(variables["SWEEP_MAX_PERCENT"]["Ref"], "SweepMaxPercent");
}

#[test]
fn call_logs_have_a_retention_time() {
    let template = Template::read();
    for name in [MIGRATE, UPKEEP] {
        let variables = &template.functions()[name]["Environment"]["Variables"];
        let retention = &variables["CALL_LOG_RETENTION_DAYS"]["Ref"];
        assert_eq!(retention, "CallLogRetentionDays", "{name}");
    }
    let alarm = &template.resources()["UpkeepAlarm"]["Properties"];
    assert_eq!(
        alarm["Dimensions"][0]["Value"]["Ref"],
        "AnalyticsUpkeepFunction"
    );
}

/// A collector in the VPC is out of reach for the others, each of which would wait for it.
#[test]
fn functions_outside_the_vpc_can_do_without_traces() {
    let template = Template::read();
    let variable = "OTEL_EXPORTER_OTLP_ENDPOINT";
    let endpoint = json!({"Ref": "OtlpEndpoint"});
    let all = &template.0["Globals"]["Function"]["Environment"]["Variables"][variable];
    assert_eq!(*all, json!({"Fn::If": ["TracesFromVpc", "", endpoint]}));
    for (name, properties) in template.functions() {
        let own = &properties["Environment"]["Variables"][variable];
        let expected = match properties["VpcConfig"]["Fn::If"][0].as_str() {
            Some("InVpc") => endpoint.clone(),
            Some("UsesCache") => json!({"Fn::If": ["TracesPastCachedFunctions", "", endpoint]}),
            _ => Value::Null,
        };
        assert_eq!(*own, expected, "{name}");
    }
}

/// The others don't reach the cache, and needn't know its passwords.
#[test]
fn functions_that_keep_or_evict_responses_reach_the_cache() {
    let template = Template::read();
    let uses = OPERATIONS
        .iter()
        .filter(|operation| operation.cacheable || operation.evicts)
        .map(|operation| operation.function);
    // It changes pictures, too.
    let uses: BTreeSet<_> = uses.chain([DERIVE]).collect();
    for (name, properties) in template.functions() {
        let uses = uses.contains(name.as_str());
        let nodes = &properties["Environment"]["Variables"]["CACHE_NODES"];
        assert_eq!(*nodes == json!({"Ref": "CacheNodes"}), uses, "{name}");
        let network = &properties["VpcConfig"]["Fn::If"][0];
        assert_eq!(*network == "UsesCache", uses, "{name}");
    }
    assert_eq!(template.0["Parameters"]["CacheNodes"]["NoEcho"], true);
    assert_eq!(template.0["Parameters"]["CacheNodes"]["Default"], "");
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
fn the_template_contains_no_secret() {
    let template = Template::read();
    let key = &template.resources()["TokenKey"]["Properties"];
    assert!(key["SecretString"].is_null(), "{key}");
    for (name, properties) in template.functions() {
        let variables = &properties["Environment"]["Variables"];
        // Resolved by CloudFormation, a secret would be in the function's configuration.
        let text = variables.to_string();
        assert!(!text.contains("{{resolve:"), "{name}: {text}");
        assert!(variables["DATABASE_URL"].is_null(), "{name}");
        let signs = matches!(
            name.as_str(),
            "auth-signup" | "auth-login" | "auth-change-password"
        );
        assert_eq!(!variables["TOKEN_KEY_SECRET_ID"].is_null(), signs, "{name}");
    }
}
