//! Rebuilds the crate when a file is added to `migrations/`, whose files are embedded.

fn main() {
    println!("cargo::rerun-if-changed=migrations");
}
