//! Paths of the workspace, and its cargo.

use std::{
    env,
    ffi::{OsStr, OsString},
    path::{Path, PathBuf},
    process::Command,
};

/// The workspace's root folder.
pub(crate) fn root() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
        .parent()
        .unwrap_or(Path::new("."))
}

/// The folder for installed tools and for state, ignored by git.
pub(crate) fn local() -> PathBuf {
    root().join(".local")
}

/// Cargo's target folder.
pub(crate) fn target() -> PathBuf {
    env::var_os("CARGO_TARGET_DIR").map_or_else(|| root().join("target"), PathBuf::from)
}

/// A debug binary of the workspace.
pub(crate) fn binary(name: &str) -> PathBuf {
    target().join("debug").join(name)
}

/// The cargo that runs this program, with the environment of a shell. The variables that
/// `cargo run` sets would make build scripts run again, and builds take minutes.
pub(crate) fn cargo() -> Command {
    let cargo = env::var_os("CARGO").map_or_else(|| PathBuf::from("cargo"), PathBuf::from);
    let mut command = Command::new(&cargo);
    for (name, _) in env::vars_os() {
        if let Some(text) = name.to_str()
            && ["CARGO_MANIFEST_", "CARGO_PKG_"]
                .iter()
                .any(|prefix| text.starts_with(prefix))
        {
            command.env_remove(name);
        }
    }
    if let Some(libraries) = env::var_os(LIBRARIES) {
        let toolchain = cargo.parent().and_then(Path::parent);
        match without(&libraries, &[Some(&target()), toolchain]) {
            Some(rest) => command.env(LIBRARIES, rest),
            None => command.env_remove(LIBRARIES),
        };
    }
    command
}

/// The search path for shared libraries (Linux).
const LIBRARIES: &str = "LD_LIBRARY_PATH";

/// A path list without the entries under some folders; `None` if it is then empty.
fn without(list: &OsStr, folders: &[Option<&Path>]) -> Option<OsString> {
    let kept: Vec<_> = env::split_paths(list)
        .filter(|path| {
            !folders
                .iter()
                .flatten()
                .any(|folder| path.starts_with(folder))
        })
        .collect();
    if kept.is_empty() {
        return None;
    }
    env::join_paths(kept).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_cargos_own_folders_are_removed() {
        let list = OsStr::new("/w/target/debug/deps:/opt/lib:/rust/lib");
        let folders = [Some(Path::new("/w/target")), Some(Path::new("/rust")), None];
        assert_eq!(without(list, &folders), Some("/opt/lib".into()));
        assert_eq!(without(OsStr::new("/rust/lib"), &folders), None);
    }
}
