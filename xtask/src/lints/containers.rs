//! Dockerfiles, compose files and workflows.

use std::{
    fs,
    path::{Path, PathBuf},
    process::Command,
};

use anyhow::{Context as _, Result};

use crate::{
    process,
    progress::say,
    tools::{self, CONTAINERS},
    workspace::root,
};

const WORKFLOWS: &str = ".github/workflows";
const ZIZMOR: &str = ".github/zizmor.yml";

/// Combinations of the compose files' profiles, each of which must be valid.
const PROFILES: [&[&str]; 5] = [
    &[],
    &["dev"],
    &["cache"],
    &["observe"],
    &["dev", "cache", "observe"],
];

pub(crate) fn run() -> Result<()> {
    CONTAINERS.install()?;
    let mut hadolint = CONTAINERS.program("hadolint");
    logged(hadolint.args(dockerfiles(root())?), "hadolint")?;
    let files = compose_files(&fs::read_to_string(root().join(".env"))?)?;
    compose(&files)?;
    workflows()
}

/// Every `Dockerfile` in one of the root's folders, or one level below.
fn dockerfiles(root: &Path) -> Result<Vec<PathBuf>> {
    let mut found = Vec::new();
    for folder in folders(root)? {
        for folder in folders(&folder)?.into_iter().chain([folder]) {
            let file = folder.join("Dockerfile");
            if file.is_file() {
                found.push(file);
            }
        }
    }
    found.sort();
    Ok(found)
}

/// The folders in `parent` that aren't hidden.
fn folders(parent: &Path) -> Result<Vec<PathBuf>> {
    let mut found = Vec::new();
    for entry in fs::read_dir(parent)? {
        let entry = entry?;
        let hidden = entry.file_name().as_encoded_bytes().starts_with(b".");
        if entry.file_type()?.is_dir() && !hidden {
            found.push(entry.path());
        }
    }
    Ok(found)
}

/// The files that `docker compose` merges: `COMPOSE_FILE` in `.env`.
fn compose_files(env: &str) -> Result<Vec<PathBuf>> {
    let list = env
        .lines()
        .find_map(|line| line.strip_prefix("COMPOSE_FILE="))
        .context(".env has no COMPOSE_FILE")?;
    Ok(list.split(':').map(|file| root().join(file)).collect())
}

fn compose(files: &[PathBuf]) -> Result<()> {
    let mut specification = CONTAINERS.program("check-jsonschema");
    specification.args(["--builtin-schema", "vendor.compose-spec"]);
    logged(specification.args(files), "compose: specification")?;
    let mut rules = CONTAINERS.program("check-jsonschema");
    rules
        .arg("--schemafile")
        .arg(tools::pins().join("compose-rules.json"));
    logged(rules.args(files), "compose: the project's rules")?;
    for profiles in PROFILES {
        let Some(mut compose) = docker_compose() else {
            say("! compose: `config` was NOT run: no docker compose on this machine");
            return Ok(());
        };
        for file in files {
            compose.arg("--file").arg(file);
        }
        for profile in profiles {
            compose.args(["--profile", profile]);
        }
        let step = format!("compose: config [{}]", profiles.join(", "));
        logged(
            compose
                .args(["config", "--quiet"])
                .env_remove("COMPOSE_FILE"),
            &step,
        )?;
    }
    Ok(())
}

/// Docker's compose plugin, or else the standalone program; `None` if neither is installed.
fn docker_compose() -> Option<Command> {
    let mut plugin = Command::new("docker");
    plugin.arg("compose");
    [plugin, Command::new("docker-compose")]
        .into_iter()
        .find_map(|command| {
            let mut version = Command::new(command.get_program());
            version.args(command.get_args()).arg("version");
            process::succeeds(&mut version).then_some(command)
        })
}

