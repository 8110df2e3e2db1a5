//! `cargo xtask generate`.

use std::fs;

use anyhow::{Context as _, Result};

use crate::{
    lints, process,
    tools::{
        self,
        node::{POSTMAN, WEB},
    },
    workspace::{cargo, root},
};

const COLLECTION: &str = "docs/postman/trichrome.postman_collection.json";

/// The files that are generated from the contract, as a whole or in part.
const FILES: [&str; 7] = [
    "README.md",
    "deploy/kubernetes/trichrome/README.md",
    COLLECTION,
    "proto/asyncapi.json",
    "proto/openapi.json",
    "template.yaml",
    "web/src/api/schema.d.ts",
];

pub(crate) fn run() -> Result<()> {
    let before = read()?;
    process::run(
        cargo()
            .args(["run", "--quiet", "--package", "trichrome-proto"])
            .args(["--example", "generate"])
            .current_dir(root()),
    )?;
    lints::chart::generate()?;
    WEB.install()?;
    let log = tools::logs()?.join("generate-web.log");
    let mut schema = WEB.script("generate");
    process::run_logged(&mut schema, "web: types of the API", &log)?;
    // Fails until steps.mjs has a step for each operation.
    let postman = process::run(&mut POSTMAN.script("generate"));
    for ((file, before), after) in FILES.iter().zip(before).zip(read()?) {
        if before != after {
            println!("{file} was updated");
        } else if *file != COLLECTION || postman.is_ok() {
            println!("{file} is up to date");
        }
    }
    postman.with_context(|| {
        format!("{COLLECTION} is not generated: change docs/postman/steps.mjs as described above")
    })
}

fn read() -> Result<Vec<String>> {
    FILES
        .iter()
        .map(|file| fs::read_to_string(root().join(file)).with_context(|| (*file).to_owned()))
        .collect()
}
