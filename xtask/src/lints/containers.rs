//! Dockerfiles, compose files and workflows.

use std::{
    fs,
    path::{Path, PathBuf},
    process::Command,
};

use anyhow::{Context as _, Result};

use crate::{process, progress::say, tools, workspace::root};

/// The workflows, and what zizmor is told of them.
const WORKFLOWS: &str = ".github/workflows";
const ZIZMOR: &str = ".github/zizmor.yml";

/// The profiles of the compose files; each combination has to make sense.
const PROFILES: [&[&str]; 4] = [&[], &["dev"], &["observe"], &["dev", "observe"]];

pub(crate) fn run() -> Result<()> {
    tools::containers::install()?;
    let mut hadolint = tools::containers::program("hadolint");
    logged(hadolint.args(dockerfiles(root())?), "hadolint")?;
    let files = compose_files(&fs::read_to_string(root().join(".env"))?)?;
    compose(&files)?;
    workflows()
}

/// Every `Dockerfile` in a folder of the root.
fn dockerfiles(root: &Path) -> Result<Vec<PathBuf>> {
    let mut found = Vec::new();
    for folder in fs::read_dir(root)? {
        let file = folder?.path().join("Dockerfile");
        if file.is_file() {
            found.push(file);
        }
    }
    found.sort();
    Ok(found)
}

/// The files that `docker compose` puts together: `COMPOSE_FILE` of `.env`.
fn compose_files(env: &str) -> Result<Vec<PathBuf>> {
    let list = env
        .lines()
        .find_map(|line| line.strip_prefix("COMPOSE_FILE="))
        .context(".env does not say COMPOSE_FILE")?;
    Ok(list.split(':').map(|file| root().join(file)).collect())
}

fn compose(files: &[PathBuf]) -> Result<()> {
    let mut specification = tools::containers::program("check-jsonschema");
    specification.args(["--builtin-schema", "vendor.compose-spec"]);
    logged(specification.args(files), "compose: specification")?;
    let mut rules = tools::containers::program("check-jsonschema");
    rules
        .arg("--schemafile")
        .arg(tools::containers::compose_rules());
    logged(rules.args(files), "compose: the project's rules")?;
    for profiles in PROFILES {
        let Some(mut compose) = tools::containers::compose() else {
            say("! compose: `config` was NOT run: no docker compose here");
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

fn workflows() -> Result<()> {
    let mut schema = tools::containers::program("check-jsonschema");
    schema.args(["--builtin-schema", "vendor.github-workflows"]);
    for file in fs::read_dir(root().join(WORKFLOWS))? {
        schema.arg(file?.path());
    }
    logged(&mut schema, "workflows: schema")?;
    let mut audit = tools::containers::program("zizmor");
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
    fn what_is_checked_is_there() {
        let names: Vec<_> = dockerfiles(root())
            .unwrap()
            .iter()
            .map(|path| path.strip_prefix(root()).unwrap().display().to_string())
            .collect();
        for name in ["functions", "gateway", "localstack", "web"] {
            assert!(names.contains(&format!("{name}/Dockerfile")), "{names:?}");
        }
        let files = compose_files(&fs::read_to_string(root().join(".env")).unwrap()).unwrap();
        assert!(
            files.len() > 1 && files.iter().all(|file| file.is_file()),
            "{files:?}"
        );
        assert!(compose_files("COMPOSE_PROJECT_NAME=x\n").is_err());
    }
}
