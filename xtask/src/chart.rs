//! The Helm chart: its sets of values, and the programs that check it.

pub(crate) mod programs;

use std::{
    fs::{self, File},
    path::{Path, PathBuf},
    process::Command,
};

use anyhow::{Context as _, Result, ensure};

use crate::{
    interrupt,
    job::Job,
    process,
    progress::say,
    test_run::Counts,
    tools,
    workspace::{local, root},
};

/// The release's name, and its namespace where a check has no other.
pub(crate) const RELEASE: &str = "trichrome";

/// The chart's folder.
pub(crate) fn folder() -> PathBuf {
    root().join("deploy/kubernetes/trichrome")
}

/// A file of values with which the chart is checked.
pub(crate) struct Values {
    pub(crate) name: String,
    pub(crate) file: PathBuf,
}

/// All of them, by name.
pub(crate) fn value_sets() -> Result<Vec<Values>> {
    let folder = folder().join("ci");
    let mut sets = fs::read_dir(&folder)
        .with_context(|| format!("cannot read {}", folder.display()))?
        .map(|entry| {
            let file = entry?.path();
            let name = file.file_stem().context("no name")?.to_string_lossy();
            Ok(Values {
                name: name.into_owned(),
                file,
            })
        })
        .collect::<Result<Vec<_>>>()?;
    sets.sort_by(|a, b| a.name.cmp(&b.name));
    ensure!(!sets.is_empty(), "no values in {}", folder.display());
    Ok(sets)
}

/// Where checks write what the chart makes.
pub(crate) fn work() -> Result<PathBuf> {
    let work = local().join("chart");
    fs::create_dir_all(&work).with_context(|| format!("cannot make {}", work.display()))?;
    Ok(work)
}

/// Helm, with its state apart from the user's own.
pub(crate) fn helm(program: &Path) -> Command {
    let state = local().join("helm");
    let mut command = Command::new(program);
    for (variable, folder) in [
        ("HELM_CACHE_HOME", "cache"),
        ("HELM_CONFIG_HOME", "config"),
        ("HELM_DATA_HOME", "data"),
    ] {
        command.env(variable, state.join(folder));
    }
    command.current_dir(root());
    command
}

/// `helm template` of the chart at a path, for the Kubernetes that the checks know.
pub(crate) fn template(program: &Path, chart: &Path) -> Command {
    let mut command = helm(program);
    command
        .args(["template", RELEASE])
        .arg(chart)
        .args(["--namespace", RELEASE, "--kube-version"])
        .arg(programs::KUBERNETES);
    command
}

/// Writes the objects of a set of values to a file.
pub(crate) fn render(program: &Path, values: &Values) -> Result<PathBuf> {
    let file = work()?.join(format!("{}.yaml", values.name));
    let step = format!("chart: helm template, {}", values.name);
    Job::begin(
        template(program, &folder())
            .arg("--values")
            .arg(&values.file),
        &step,
        &tools::logs()?.join("helm-template.log"),
        Some(File::create(&file)?),
    )?
    .finish()?;
    Ok(file)
}

/// Runs the script of `helm test` against a gateway, and counts it as a test.
pub(crate) fn smoke(gateway_url: &str) -> Result<Counts> {
    const TEST: &str = "helm test's script on the stack";
    let mut counts = Counts::default();
    if !process::succeeds(Command::new("curl").arg("--version")) {
        say(format!("- {TEST}: ignored, there is no curl"));
        counts.ignored += 1;
        return Ok(counts);
    }
    let outcome = process::run_logged(
        Command::new("sh")
            .arg(folder().join("files/smoke.sh"))
            .env("FACADE", gateway_url),
        TEST,
        &tools::logs()?.join("helm-test.log"),
    );
    match outcome {
        Ok(()) => counts.passed += 1,
        Err(error) => {
            interrupt::check()?;
            say(format!("{error:#}"));
            counts.failed += 1;
        }
    }
    Ok(counts)
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;

    fn read(path: &Path) -> String {
        fs::read_to_string(path).unwrap_or_else(|_| panic!("no {}", path.display()))
    }

    #[test]
    fn the_chart_has_the_version_of_the_images() {
        let chart = read(&folder().join("Chart.yaml"));
        for field in ["version", "appVersion"] {
            let line = format!("\n{field}: {}\n", env!("CARGO_PKG_VERSION"));
            assert!(chart.contains(&line), "{field}");
        }
    }

    #[test]
    fn there_are_five_sets_of_values() {
        let names: Vec<_> = value_sets()
            .unwrap()
            .into_iter()
            .map(|set| set.name)
            .collect();
        let expected = ["everything", "gateway-api", "ingress", "minimal", "msk"];
        assert_eq!(names, expected);
    }

    /// Links, so that they can't differ from what is tested.
    #[test]
    fn rules_and_dashboards_are_the_projects_own() {
        for (link, original) in [
            ("files/rules", "prometheus/rules"),
            ("files/dashboards", "grafana/dashboards"),
        ] {
            let original = root().join("deploy/observability").join(original);
            let link = fs::canonicalize(folder().join(link)).unwrap();
            assert_eq!(link, fs::canonicalize(original).unwrap());
        }
    }

    /// A variable that the program doesn't read would be ignored without a word.
    #[test]
    fn every_variable_is_one_that_the_programs_read() {
        let sources: String = [
            "gateway/src/config.rs",
            "kafka/src/settings.rs",
            "localstack/prepare/src/config.rs",
            "localstack/prepare/src/topics/layout.rs",
            "web/nginx/default.conf.template",
            "web/nginx/check-origin.sh",
        ]
        .map(|file| read(&root().join(file)))
        .concat();
        // Read by the AWS SDK, by the telemetry's libraries, and by the test itself.
        let others = ["AWS_REGION", "AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY"];
        let others = others.iter().chain(&["RUST_LOG", "FACADE"]);
        let others: BTreeSet<_> = others.copied().collect();
        let templates = [
            "_kafka.tpl",
            "gateway/deployment.yaml",
            "topics/job.yaml",
            "web/deployment.yaml",
        ];
        let mut seen = 0;
        for template in templates {
            let text = read(&folder().join("templates").join(template));
            let names = text
                .lines()
                .filter_map(|line| line.trim().strip_prefix("- name: "));
            for name in names.filter(|name| name.starts_with(|c: char| c.is_ascii_uppercase())) {
                seen += 1;
                // A value's own variable or the one of its file.
                let own = name.strip_suffix("_FILE").unwrap_or(name);
                let known = sources.contains(name)
                    || sources.contains(own)
                    || others.contains(name)
                    || name.starts_with("OTEL_");
                assert!(known, "{template}: {name}");
            }
        }
        assert!(seen > 30, "{seen}");
    }
}
