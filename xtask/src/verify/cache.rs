//! Programs that were built for checks, kept outside the clone.

use std::{
    env,
    fs::{self, File},
    path::{Path, PathBuf},
};

use anyhow::{Context as _, Result, ensure};

/// Where programs are kept, by the XDG Base Directory Specification.
pub(super) fn folder() -> Result<PathBuf> {
    cache_of(env::var_os("XDG_CACHE_HOME"), env::var_os("HOME"))
}

fn cache_of(xdg: Option<std::ffi::OsString>, home: Option<std::ffi::OsString>) -> Result<PathBuf> {
    let caches = xdg
        .map(PathBuf::from)
        .filter(|path| path.is_absolute())
        .or_else(|| home.map(|home| Path::new(&home).join(".cache")))
        .context("set XDG_CACHE_HOME or HOME: programs are cached there")?;
    ensure!(
        caches.is_absolute(),
        "{} is not an absolute path",
        caches.display()
    );
    Ok(caches.join("trichrome"))
}

/// A program in its folder of the cache, after `build` has put it there if it is missing.
pub(super) fn once(
    folder: &Path,
    program: &Path,
    build: impl FnOnce(&Path) -> Result<()>,
) -> Result<PathBuf> {
    fs::create_dir_all(folder)?;
    // Two clones may want it at the same time.
    let lock = File::create(folder.join("lock"))?;
    lock.lock().context("cannot lock the cache")?;
    if !program.exists() {
        build(program)?;
    }
    Ok(program.to_owned())
}

/// What the cache's disk lacks for a build that needs this many gigabytes.
pub(super) fn lacks_disk(gigabytes: u64) -> Result<Option<String>> {
    lacks_disk_in(&folder()?, gigabytes)
}

/// What a folder's disk lacks for a build that needs this many gigabytes.
pub(super) fn lacks_disk_in(folder: &Path, gigabytes: u64) -> Result<Option<String>> {
    fs::create_dir_all(folder)?;
    Ok(lacks(folder, gigabytes, free_gigabytes(folder)?))
}

fn lacks(folder: &Path, needed: u64, free: u64) -> Option<String> {
    (free < needed).then(|| {
        format!(
            "{} has {free} GB left, and the build needs {needed}",
            folder.display()
        )
    })
}

fn free_gigabytes(folder: &Path) -> Result<u64> {
    let stat = rustix::fs::statvfs(folder)
        .with_context(|| format!("cannot see the disk of {}", folder.display()))?;
    Ok(stat.f_bavail.saturating_mul(stat.f_frsize) / 1_000_000_000)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_cache_is_where_the_user_has_caches() {
        let cache = |xdg: Option<&str>, home: Option<&str>| {
            cache_of(xdg.map(Into::into), home.map(Into::into)).ok()
        };
        let of_home = Some(PathBuf::from("/h/.cache/trichrome"));
        assert_eq!(cache(Some("/c"), Some("/h")), Some("/c/trichrome".into()));
        assert_eq!(cache(None, Some("/h")), of_home);
        // The specification has relative paths ignored.
        assert_eq!(cache(Some("c"), Some("/h")), of_home);
        assert_eq!(cache(None, None), None);
    }

    #[test]
    fn a_full_disk_is_noticed() {
        let cache = std::env::temp_dir();
        let free = free_gigabytes(&cache).unwrap();
        assert_eq!(lacks(&cache, free, free), None);
        assert!(lacks(&cache, free + 1, free).is_some());
    }
}
