//! `cargo xtask logs`.

use std::{
    fs::{self, File},
    io::{self, Read as _, Seek as _, SeekFrom, Write as _},
    os::unix::fs::MetadataExt as _,
    path::{Path, PathBuf},
    thread,
    time::Duration,
};

use anyhow::{Context as _, Result, bail};
use clap::Args;

use crate::{
    interrupt,
    stack::{
        self, Stack,
        logs::{KEPT_RUNS, of_run},
    },
};

/// The polling interval of a followed log.
const POLL: Duration = Duration::from_millis(200);

/// Bytes at the end of a log that are searched for its last lines.
const TAIL: u64 = 4 * 1024 * 1024;

/// The number of lines shown of one log, and of each log if all are shown.
const LINES_OF_ONE: usize = 200;
const LINES_OF_EACH: usize = 5;

#[derive(Args)]
pub(crate) struct Options {
    /// gateway, api, functions, event-source, kafka, postgres, ministack, or a step of the set-up;
    /// without it, the end of each log
    part: Option<String>,
    /// Show the log of an earlier start of the stack: 1, the default, is the one before
    #[arg(short, long, value_name = "RUNS AGO", num_args = 0..=1, default_value = "0",
        default_missing_value = "1", hide_default_value = true,
        value_parser = clap::value_parser!(u8).range(..=i64::from(KEPT_RUNS)))]
    previous: u8,
    /// Follow the log as it grows
    #[arg(short, long)]
    follow: bool,
    /// The number of lines to show first: 200, or 5 of each log
    #[arg(short = 'n', long)]
    lines: Option<usize>,
}

pub(crate) fn run(options: &Options) -> Result<()> {
    let folder = Stack::logs(stack::in_use());
    let logs = find(&folder, options.part.as_deref(), options.previous)?;
    match print(&logs, options) {
        // The reader, such as `head`, has closed the pipe.
        Err(error) if error.kind() == io::ErrorKind::BrokenPipe => Ok(()),
        outcome => outcome.context("cannot print the logs"),
    }
}

/// The logs of a part, or all of them, of the last run of the stack or an earlier one.
fn find(folder: &Path, part: Option<&str>, runs_ago: u8) -> Result<Vec<PathBuf>> {
    let ending = of_run(Path::new(".log"), runs_ago);
    let ending = ending.to_string_lossy();
    let mut logs: Vec<_> = fs::read_dir(folder)
        .into_iter()
        .flatten()
        .filter_map(|entry| Some(entry.ok()?.path()))
        .filter(|path| path.to_string_lossy().ends_with(&*ending))
        .collect();
    logs.sort();
    match (logs.is_empty(), runs_ago) {
        (false, _) => {}
        (true, 0) => bail!("there are no logs yet: start `cargo xtask up`"),
        (true, _) => bail!("there are no logs of that run: the last {KEPT_RUNS} are kept"),
    }
    if let Some(part) = part {
        let known: Vec<_> = logs.iter().map(|path| name(path)).collect();
        let known = known.join(", ");
        logs.retain(|path| name(path) == part);
        if logs.is_empty() {
            bail!("there is no log of {part}; there are {known}");
        }
    }
    Ok(logs)
}

/// The part of a log.
fn name(log: &Path) -> String {
    let file = log.file_name().unwrap_or_default().to_string_lossy();
    let part = file.split(".log").next().unwrap_or_default();
    part.to_owned()
}

fn print(logs: &[PathBuf], options: &Options) -> io::Result<()> {
    let mut out = io::stdout().lock();
    let one = options.part.is_some();
    let count = options
        .lines
        .unwrap_or(if one { LINES_OF_ONE } else { LINES_OF_EACH });
    let mut followed = Vec::new();
    for path in logs {
        let mut log = Followed::open(path)?;
        let text = log.rest()?;
        if !one && !text.is_empty() {
            writeln!(out, "── {} ({})", name(path), path.display())?;
        }
        for line in last(&text, count) {
            writeln!(out, "{line}")?;
        }
        if !one && !text.is_empty() {
            writeln!(out)?;
        }
        followed.push(log);
    }
    out.flush()?;
    while options.follow && !interrupt::requested() {
        for log in &mut followed {
            let prefix = if one {
                String::new()
            } else {
                format!("{:<10} | ", name(&log.path))
            };
            for line in log.new_lines()? {
                writeln!(out, "{prefix}{line}")?;
            }
        }
        out.flush()?;
        thread::sleep(POLL);
    }
    Ok(())
}

