//! Memory use of processes, from `/proc`.

use std::{fs, path::Path};

use anyhow::{Context as _, Result};

/// The ids of the processes that run this program.
pub(crate) fn of(program: &Path) -> Result<Vec<u32>> {
    let program = fs::canonicalize(program)
        .with_context(|| format!("{} doesn't exist", program.display()))?;
    let processes = fs::read_dir("/proc")?.filter_map(|entry| {
        let entry = entry.ok()?;
        let id = entry.file_name().to_str()?.parse().ok()?;
        let runs = fs::read_link(entry.path().join("exe")).ok()?;
        (runs == program).then_some(id)
    });
    Ok(processes.collect())
}

/// Resident memory in bytes.
pub(crate) fn resident(id: u32) -> Result<f64> {
    field(id, "VmRSS:")
}

/// Peak resident memory since [`reset_peak`], in bytes.
pub(crate) fn peak(id: u32) -> Result<f64> {
    field(id, "VmHWM:")
}

/// Resets the peak (proc(5), `clear_refs`).
pub(crate) fn reset_peak(id: u32) -> Result<()> {
    Ok(fs::write(format!("/proc/{id}/clear_refs"), "5")?)
}

fn field(id: u32, name: &str) -> Result<f64> {
    let status = fs::read_to_string(format!("/proc/{id}/status"))?;
    let line = status.lines().find_map(|line| line.strip_prefix(name));
    let kilobytes: f64 = line
        .and_then(|rest| rest.trim().strip_suffix("kB"))
        .with_context(|| format!("no {name}"))?
        .trim()
        .parse()?;
    Ok(kilobytes * 1024.0)
}
