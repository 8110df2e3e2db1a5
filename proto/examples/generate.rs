//! Writes the files that are generated from the contract: `proto/openapi.json`,
//! `proto/asyncapi.json`, and the marked parts of `README.md` and `template.yaml`. Run it as `cargo xtask generate`.

use std::{fs, io, path::Path};

use trichrome_proto::generate;

fn main() -> io::Result<()> {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("..");
    for (path, text) in generate::documents()? {
        fs::write(root.join(path), text)?;
    }
    for (path, texts) in generate::parts() {
        let path = root.join(path);
        let file = fs::read_to_string(&path)?;
        let spliced = generate::splice(&file, &texts).ok_or_else(|| {
            let pairs = texts.len();
            io::Error::other(format!(
                "{} doesn't have {pairs} pairs of lines with `{}` and `{}`",
                path.display(),
                generate::BEGIN,
                generate::END,
            ))
        })?;
        if spliced != file {
            fs::write(path, spliced)?;
        }
    }
    Ok(())
}
