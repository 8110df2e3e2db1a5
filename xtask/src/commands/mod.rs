//! One module a command.

pub(crate) mod demo;
pub(crate) mod down;
pub(crate) mod generate;
pub(crate) mod lint;
pub(crate) mod logs;
pub(crate) mod test;
pub(crate) mod up;
