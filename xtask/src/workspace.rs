//! Where things are.

use std::{
    env,
    ffi::{OsStr, OsString},
    path::{Path, PathBuf},
    process::Command,
};

/// The workspace's root.
pub(crate) fn root() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
        .parent()
        .unwrap_or(Path::new("."))
}

/// What the project's commands install and keep; git ignores it.
pub(crate) fn local() -> PathBuf {
    root().join(".local")
}

/// Where cargo puts what it builds.
pub(crate) fn target() -> PathBuf {
    env::var_os("CARGO_TARGET_DIR").map_or_else(|| root().join("target"), PathBuf::from)
}

/// A binary of the workspace, as `cargo build` left it.
pub(crate) fn binary(name: &str) -> PathBuf {
    target().join("debug").join(name)
}

/// The cargo that runs this program, as if it were started from a shell: what `cargo run`
/// puts in the environment of a program makes build scripts run again, and with them builds
/// that take minutes.
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

/// Where the system looks for libraries first (Linux).
const LIBRARIES: &str = "LD_LIBRARY_PATH";

/// A list of folders without those under some others; `None` if none is left.
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
    fn only_cargos_own_folders_are_left_out() {
        let list = OsStr::new("/w/target/debug/deps:/opt/lib:/rust/lib");
        let folders = [Some(Path::new("/w/target")), Some(Path::new("/rust")), None];
        assert_eq!(without(list, &folders), Some("/opt/lib".into()));
        assert_eq!(without(OsStr::new("/rust/lib"), &folders), None);
    }
}
