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
    /// What `up --deployed` started and deployed
    #[arg(long)]
    deployed: bool,
    /// Where it was deployed to, as for `up`
    #[arg(long, requires = "deployed", value_name = "URL|aws")]
    endpoint: Option<String>,
    /// On AWS, too, delete the tables, the pictures and the token key: they cannot be had back
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
    // What a killed `up` left behind goes as well.
    let lock = Stack::lock(name)?;
    // The key of a stack whose data stays has to stay as well.
    let keeps = target == Target::Aws && !options.delete_data;
    if let (true, false, Some(lock)) = (options.deployed, keeps, &lock) {
        Stack::wipe(name, lock)?;
    }
    if !matches!(target, Target::Local { .. }) {
        tools::install()?;
        // An emulator's data is nobody's.
        deploy::down(&target, options.delete_data || target != Target::Aws)?;
        println!("the stack {} is deleted", deploy::STACK);
    } else if was_running {
        println!("stopped");
    } else {
        println!("nothing is running");
    }
    Ok(())
}
