//! Checks the functions' binaries against the contract. Needs nothing running.

#[path = "template/yaml.rs"]
mod yaml;

use std::{
    collections::{BTreeMap, BTreeSet},
    path::Path,
    process::Command,
};

use anyhow::{Context as _, Result};
use serde_json::Value;
use trichrome_proto::contract::{OPERATIONS, TRIGGERS, by_function};

/// The workspace, as `cargo metadata` describes it.
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

/// The functions that `template.yaml` deploys. The test `template` compares them with the
/// contract.
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

/// Every function of the contract.
fn functions() -> BTreeSet<String> {
    let operations = OPERATIONS.iter().map(|operation| operation.function);
    let triggers = TRIGGERS.iter().map(|trigger| trigger.function);
    operations.chain(triggers).map(str::to_owned).collect()
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
    let mut expected = functions();
    expected.extend(deployed().unwrap());
    for function in &expected {
        // An operation is in the crate of its protobuf package: `uploads-begin` in pictures.
        let operation = by_function(function);
        let domain = operation.map_or_else(
            || function.split('-').next().unwrap(),
            |operation| operation.package,
        );
        let package = binaries.remove(function);
        assert_eq!(
            package,
            Some(format!("trichrome-{domain}")),
            "add functions/{domain}/src/bin/{function}.rs with an `impl Function`"
        );
    }
    assert!(
        binaries.is_empty(),
        "functions that neither the contract nor template.yaml has: {binaries:?}"
    );
}
