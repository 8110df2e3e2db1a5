//! The stack's supervisor: stops and starts its parts.

use std::time::Duration;

use anyhow::{Context as _, Result, ensure};
use tokio::{
    io::{AsyncBufReadExt as _, AsyncWriteExt as _, BufReader},
    net::UnixStream,
    time::timeout,
};

use crate::stack::Stack;

/// How long a command is waited for: the supervisor gives a part a minute to start, and stops
/// it for up to 15 s if it has not; and it may be at a restart of its own when it is asked.
const PATIENCE: Duration = Duration::from_secs(150);

/// Stops a part: `ministack`, `kafka`, `postgres`, `functions` or `gateway`.
///
/// # Errors
///
/// The supervisor is not there, or cannot.
pub async fn stop(stack: &Stack, part: &str) -> Result<()> {
    stack.stopped().insert(part.to_owned());
    command(stack, &format!("stop {part}")).await
}

/// Starts a part again.
///
/// # Errors
///
/// As [`stop`].
pub async fn start(stack: &Stack, part: &str) -> Result<()> {
    command(stack, &format!("start {part}")).await?;
    stack.stopped().remove(part);
    Ok(())
}

/// Starts what a scenario has stopped and, given up, not started again.
pub(crate) async fn start_stopped(stack: &Stack) -> Result<()> {
    let stopped = stack.stopped().clone();
    for part in stopped {
        start(stack, &part).await?;
    }
    Ok(())
}

/// Kills a part, as `kill -9` does.
///
/// # Errors
///
/// As [`stop`].
pub async fn kill(stack: &Stack, part: &str) -> Result<()> {
    command(stack, &format!("kill {part}")).await
}

async fn command(stack: &Stack, command: &str) -> Result<()> {
    let path = &stack.description.control_socket;
    let talk = async {
        let mut socket = UnixStream::connect(path).await?;
        socket.write_all(format!("{command}\n").as_bytes()).await?;
        let mut answer = String::new();
        BufReader::new(socket).read_line(&mut answer).await?;
        Ok::<_, std::io::Error>(answer)
    };
    let answer = timeout(PATIENCE, talk)
        .await
        .with_context(|| format!("`{command}` took longer than {PATIENCE:?}"))?
        .with_context(|| format!("the supervisor at {}", path.display()))?;
    ensure!(answer.trim() == "ok", "`{command}`: {}", answer.trim());
    Ok(())
}
