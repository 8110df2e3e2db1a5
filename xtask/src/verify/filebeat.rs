//! Filebeat, with the project's configuration, reading lines as Docker writes them.

use std::{
    fs,
    path::{Path, PathBuf},
    process::Command,
    thread,
    time::{Duration, Instant},
};

use anyhow::{Context as _, Result};
use serde_json::{Value, json};

use super::{
    Checks, Part, checks,
    go_program::{GoProgram, Workshop},
    server::Server,
};
use crate::{interrupt, stack::functions, workspace::root};

pub(super) static PART: Part = Part {
    name: "filebeat",
    about: "Filebeat takes the lines of the gateway and the functions, and no others",
    needs: &[&FILEBEAT],
    run,
};

/// The last version of Beats that is a Go module. Outside `x-pack`, which is not built, its
/// licence is Apache-2.0.
static FILEBEAT: GoProgram = GoProgram {
    name: "filebeat",
    version: "7.17.29",
    gigabytes: 3,
    sources: &[],
    build,
};

const CONFIG: &str = "deploy/observability/filebeat/filebeat.yml";

/// How long the lines may take to arrive. Filebeat looks for files every 10 s.
const PATIENCE: Duration = Duration::from_secs(60);
const POLL: Duration = Duration::from_millis(100);

/// Where the module is: its replacements of other modules apply there alone.
fn build(workshop: &Workshop) -> Result<PathBuf> {
    let module = format!("github.com/elastic/beats/v7@v{}", FILEBEAT.version);
    workshop.go(["mod", "download", &module])?;
    let source = workshop.ask_go(&["list", "-m", "-f", "{{.Dir}}", &module])?;
    let program = workshop.folder.join("program");
    let output = program.display().to_string();
    workshop.go(["build", "-C", &source, "-o", &output, "./filebeat"])?;
    Ok(program)
}

fn run(checks: &mut Checks) -> Result<()> {
    let program = FILEBEAT.get()?;
    let work = checks::logs()?.join("filebeat");
    if work.exists() {
        fs::remove_dir_all(&work)?;
    }
    fs::create_dir_all(&work)?;
    let filebeat = || {
        let mut command = Command::new(&program);
        command
            // As in compose.yml: the file belongs to the user who cloned the project.
            .arg("--strict.perms=false")
            .arg("-c")
            .arg(root().join(CONFIG))
            .arg("--path.home")
            .arg(work.join("home"));
        command
    };
    // This looks at the output's settings alone.
    checks.accepts("filebeat test config", filebeat().args(["test", "config"]))?;
    checks.refuses(
        "filebeat test config: a wrong output",
        filebeat()
            .args(["test", "config"])
            .args(["-E", "output.elasticsearch.bulk_max_size=many"]),
        "bulk_max_size",
    )?;
    take_lines(checks, filebeat(), &work)
}

/// Runs it on a container's log that holds a line of every program, and of a stranger.
fn take_lines(checks: &mut Checks, mut filebeat: Command, work: &Path) -> Result<()> {
    let names: Vec<_> = functions::names()?
        .into_iter()
        .chain(["gateway".to_owned()])
        .collect();
    let container = work.join("containers/0");
    fs::create_dir_all(&container)?;
    let lines: String = ["somebody-elses"]
        .into_iter()
        .chain(names.iter().map(String::as_str))
        .map(docker_line)
        .collect();
    fs::write(container.join("0-json.log"), lines)?;
    let setting = |name: &str, value: &str| ["-E".to_owned(), format!("{name}={value}")];
    let logs = work.join("containers/*/*-json.log");
    let output = work.join("output");
    filebeat
        .arg("-e")
        .args(setting(
            "filebeat.inputs.0.paths.0",
            &logs.display().to_string(),
        ))
        .args(setting("output.elasticsearch.enabled", "false"))
        .args(setting("output.file.path", &output.display().to_string()));
    let mut server = Server::begin("filebeat", &mut filebeat)?;
    let taken = await_lines(&output, names.len(), &mut server)?;
    drop(server);
    let expected: Vec<_> = names.iter().map(|name| document(name)).collect();
    checks.holds(
        "filebeat: the lines of the gateway and the functions, and no others",
        taken == expected,
        &format!("taken {taken:#?}\nexpected {expected:#?}"),
    );
    Ok(())
}

/// Reads the output until it has so many lines, or no more come.
fn await_lines(output: &Path, count: usize, filebeat: &mut Server) -> Result<Vec<Value>> {
    let started = Instant::now();
    loop {
        let taken = read_lines(output)?;
        if taken.len() >= count || started.elapsed() > PATIENCE {
            return Ok(taken);
        }
        interrupt::check()?;
        filebeat.still_runs()?;
        thread::sleep(POLL);
    }
}

/// The documents that would go to Elasticsearch, without what Filebeat says of itself.
fn read_lines(output: &Path) -> Result<Vec<Value>> {
    let mut documents = Vec::new();
    let Ok(files) = fs::read_dir(output) else {
        return Ok(documents);
    };
    for file in files {
        let text = fs::read_to_string(file?.path())?;
        // The last line may not be whole yet.
        let whole = text.rsplit_once('\n').map_or("", |(whole, _)| whole);
        for line in whole.lines() {
            let mut document: Value = serde_json::from_str(line)
                .with_context(|| format!("Filebeat wrote no JSON: {line}"))?;
            if let Some(fields) = document.as_object_mut() {
                fields.remove("@metadata");
                fields.remove("ecs");
            }
            documents.push(document);
        }
    }
    Ok(documents)
}

/// A program's log line, as Docker's `json-file` driver keeps it.
fn docker_line(service: &str) -> String {
    let line = json!({
        "@timestamp": "2026-01-02T03:04:05.678Z",
        "log.level": "info",
        "message": "tried more than once",
        "service.name": service,
        "trace.id": "4bf92f3577b34da6a3ce929d0e0e4736",
        "labels.attempts": 3,
        // What CloudWatch reads of a function's line.
        "timestamp": "2026-01-02T03:04:05.678Z",
        "level": "INFO",
        "_aws": {"Timestamp": 0},
    });
    let kept = json!({
        "log": format!("{line}\n"),
        "stream": "stdout",
        "time": "2026-01-02T03:04:06.000000000Z",
    });
    format!("{kept}\n")
}

/// What is to become of it.
fn document(service: &str) -> Value {
    json!({
        "@timestamp": "2026-01-02T03:04:05.678Z",
        "log": {"level": "info"},
        "message": "tried more than once",
        "service": {"name": service},
        "trace": {"id": "4bf92f3577b34da6a3ce929d0e0e4736"},
        "labels": {"attempts": 3},
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn whole_lines_are_read_without_filebeats_own_fields() {
        let folder = std::env::temp_dir().join(format!("xtask-filebeat-{}", std::process::id()));
        assert_eq!(read_lines(&folder).unwrap(), Vec::<Value>::new());
        fs::create_dir_all(&folder).unwrap();
        let text = "{\"message\":\"a\",\"ecs\":{},\"@metadata\":{}}\n{\"mess";
        fs::write(folder.join("filebeat"), text).unwrap();
        assert_eq!(read_lines(&folder).unwrap(), [json!({"message": "a"})]);
        fs::remove_dir_all(folder).unwrap();
    }
}
