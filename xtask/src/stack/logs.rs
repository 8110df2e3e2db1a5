//! The logs of a stack's parts. Those of earlier runs are kept as `gateway.log.1`, the latest, to
//! `gateway.log.3`.

use std::{
    fs::{self, File},
    io::{self, Seek as _, SeekFrom},
    path::{Path, PathBuf},
};

/// The number of earlier runs whose logs are kept.
pub(crate) const KEPT_RUNS: u8 = 3;

/// The bytes that are kept of one log of an earlier run: its end.
const KEPT_BYTES: u64 = 16 * 1024 * 1024;

/// The log of an earlier run, counted from the latest, 1. With 0, the log itself.
pub(crate) fn of_run(log: &Path, runs_ago: u8) -> PathBuf {
    if runs_ago == 0 {
        return log.to_owned();
    }
    let mut name = log.as_os_str().to_owned();
    name.push(format!(".{runs_ago}"));
    PathBuf::from(name)
}

/// Makes a log, if there is one, that of the run before, and drops the oldest.
///
/// # Errors
///
/// A file can't be renamed or shortened.
pub(super) fn rotate(log: &Path) -> io::Result<()> {
    if !log.exists() {
        return Ok(());
    }
    for runs_ago in (0..KEPT_RUNS).rev() {
        let from = of_run(log, runs_ago);
        if from.exists() {
            fs::rename(from, of_run(log, runs_ago + 1))?;
        }
    }
    shorten(&of_run(log, 1))
}

/// Drops the beginning of a log that is too long.
fn shorten(log: &Path) -> io::Result<()> {
    let mut long = File::open(log)?;
    let length = long.metadata()?.len();
    if length <= KEPT_BYTES {
        return Ok(());
    }
    long.seek(SeekFrom::Start(length - KEPT_BYTES))?;
    let short = log.with_extension("short");
    io::copy(&mut long, &mut File::create(&short)?)?;
    fs::rename(short, log)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn log(name: &str) -> PathBuf {
        let folder = std::env::temp_dir().join(format!("xtask-{name}-{}", std::process::id()));
        fs::create_dir_all(&folder).unwrap();
        folder.join("kafka.log")
    }

    #[test]
    fn the_last_runs_are_kept() {
        let log = log("rotate");
        for run in 0..6 {
            rotate(&log).unwrap();
            fs::write(&log, format!("run {run}")).unwrap();
        }
        let kept = |runs_ago| fs::read_to_string(of_run(&log, runs_ago)).ok();
        assert_eq!(
            (0..5).map(kept).collect::<Vec<_>>(),
            [
                Some("run 5"),
                Some("run 4"),
                Some("run 3"),
                Some("run 2"),
                None
            ]
            .map(|text| text.map(str::to_owned))
        );
        fs::remove_dir_all(log.parent().unwrap()).unwrap();
    }

    #[test]
    fn only_the_end_of_a_long_log_is_kept() {
        let log = log("shorten");
        let file = File::create(&log).unwrap();
        file.set_len(KEPT_BYTES).unwrap();
        drop(file);
        let mut file = File::options().append(true).open(&log).unwrap();
        io::Write::write_all(&mut file, b"the end").unwrap();
        rotate(&log).unwrap();
        let kept = fs::read(of_run(&log, 1)).unwrap();
        assert_eq!(kept.len() as u64, KEPT_BYTES);
        assert!(kept.ends_with(b"the end"));
        fs::remove_dir_all(log.parent().unwrap()).unwrap();
    }
}
