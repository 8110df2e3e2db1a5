//! Writes what is generated from the contract: `proto/openapi.json`, and the marked parts
//! of `Cargo.toml` and `README.md`. Run it as `cargo xtask generate`.

use std::{fs, io, path::Path};

use trichrome_proto::generate;

fn main() -> io::Result<()> {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("..");
    fs::write(root.join("proto/openapi.json"), generate::openapi_text()?)?;
    for (path, text) in generate::parts() {
        let path = root.join(path);
        let file = fs::read_to_string(&path)?;
        let spliced = generate::splice(&file, &text).ok_or_else(|| {
            io::Error::other(format!("{}: the markers are missing", path.display()))
        })?;
        if spliced != file {
            fs::write(path, spliced)?;
        }
    }
    Ok(())
}
