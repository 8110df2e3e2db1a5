//! Decoding in a process of its own.
//!
//! Decoders read what strangers send. In a process of its own, one that crashes takes nothing with
//! it, one that runs for too long is killed, its memory is returned, and there are no credentials to
//! steal: it has no environment.

use std::{
    io::{self, Read as _},
    path::PathBuf,
    process::{ExitCode, Stdio},
    time::Duration,
};

use tokio::{
    io::{AsyncReadExt as _, AsyncWriteExt as _},
    process::{Child, Command},
    time::timeout,
};
use trichrome_derivatives::Reply;

use crate::Error;

/// The argument that makes `pictures-derive` decode one picture: its bytes come in, a [`Reply`] goes
/// out.
pub const DECODE: &str = "decode";

/// How long decoding may take, of the function's 60 s. docs/benchmarks.md has what it takes.
const TIMEOUT: Duration = Duration::from_secs(40);

/// The most bytes of a reply. A preview of 16,383 x 400 pixels takes a few megabytes.
const MAX_REPLY: u64 = 64 * 1024 * 1024;

/// Starts decoding processes.
#[derive(Clone, Debug)]
pub(crate) struct Decoder {
    program: PathBuf,
}

/// How a decoding process ended.
#[derive(Debug)]
pub(crate) enum Decoded {
    Reply(Reply),
    /// It crashed, or ran for too long.
    Failed(String),
}

impl Decoder {
    /// Decodes by this program, which handles [`DECODE`].
    pub(crate) fn new(program: PathBuf) -> Self {
        Self { program }
    }

    /// Decodes a picture.
    ///
    /// # Errors
    /// [`Error::Internal`] if no process can be started.
    pub(crate) async fn decode(&self, picture: &[u8]) -> Result<Decoded, Error> {
        let child = Command::new(&self.program)
            .arg(DECODE)
            .env_clear()
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .kill_on_drop(true)
            .spawn()
            .map_err(|error| Error::Internal {
                doing: "start a decoding process",
                source: Box::new(error),
            })?;
        Ok(match timeout(TIMEOUT, talk(child, picture)).await {
            Err(_) => Decoded::Failed(format!("it took more than {} s", TIMEOUT.as_secs())),
            Ok(Err(error)) => Decoded::Failed(error.to_string()),
            Ok(Ok(decoded)) => decoded,
        })
    }
}

async fn talk(mut child: Child, picture: &[u8]) -> io::Result<Decoded> {
    let (Some(mut input), Some(output)) = (child.stdin.take(), child.stdout.take()) else {
        return Err(io::Error::other("it has no pipes"));
    };
    let send = async {
        // One that has crashed reads nothing; its status says more than the broken pipe.
        let _ = input.write_all(picture).await;
        drop(input);
    };
    let mut reply = Vec::new();
    let mut output = output.take(MAX_REPLY);
    let ((), read) = tokio::join!(send, output.read_to_end(&mut reply));
    read?;
    let status = child.wait().await?;
    if !status.success() {
        return Ok(Decoded::Failed(status.to_string()));
    }
    let reply = Reply::read(&reply).map_err(io::Error::other)?;
    Ok(Decoded::Reply(reply))
}

/// Decodes the picture at the standard input, and writes a [`Reply`] to the standard output.
pub fn decode_input() -> ExitCode {
    let mut picture = Vec::new();
    if io::stdin().read_to_end(&mut picture).is_err() {
        return ExitCode::FAILURE;
    }
    let reply = Reply::from(trichrome_derivatives::derive(&picture));
    match reply.write(&mut io::stdout().lock()) {
        Ok(()) => ExitCode::SUCCESS,
        Err(_) => ExitCode::FAILURE,
    }
}

#[cfg(test)]
mod tests {
    use std::{fs, os::unix::fs::PermissionsExt as _};

    use super::*;

    /// What comes of a program that does this.
    async fn decode(script: &str) -> Result<Decoded, Error> {
        let folder = tempfile::tempdir().unwrap();
        let program = folder.path().join("decoder");
        fs::write(&program, format!("#!/bin/sh\n{script}\n")).unwrap();
        fs::set_permissions(&program, fs::Permissions::from_mode(0o755)).unwrap();
        // More than a pipe holds.
        let picture = vec![b'x'; 1024 * 1024];
        Decoder::new(program).decode(&picture).await
    }

    fn failure(decoded: Result<Decoded, Error>) -> String {
        match decoded.unwrap() {
            Decoded::Failed(reason) => reason,
            Decoded::Reply(reply) => panic!("{reply:?}"),
        }
    }

    #[tokio::test]
    async fn the_reply_is_read_and_the_picture_sent_whole() {
        let script = r#"/usr/bin/env | /bin/grep -q AWS && exit 1
            test "$1" = decode || exit 1
            printf '{"Damaged":"%s bytes"}\n' $(/usr/bin/wc -c)"#;
        let decoded = decode(script).await.unwrap();
        let Decoded::Reply(Reply::Damaged(reason)) = decoded else {
            panic!("{decoded:?}");
        };
        assert_eq!(reason, "1048576 bytes");
    }

    #[tokio::test]
    async fn a_crash_is_no_error_of_ours() {
        assert!(failure(decode("kill -ABRT $$").await).contains("signal"));
        assert!(failure(decode("exit 3").await).contains('3'));
        let incomplete = failure(decode("/bin/cat > /dev/null; echo '{'").await);
        assert!(incomplete.contains("incomplete"), "{incomplete}");
    }

    #[tokio::test]
    async fn a_missing_program_is_an_error() {
        let decoder = Decoder::new(PathBuf::from("/nonexistent/decoder"));
        let error = decoder.decode(b"x").await.unwrap_err();
        assert!(matches!(error, Error::Internal { .. }));
    }
}
