//! Nothing: the programs of this package are built by `cargo xtask bench` alone.
