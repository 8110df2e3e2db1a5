//! Has the migrations embedded anew when a file is added to their directory.

fn main() {
    println!("cargo::rerun-if-changed=migrations");
}
