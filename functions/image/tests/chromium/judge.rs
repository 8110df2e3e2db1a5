//! Chromium's verdicts, by a script of the web app, which has the packages that drive it.

use std::{
    io::Write as _,
    path::Path,
    process::{Command, Stdio},
    thread,
};

use anyhow::{Context as _, Result, ensure};
use base64::{Engine as _, prelude::BASE64_STANDARD};
use serde_json::{Value, json};

use crate::corpus::Case;

/// What Chromium makes of a file.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Verdict {
    /// It shows all of it, in this size.
    Whole(u32, u32),
    /// It shows a part of it, or nothing.
    NotWhole,
}

/// Decodes the files, in one run of Chromium.
pub(crate) fn judge(cases: &[&Case]) -> Result<Vec<Verdict>> {
    let script = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../web/scripts/judgeImages.mjs");
    let mut node = Command::new("node")
        .arg(&script)
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()
        .context("cannot run node")?;
    let mut input = node.stdin.take().context("node has no input")?;
    let lines: Vec<_> = cases.iter().map(|case| request(case)).collect();
    let writer = thread::spawn(move || {
        for line in lines {
            writeln!(input, "{line}")?;
        }
        std::io::Result::Ok(())
    });
    let output = node.wait_with_output()?;
    ensure!(output.status.success(), "{} failed", script.display());
    let written = writer.join().ok().context("the writer panicked")?;
    written.context("cannot write to node")?;
    let verdicts = String::from_utf8(output.stdout)?
        .lines()
        .map(parse)
        .collect::<Result<Vec<_>>>()?;
    ensure!(
        verdicts.len() == cases.len(),
        "{} verdicts for {} files",
        verdicts.len(),
        cases.len()
    );
    Ok(verdicts)
}

fn request(case: &Case) -> Value {
    let mut request = json!({
        "type": case.content_type,
        "base64": BASE64_STANDARD.encode(&case.bytes),
    });
    if let Some(whole) = &case.whole {
        request["whole"] = BASE64_STANDARD.encode(whole).into();
    }
    request
}

fn parse(line: &str) -> Result<Verdict> {
    let verdict: Value = serde_json::from_str(line)?;
    if verdict["error"].is_string() {
        return Ok(Verdict::NotWhole);
    }
    let side = |name: &str| -> Result<u32> {
        let side = verdict[name].as_u64().context("no size")?;
        Ok(u32::try_from(side)?)
    };
    Ok(Verdict::Whole(side("width")?, side("height")?))
}
