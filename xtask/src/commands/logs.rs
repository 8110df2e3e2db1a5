//! `cargo xtask logs`.

use std::{fs, process::Command};

use anyhow::{Result, bail};
use clap::Args;

use crate::{
    process,
    stack::{self, Stack},
};

#[derive(Args)]
pub(crate) struct Options {
    /// gateway, functions, kafka, postgres, ministack, or a step of the set-up; all of them
    /// if left out
    part: Option<String>,
    /// Go on as the log grows
    #[arg(short, long)]
    follow: bool,
    /// How many of the last lines to begin with
    #[arg(short = 'n', long, default_value_t = 200)]
    lines: usize,
}

pub(crate) fn run(options: &Options) -> Result<()> {
    let folder = Stack::logs(stack::in_use());
    let mut logs: Vec<_> = fs::read_dir(&folder)
        .into_iter()
        .flatten()
        .filter_map(|entry| Some(entry.ok()?.path()))
        .filter(|path| path.extension().is_some_and(|extension| extension == "log"))
        .collect();
    logs.sort();
    if let Some(part) = &options.part {
        let known: Vec<_> = logs
            .iter()
            .filter_map(|path| path.file_stem())
            .map(|stem| stem.to_string_lossy().into_owned())
            .collect();
        logs.retain(|path| path.file_stem().is_some_and(|stem| stem == part.as_str()));
        if logs.is_empty() {
            bail!("no log of {part}; there are {}", known.join(", "));
        }
    } else if logs.is_empty() {
        bail!("no logs yet: start `cargo xtask up`");
    }
    let mut tail = Command::new("tail");
    tail.arg("-n").arg(options.lines.to_string());
    if options.follow {
        tail.arg("-F");
    }
    process::run(tail.args(logs))
}
