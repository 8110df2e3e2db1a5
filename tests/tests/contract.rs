//! Holds what the tree says of the operations against the contract, each read from where
//! it is used. Needs nothing running.

use std::{
    collections::{BTreeMap, BTreeSet},
    path::Path,
    process::Command,
};

use anyhow::Result;
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

/// The programs that AWS itself calls, which are no functions of the contract, and their packages.
const BESIDE: [(&str, &str); 2] = [
    ("analytics-migrate", "trichrome-migrate"),
    ("pictures-sweep", "trichrome-sweep"),
];

/// Every function's name: the operations' and the triggers'.
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
    for (name, package) in BESIDE {
        assert_eq!(binaries.remove(name).as_deref(), Some(package));
    }
    let names: BTreeSet<_> = binaries.keys().cloned().collect();
    assert_eq!(
        names,
        functions(),
        "binaries under functions/ and functions of the contract"
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
