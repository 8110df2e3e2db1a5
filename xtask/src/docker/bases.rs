//! The images that a Dockerfile names. They come from their registry. Where no registry can
//! be reached, stand-ins are made, in an engine of our own alone: Debian by `debootstrap`,
//! and Rust as that with this machine's toolchain copied in. What is built on them by the
//! very same Dockerfile is good for a test, not for shipping.

use std::{
    fs::{self, File},
    path::{Path, PathBuf},
    process::Command,
    thread,
    time::{Duration, Instant},
};

use anyhow::{Context as _, Result, bail};
use rustix::process::Signal;

use super::{Engine, Unavailable};
use crate::{
    interrupt, process,
    progress::{Step, say},
    tools,
    workspace::local,
};

/// How long a registry is waited for: some hundred megabytes on a slow line.
const PULL_TIMEOUT: Duration = Duration::from_secs(300);

/// The certificates by which the machine reaches its registries.
const CERTIFICATES: &str = "etc/ssl/certs/ca-certificates.crt";

/// Sees to it that the images on which a Dockerfile builds are there.
pub(crate) fn provide(
    engine: &Engine,
    dockerfile: &Path,
) -> Result<std::result::Result<(), Unavailable>> {
    let text = fs::read_to_string(dockerfile)
        .with_context(|| format!("cannot read {}", dockerfile.display()))?;
    for image in named(&text) {
        if engine.try_run(&["image", "inspect", &image]) {
            continue;
        }
        if pull(engine, &image)? {
            continue;
        }
        if !engine.is_own() {
            return Ok(Err(Unavailable(format!(
                "{image} is not there and cannot be pulled; in an engine of your own nothing is put in its place"
            ))));
        }
        if let Err(error) = stand_in(engine, &image) {
            return Ok(Err(Unavailable(format!(
                "no stand-in for {image}: {error:#}"
            ))));
        }
        say(format!("  {image}: a stand-in made here, for tests alone"));
    }
    Ok(Ok(()))
}

/// Whether a registry has it to give.
fn pull(engine: &Engine, image: &str) -> Result<bool> {
    let log = tools::logs()?.join("docker-pull.log");
    let output = File::create(&log)?;
    let mut command = engine.docker();
    command
        .args(["pull", "--quiet", image])
        .stdout(output.try_clone()?)
        .stderr(output);
    let mut step = Step::begin(&format!("pull {image}"));
    let mut child = process::spawn(&mut command)?;
    let started = Instant::now();
    let status = loop {
        if let Some(status) = child.try_wait()? {
            break Some(status);
        }
        if interrupt::asked() || started.elapsed() > PULL_TIMEOUT {
            process::stop(&mut child, Signal::TERM, Duration::from_secs(5));
            break None;
        }
        step.tick("");
        thread::sleep(Duration::from_millis(100));
    };
    interrupt::check()?;
    let pulled = status.is_some_and(|status| status.success());
    step.end_with(
        pulled,
        if pulled {
            ""
        } else {
            "no registry has it to give"
        },
    );
    Ok(pulled)
}

/// The images of a Dockerfile's `FROM` lines, without its own stages.
fn named(dockerfile: &str) -> Vec<String> {
    let mut stages = Vec::new();
    let mut images: Vec<String> = Vec::new();
    for line in dockerfile.lines() {
        let words: Vec<_> = line.split_whitespace().collect();
        if let ["FROM", image, rest @ ..] = words.as_slice() {
            if !stages.contains(image) && !images.iter().any(|known| known == image) {
                images.push((*image).to_owned());
            }
            if let ["AS", stage] = rest {
                stages.push(*stage);
            }
        }
    }
    images
}

fn stand_in(engine: &Engine, image: &str) -> Result<()> {
    let (name, tag) = image.split_once(':').context("it has no tag")?;
    let suite = ["bookworm", "trixie"]
        .into_iter()
        .find(|suite| tag.contains(suite))
        .context("its tag names no Debian release")?;
    let folder = local().join("docker-bases").join(name);
    if folder.exists() {
        fs::remove_dir_all(&folder)?;
    }
    fs::create_dir_all(&folder)?;
    let made = match name {
        "debian" => {
            debootstrap(suite, None, &folder).and_then(|()| import(engine, &folder, image, &[]))
        }
        "rust" => rust(engine, suite, &folder, image),
        _ => bail!("only Debian's and Rust's can be made"),
    };
    fs::remove_dir_all(&folder)?;
    made
}

