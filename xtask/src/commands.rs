//! The commands, one module each.

pub(crate) mod backfill;
pub(crate) mod bench;
pub(crate) mod build;
pub(crate) mod demo;
pub(crate) mod down;
pub(crate) mod end_to_end;
pub(crate) mod generate;
pub(crate) mod lint;
pub(crate) mod logs;
pub(crate) mod restart;
pub(crate) mod test;
mod test_apache_kafka;
pub(crate) mod test_deployed;
pub(crate) mod test_image;
pub(crate) mod test_localstack;
pub(crate) mod trace;
pub(crate) mod up;
pub(crate) mod verify;
