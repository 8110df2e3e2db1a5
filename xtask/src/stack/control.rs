//! The control socket of a running stack, for other commands and the fault tests: one line per
//! request and reply.

use std::{
    fs,
    hash::{DefaultHasher, Hash as _, Hasher as _},
    io::{BufRead as _, BufReader, Write as _},
    os::unix::net::{UnixListener, UnixStream},
    path::{Path, PathBuf},
    time::Duration,
};

use anyhow::{Context as _, Result};

/// Maximum length of a Unix socket's path in bytes (unix(7)), less its terminator.
const MAX_PATH: usize = 100;

/// Time allowed for a part to start or stop.
const TIMEOUT: Duration = Duration::from_secs(90);

/// The socket of the stack with this state.
pub(crate) fn socket(state: &Path) -> PathBuf {
    let inside = state.join("control.sock");
    if inside.as_os_str().len() <= MAX_PATH {
        return inside;
    }
    let mut hasher = DefaultHasher::new();
    state.hash(&mut hasher);
    std::env::temp_dir().join(format!("trichrome-{:016x}.sock", hasher.finish()))
}

/// Opens the socket, replacing a stale one.
pub(crate) fn listen(state: &Path) -> Result<UnixListener> {
    let path = socket(state);
    if path.exists() {
        fs::remove_file(&path)?;
    }
    UnixListener::bind(&path).with_context(|| format!("cannot listen at {}", path.display()))
}

/// Reads a request and sends the reply.
pub(crate) fn serve(stream: UnixStream, answer: impl FnOnce(&str) -> String) -> Result<()> {
    stream.set_nonblocking(false)?;
    stream.set_read_timeout(Some(Duration::from_secs(5)))?;
    let mut line = String::new();
    BufReader::new(&stream).read_line(&mut line)?;
    writeln!(&stream, "{}", answer(line.trim()))?;
    Ok(())
}

/// Sends a request to a running stack.
pub(crate) fn ask(state: &Path, request: &str) -> Result<String> {
    let stream = UnixStream::connect(socket(state))?;
    stream.set_read_timeout(Some(TIMEOUT))?;
    writeln!(&stream, "{request}")?;
    let mut line = String::new();
    BufReader::new(&stream).read_line(&mut line)?;
    Ok(line.trim().to_owned())
}
