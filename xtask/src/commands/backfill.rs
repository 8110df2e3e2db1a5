//! `cargo xtask backfill`: thumbnails and previews of pictures that have none.

use anyhow::Result;
use clap::Args;

use crate::{
    deploy,
    stack::{self, Description},
};

#[derive(Args)]
pub(crate) struct Options {
    /// Send at most this many pictures
    #[arg(long)]
    limit: Option<u32>,
    /// Repeat pictures that were found damaged, too
    #[arg(long)]
    damaged: bool,
}

pub(crate) fn run(options: &Options) -> Result<()> {
    let stack = Description::read(stack::in_use())?;
    let mut arguments = Vec::new();
    if let Some(limit) = options.limit {
        arguments.extend(["--limit".to_owned(), limit.to_string()]);
    }
    if options.damaged {
        arguments.push("--damaged".to_owned());
    }
    deploy::backfill(&stack, &arguments)
}