/// Rust's slim image: Debian's with a C compiler, and the toolchain where Rust's has it.
fn rust(engine: &Engine, suite: &str, folder: &Path, image: &str) -> Result<()> {
    debootstrap(suite, Some("ca-certificates,gcc,libc6-dev"), folder)?;
    let sysroot = Command::new("rustc")
        .args(["--print", "sysroot"])
        .output()?;
    let sysroot = PathBuf::from(String::from_utf8(sysroot.stdout)?.trim());
    let toolchain = folder.join("usr/local/rustup/toolchain");
    fs::create_dir_all(&toolchain)?;
    fs::create_dir_all(folder.join("usr/local/cargo/bin"))?;
    for part in ["bin", "lib", "libexec"] {
        if sysroot.join(part).exists() {
            process::run(
                Command::new("cp")
                    .arg("-a")
                    .arg(sysroot.join(part))
                    .arg(&toolchain),
            )?;
        }
    }
    let certificates = Path::new("/").join(CERTIFICATES);
    if certificates.exists() {
        fs::copy(certificates, folder.join(CERTIFICATES))?;
    }
    import(
        engine,
        folder,
        image,
        &[
            "ENV CARGO_HOME=/usr/local/cargo",
            "ENV PATH=/usr/local/cargo/bin:/usr/local/rustup/toolchain/bin:/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin",
        ],
    )
}

fn debootstrap(suite: &str, include: Option<&str>, folder: &Path) -> Result<()> {
    let mut command = Command::new("debootstrap");
    command.arg("--variant=minbase");
    if let Some(packages) = include {
        command.arg(format!("--include={packages}"));
    }
    // From the archive that debootstrap itself takes for the suite.
    command.arg(suite).arg(folder);
    process::run_logged(
        &mut command,
        &format!("Debian {suite} by debootstrap"),
        &tools::logs()?.join("debootstrap.log"),
    )
    .context("(on Debian: apt-get install debootstrap)")?;
    // Packages of the archive's cache are no part of an image.
    process::run(
        Command::new("chroot")
            .arg(folder)
            .args(["apt-get", "clean"]),
    )
}

fn import(engine: &Engine, folder: &Path, image: &str, changes: &[&str]) -> Result<()> {
    let archive = folder.with_extension("tar");
    process::run(
        Command::new("tar")
            .args(["--numeric-owner", "--one-file-system", "-cf"])
            .arg(&archive)
            .arg("-C")
            .arg(folder)
            .arg("."),
    )?;
    let mut command = engine.docker();
    command.arg("import");
    for change in changes
        .iter()
        .chain(&["LABEL trichrome.stand-in=true", "CMD [\"bash\"]"])
    {
        command.args(["--change", change]);
    }
    command.arg(&archive).arg(image);
    let imported = process::run_logged(
        &mut command,
        &format!("import {image}"),
        &tools::logs()?.join("docker-import.log"),
    );
    fs::remove_file(&archive)?;
    imported
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::workspace::root;

    #[test]
    fn the_images_are_those_that_no_stage_makes() {
        let text = "# FROM nothing\nFROM rust:1-slim AS base\nRUN true\nFROM base AS build\n\
                    FROM rust:1-slim AS other\nFROM debian:bookworm\nCOPY --from=build /a /b\n";
        assert_eq!(named(text), ["rust:1-slim", "debian:bookworm"]);
    }

    #[test]
    fn our_own_images_can_all_be_stood_in_for() {
        let text = fs::read_to_string(root().join("gateway/Dockerfile")).unwrap();
        for image in named(&text) {
            assert!(
                image.starts_with("debian:bookworm") || image.starts_with("rust:"),
                "{image}"
            );
            assert!(!image.ends_with(":latest"), "{image}");
        }
    }
}
