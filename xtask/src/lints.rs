//! Checks of what is not Rust code, one module a subject.

pub(crate) mod chart;
pub(crate) mod containers;
pub(crate) mod dependencies;
