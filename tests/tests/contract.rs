//! Holds what the tree says of the operations against the contract, each read from where
//! it is used. Needs nothing running.

#[path = "template/yaml.rs"]
mod yaml;

use std::{
    collections::{BTreeMap, BTreeSet},
    path::Path,
    process::Command,
};

use anyhow::{Context as _, Result};
use serde_json::Value;
use trichrome_proto::contract::{Access, OPERATIONS, TRIGGERS};

/// What `cargo metadata` says of the workspace.
fn metadata() -> Result<Value> {
    let output = Command::new(env!("CARGO"))
        .args([
            "metadata",
            "--no-deps",
            "--offline",
            "--format-version",
            "1",
        ])
        .current_dir(env!("CARGO_MANIFEST_DIR"))
        .output()?;
    assert!(
        output.status.success(),
        "{}",
        String::from_utf8_lossy(&output.stderr)
    );
    Ok(serde_json::from_slice(&output.stdout)?)
}

/// The functions that `template.yaml` deploys: the contract's, and those that only AWS calls.
/// `template.rs` compares them with the contract.
fn deployed() -> Result<BTreeSet<String>> {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../template.yaml");
    let template = yaml::read(&std::fs::read_to_string(path)?)?;
    let resources = template["Resources"].as_object().context("Resources")?;
    resources
        .iter()
        .filter(|(_, resource)| resource["Type"] == "AWS::Serverless::Function")
        .map(|(id, function)| {
            let name = function["Properties"]["FunctionName"]["Fn::Sub"].as_str();
            let name = name.and_then(|name| name.strip_prefix("${AWS::StackName}-"));
            let name = name.with_context(|| format!("the name of {id}"))?;
            Ok(name.to_owned())
        })
        .collect()
}

#[test]
fn every_function_has_its_binary_and_every_binary_its_function() {
    let metadata = metadata().unwrap();
    let mut binaries = BTreeMap::new();
    for package in metadata["packages"].as_array().unwrap() {
        let manifest = package["manifest_path"].as_str().unwrap();
        let is_function = manifest.contains("/functions/");
        for target in package["targets"].as_array().unwrap() {
            if is_function && target["kind"][0] == "bin" {
                let name = target["name"].as_str().unwrap().to_owned();
                binaries.insert(name, package["name"].as_str().unwrap().to_owned());
            }
        }
    }
    let names: BTreeSet<_> = binaries.keys().cloned().collect();
    assert_eq!(
        names,
        deployed().unwrap(),
        "binaries under functions/ and functions of template.yaml"
    );
    for (binary, package) in binaries {
        let domain = binary.split('-').next().unwrap();
        assert_eq!(
            package,
            format!("trichrome-{domain}"),
            "the package of {binary}"
        );
    }
}

#[test]
fn the_local_rest_api_has_every_route_of_the_contract_and_no_other() {
    let metadata = metadata().unwrap();
    let router = &metadata["metadata"]["lambda"]["watch"]["router"];
    let mut routes = BTreeSet::new();
    for (path, served) in router
        .as_object()
        .expect("[workspace.metadata.lambda.watch.router]")
    {
        // One function for all methods is a plain string, and never what the contract says.
        for route in served.as_array().expect("a list of methods") {
            let (method, function) = (&route["method"], &route["function"]);
            routes.insert(format!(
                "{} {path} -> {}",
                method.as_str().unwrap(),
                function.as_str().unwrap()
            ));
        }
    }
    let contract: BTreeSet<_> = OPERATIONS
        .iter()
        .map(|operation| {
            let http = &operation.http;
            format!("{} {} -> {}", http.method, http.path, operation.function)
        })
        .collect();
    assert_eq!(routes, contract, "routes of Cargo.toml and of the contract");
}

#[test]
fn the_readmes_table_is_the_contracts() {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../README.md");
    let readme = std::fs::read_to_string(path).expect("README.md");
    let (_, rest) = readme
        .split_once("<!-- BEGIN GENERATED")
        .expect("the marker of the operations table's begin");
    let (table, _) = rest
        .split_once("<!-- END GENERATED")
        .expect("the marker of the operations table's end");
    let rows: Vec<_> = table.lines().filter(|line| line.contains('`')).collect();
    for operation in OPERATIONS {
        let name = format!("`{}`", operation.function);
        let row = rows
            .iter()
            .find(|row| row.contains(&name))
            .unwrap_or_else(|| panic!("README.md has no row for {name}"));
        let mut parts = vec![
            format!("`{} {}`", operation.http.method, operation.http.path),
            format!("`{}/{}`", operation.grpc_service, operation.method),
            format!("`{}`", operation.command.topic),
            match operation.access {
                Access::Public => "anyone",
                Access::User => "any user",
                Access::Owner => "owner",
            }
            .to_owned(),
        ];
        parts.extend(operation.command.keys.iter().map(|key| format!("`{key}`")));
        for part in parts {
            assert!(row.contains(&part), "README.md's row lacks {part}: {row}");
        }
    }
    for trigger in TRIGGERS {
        let row = rows
            .iter()
            .find(|row| row.contains(&format!("`{}`", trigger.function)));
        let row = row.unwrap_or_else(|| panic!("README.md has no row for {}", trigger.function));
        assert!(row.contains(&format!("`{}`", trigger.topic)), "{row}");
    }
    let expected = OPERATIONS.len() + TRIGGERS.len();
    assert_eq!(
        rows.len(),
        expected,
        "rows of README.md's table and functions of the contract"
    );
}
