//! Empty, so that `--workspace` builds have a target: `cargo xtask bench` builds the programs.
