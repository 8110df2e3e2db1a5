//! The Helm chart on a real API server: each set of values is installed, upgraded, rolled back and
//! uninstalled. The server admits and stores every object but those of Helm's hooks (the topics' job
//! and the test), which Helm would wait for: no controller runs, and no node ([`super::cluster`]).

pub(super) mod api_server;
pub(super) mod programs;

use std::{fs, path::Path, process::Command};

use anyhow::Result;

use self::{api_server::ApiServer, programs::API_SERVER};
use super::{Checks, Need, Part};
use crate::{
    chart::{
        self, RELEASE, Values,
        programs::{HELM, SCHEMAS},
    },
    process,
};

pub(super) static PART: Part = Part {
    name: "kubernetes",
    about: "a real API server takes the Helm chart: install, upgrade, rollback, uninstall",
    needs: &[&OPENSSL, &HELM, &SCHEMAS, &API_SERVER],
    run,
};

/// Makes keys and certificates.
pub(super) static OPENSSL: OpenSsl = OpenSsl;

pub(super) struct OpenSsl;

impl Need for OpenSsl {
    fn lacks(&self) -> Result<Option<String>> {
        let runs = process::succeeds(Command::new("openssl").arg("version"));
        Ok((!runs).then(|| "there is no openssl: install it".to_owned()))
    }
}

/// What the upgrade changes: a variable of the gateway.
const UPGRADE: &str = "gateway.logLevel=error";
const UPGRADED: &str = "value: \"error\"";

fn run(checks: &mut Checks) -> Result<()> {
    let helm = HELM.get()?;
    let server = ApiServer::start(&helm)?;
    definitions(checks, &server, &helm)?;
    misspelt(checks, &server, &helm)?;
    for values in chart::value_sets()? {
        release(checks, &server, &helm, &values)?;
    }
    Ok(())
}

/// Installs the custom resource definitions, as those of a chart.
pub(super) fn definitions(checks: &mut Checks, server: &ApiServer, helm: &Path) -> Result<()> {
    let chart = server.state.join("definitions");
    fs::create_dir_all(chart.join("crds"))?;
    let text = "apiVersion: v2\nname: definitions\nversion: 1.0.0\n";
    fs::write(chart.join("Chart.yaml"), text)?;
    for file in fs::read_dir(SCHEMAS.get()?.join("definitions"))? {
        let file = file?;
        fs::copy(file.path(), chart.join("crds").join(file.file_name()))?;
    }
    checks.accepts(
        "kubernetes: custom resource definitions",
        server
            .helm(helm)
            .args(["install", "definitions"])
            .arg(&chart),
    )
}

/// The server refuses what no schema of the chart's values can see: a volume that no pod can have.
fn misspelt(checks: &mut Checks, server: &ApiServer, helm: &Path) -> Result<()> {
    let minimal = chart::folder().join("ci/minimal.yaml");
    let mut install = server.helm(helm);
    install
        .args(["install", RELEASE])
        .arg(chart::folder())
        .args(["--namespace=refused", "--create-namespace", "--no-hooks"])
        .arg("--values")
        .arg(minimal)
        .args(["--set", "gateway.extraVolumeMounts[0].name=nowhere"])
        .args(["--set", "gateway.extraVolumeMounts[0].mountPath=/nowhere"]);
    checks.refuses(
        "kubernetes: a mount without its volume",
        &mut install,
        "volumeMounts[0].name: Not found",
    )
}

fn release(checks: &mut Checks, server: &ApiServer, helm: &Path, values: &Values) -> Result<()> {
    let name = &values.name;
    let command = |arguments: &[&str]| {
        let mut command = server.helm(helm);
        command.args(["--namespace", name]).args(arguments);
        command
    };
    let chart = chart::folder().display().to_string();
    let file = values.file.display().to_string();
    let with_chart = [RELEASE, &chart, "--values", &file, "--no-hooks"];
    let step = |what: &str| format!("kubernetes: helm {what}, {name}");
    checks.accepts(
        &step("install"),
        command(&["install", "--create-namespace"]).args(with_chart),
    )?;
    checks.accepts(
        &step("upgrade"),
        command(&["upgrade", "--set", UPGRADE]).args(with_chart),
    )?;
    let upgraded = || -> Result<bool> {
        let output = command(&["get", "manifest", RELEASE]).output()?;
        Ok(String::from_utf8_lossy(&output.stdout).contains(UPGRADED))
    };
    let after_upgrade = upgraded()?;
    checks.accepts(
        &step("rollback"),
        &mut command(&["rollback", RELEASE, "1", "--no-hooks"]),
    )?;
    checks.holds(
        &format!("kubernetes: the rollback undoes the upgrade, {name}"),
        after_upgrade && !upgraded()?,
        "the manifest has the wrong log level",
    );
    checks.accepts(
        &step("uninstall"),
        &mut command(&["uninstall", RELEASE, "--no-hooks"]),
    )
}