fn last(text: &str, count: usize) -> Vec<&str> {
    let lines: Vec<_> = text.lines().collect();
    lines[lines.len().saturating_sub(count)..].to_vec()
}

/// A log that can grow or be replaced.
struct Followed {
    path: PathBuf,
    file: File,
    /// The incomplete last line.
    begun: String,
}

impl Followed {
    /// Opens a log near its end.
    fn open(path: &Path) -> io::Result<Self> {
        let mut file = File::open(path)?;
        let length = file.metadata()?.len();
        file.seek(SeekFrom::Start(length.saturating_sub(TAIL)))?;
        Ok(Self {
            path: path.to_owned(),
            file,
            begun: String::new(),
        })
    }

    /// The text that hasn't been read yet.
    fn rest(&mut self) -> io::Result<String> {
        let mut bytes = Vec::new();
        self.file.read_to_end(&mut bytes)?;
        Ok(String::from_utf8_lossy(&bytes).into_owned())
    }

    /// The lines added since the last call.
    fn new_lines(&mut self) -> io::Result<Vec<String>> {
        let mut text = std::mem::take(&mut self.begun) + &self.rest()?;
        // Each start of the stack creates new logs.
        let now = fs::metadata(&self.path);
        if now.is_ok_and(|now| self.file.metadata().is_ok_and(|own| own.ino() != now.ino())) {
            self.file = File::open(&self.path)?;
            text += &self.rest()?;
        }
        let complete = text.rfind('\n').map_or(0, |end| end + 1);
        self.begun = text.split_off(complete);
        Ok(text.lines().map(str::to_owned).collect())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn folder(name: &str) -> PathBuf {
        let folder = std::env::temp_dir().join(format!("xtask-{name}-{}", std::process::id()));
        fs::create_dir_all(&folder).unwrap();
        folder
    }

    #[test]
    fn an_unknown_part_is_answered_with_the_known_ones() {
        let folder = folder("logs");
        let empty = find(&folder, None, 0).unwrap_err().to_string();
        assert!(empty.contains("cargo xtask up"), "{empty}");
        for file in ["kafka.log", "gateway.log", "gateway.log.1", "stack.json"] {
            fs::write(folder.join(file), "a\n").unwrap();
        }
        assert_eq!(
            find(&folder, Some("kafka"), 0).unwrap(),
            [folder.join("kafka.log")]
        );
        assert_eq!(find(&folder, None, 0).unwrap().len(), 2);
        assert_eq!(
            find(&folder, Some("gateway"), 1).unwrap(),
            [folder.join("gateway.log.1")]
        );
        let none = find(&folder, None, 2).unwrap_err().to_string();
        assert!(none.contains("the last 3 are kept"), "{none}");
        let error = find(&folder, Some("gatway"), 0).unwrap_err().to_string();
        assert_eq!(error, "there is no log of gatway; there are gateway, kafka");
        fs::remove_dir_all(folder).unwrap();
    }

    #[test]
    fn a_followed_log_gives_whole_lines_and_survives_a_new_start() {
        let folder = folder("follow");
        let path = folder.join("gateway.log");
        fs::write(&path, "one\ntwo\n").unwrap();
        let mut log = Followed::open(&path).unwrap();
        assert_eq!(last(&log.rest().unwrap(), 1), ["two"]);
        let mut file = File::options().append(true).open(&path).unwrap();
        write!(file, "three\nfo").unwrap();
        assert_eq!(log.new_lines().unwrap(), ["three"]);
        writeln!(file, "ur").unwrap();
        assert_eq!(log.new_lines().unwrap(), ["four"]);
        // The old file stays open, so that the new one gets another inode number.
        fs::remove_file(&path).unwrap();
        fs::write(&path, "again\n").unwrap();
        assert_eq!(log.new_lines().unwrap(), ["again"]);
        fs::remove_dir_all(folder).unwrap();
    }
}
