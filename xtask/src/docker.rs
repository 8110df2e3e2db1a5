//! Containers: an engine, the images that ours are made from, and our image under test.

mod bases;
mod engine;
mod image;

pub(crate) use engine::Engine;
pub(crate) use image::Image;

/// Why there is nothing to test; not an error.
#[derive(Debug)]
pub(crate) struct Unavailable(pub(crate) String);
