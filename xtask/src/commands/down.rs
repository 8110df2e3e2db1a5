//! `cargo xtask down`.

use anyhow::Result;
use clap::Args;

use crate::{
    deploy::{self, Target},
    stack::{Stack, stop_holder},
    tools,
};

#[derive(Args)]
pub(crate) struct Options {
    /// Stop and delete what `up --deployed` has started and deployed
    #[arg(long)]
    deployed: bool,
    /// The endpoint, as for `up`
    #[arg(long, requires = "deployed", value_name = "URL|aws")]
    endpoint: Option<String>,
    /// On AWS, also delete the tables, the pictures and the token key, which can't be undone
    #[arg(long, requires = "endpoint")]
    delete_data: bool,
}

pub(crate) fn run(options: &Options) -> Result<()> {
    let target = Target::from_endpoint(options.endpoint.as_deref())?;
    let name = if options.deployed {
        target.stack()
    } else {
        "up"
    };
    let was_running = stop_holder(&Stack::state(name))?;
    // Also stops what a killed `up` left behind.
    let lock = Stack::lock(name)?;
    // A stack that keeps its data keeps its key.
    let keeps = target == Target::Aws && !options.delete_data;
    if let (true, false, Some(lock)) = (options.deployed, keeps, &lock) {
        Stack::wipe(name, lock)?;
    }
    if !matches!(target, Target::Local { .. }) {
        tools::install()?;
        // Emulators' data is always deleted.
        deploy::down(&target, options.delete_data || target != Target::Aws)?;
        println!("the stack {} is deleted", deploy::STACK);
    } else if was_running {
        println!("stopped");
    } else {
        println!("nothing is running");
    }
    Ok(())
}
