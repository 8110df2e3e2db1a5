//! The control socket: one line in, one line out. `cargo xtask down` and the fault tests
//! speak to a running stack through it.

use std::{
    fs,
    hash::{DefaultHasher, Hash as _, Hasher as _},
    io::{BufRead as _, BufReader, Write as _},
    os::unix::net::{UnixListener, UnixStream},
    path::{Path, PathBuf},
    time::Duration,
};

use anyhow::{Context as _, Result};

/// The longest path of a Unix socket, in bytes, with room for its end (unix(7)).
const LONGEST: usize = 100;

/// A part may take this long to start or stop.
const PATIENCE: Duration = Duration::from_secs(90);

/// Where the stack with this state listens.
pub(crate) fn socket(state: &Path) -> PathBuf {
    let beside = state.join("control.sock");
    if beside.as_os_str().len() <= LONGEST {
        return beside;
    }
    let mut hasher = DefaultHasher::new();
    state.hash(&mut hasher);
    std::env::temp_dir().join(format!("trichrome-{:016x}.sock", hasher.finish()))
}

/// Opens the socket; a stale one is replaced.
pub(crate) fn listen(state: &Path) -> Result<UnixListener> {
    let path = socket(state);
    if path.exists() {
        fs::remove_file(&path)?;
    }
    UnixListener::bind(&path).with_context(|| format!("cannot listen at {}", path.display()))
}

/// Reads one request and answers it.
pub(crate) fn serve(stream: UnixStream, answer: impl FnOnce(&str) -> String) -> Result<()> {
    stream.set_nonblocking(false)?;
    stream.set_read_timeout(Some(Duration::from_secs(5)))?;
    let mut line = String::new();
    BufReader::new(&stream).read_line(&mut line)?;
    writeln!(&stream, "{}", answer(line.trim()))?;
    Ok(())
}

/// Asks a running stack.
pub(crate) fn ask(state: &Path, request: &str) -> Result<String> {
    let stream = UnixStream::connect(socket(state))?;
    stream.set_read_timeout(Some(PATIENCE))?;
    writeln!(&stream, "{request}")?;
    let mut line = String::new();
    BufReader::new(&stream).read_line(&mut line)?;
    Ok(line.trim().to_owned())
}
