//! For operators: health, metrics and profiles.

pub(crate) mod emf;
pub(crate) mod health;
pub(crate) mod metrics;
pub(crate) mod pages;
pub(crate) mod profile;