fn workflows() -> Result<()> {
    let mut schema = CONTAINERS.program("check-jsonschema");
    schema.args(["--builtin-schema", "vendor.github-workflows"]);
    for file in fs::read_dir(root().join(WORKFLOWS))? {
        schema.arg(file?.path());
    }
    logged(&mut schema, "workflows: schema")?;
    let mut audit = CONTAINERS.program("zizmor");
    audit.args(["--offline", "--no-progress", "--config", ZIZMOR, WORKFLOWS]);
    logged(&mut audit, "workflows: zizmor")
}

fn logged(command: &mut Command, step: &str) -> Result<()> {
    let log = format!("{}.log", step.replace([':', ' ', '[', ']', ',', '\''], "-"));
    process::run_logged(command.current_dir(root()), step, &tools::logs()?.join(log))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_container_file_is_checked() {
        let names: Vec<_> = dockerfiles(root())
            .unwrap()
            .iter()
            .map(|path| path.strip_prefix(root()).unwrap().display().to_string())
            .collect();
        for name in ["functions", "gateway", "localstack/prepare", "web"] {
            assert!(names.contains(&format!("{name}/Dockerfile")), "{names:?}");
        }
        let files = compose_files(&fs::read_to_string(root().join(".env")).unwrap()).unwrap();
        assert!(
            files.len() > 1 && files.iter().all(|file| file.is_file()),
            "{files:?}"
        );
        assert!(compose_files("COMPOSE_PROJECT_NAME=x\n").is_err());
    }

    fn read(path: &str) -> String {
        fs::read_to_string(root().join(path)).unwrap()
    }

    /// LocalStack refuses a parameter that the template doesn't have.
    #[test]
    fn the_hook_passes_parameters_of_the_template() {
        let (hook, template) = (read("localstack/ready.d/deploy.sh"), read("template.yaml"));
        let names: Vec<_> = hook
            .lines()
            .filter_map(|line| line.trim().strip_prefix("--parameter "))
            .filter_map(|given| given.trim_start_matches('"').split('=').next())
            .collect();
        assert!(names.len() > 2, "{names:?}");
        for name in names {
            assert!(template.contains(&format!("\n  {name}:\n")), "{name}");
        }
    }

    #[test]
    fn every_function_is_built_for_the_containers() {
        let dockerfile = read("functions/Dockerfile");
        for folder in fs::read_dir(root().join("functions")).unwrap() {
            let folder = folder.unwrap();
            let has = |path: &str| folder.path().join(path).exists();
            if has("src/bin") || has("src/main.rs") {
                let name = folder.file_name().into_string().unwrap();
                let package = format!("--package trichrome-{name}");
                assert!(dockerfile.contains(&package), "{package}");
            }
        }
    }

    #[test]
    fn versions_pinned_twice_agree() {
        let dockerfile = read("functions/Dockerfile");
        let pins = read("localstack/tools/requirements.txt");
        for tool in ["cargo-lambda==", "ziglang=="] {
            let pin = pins.lines().find(|line| line.starts_with(tool)).unwrap();
            assert!(dockerfile.contains(pin), "{pin}");
        }
        let compose = read("docker-compose.yml");
        let limits = read("proto/src/wire/limits.rs");
        for variable in ["KAFKA_MESSAGE_MAX_BYTES", "KAFKA_REPLICA_FETCH_MAX_BYTES"] {
            let bytes = compose
                .lines()
                .find_map(|line| line.trim().strip_prefix(variable)?.strip_prefix(": "))
                .unwrap();
            let mebibytes = bytes.parse::<usize>().unwrap() / (1024 * 1024);
            let limit = format!("MAX_RECORD: usize = {mebibytes} * 1024 * 1024;");
            assert!(limits.contains(&limit), "{variable}");
        }
        let localstack = read("localstack/tools/requirements-localstack.txt");
        let version = localstack
            .lines()
            .find_map(|line| line.strip_prefix("localstack-core=="))
            .unwrap();
        assert!(compose.contains(&format!("image: localstack/localstack:{version}\n")));
    }
}
