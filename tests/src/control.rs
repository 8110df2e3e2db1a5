//! A client of the stack's supervisor, which stops and starts parts.

use std::time::Duration;

use anyhow::{Context as _, Result, ensure};
use tokio::{
    io::{AsyncBufReadExt as _, AsyncWriteExt as _, BufReader},
    net::UnixStream,
    time::timeout,
};

use crate::stack::Stack;

/// The supervisor waits up to a minute for a part to start and 15 s for it to stop, and it may be
/// restarting the part already.
const TIMEOUT: Duration = Duration::from_secs(150);

/// Stops a part: `ministack`, `kafka`, `postgres`, `functions`, `api` or `gateway`.
pub async fn stop(stack: &Stack, part: &str) -> Result<()> {
    stack.stopped().insert(part.to_owned());
    command(stack, &format!("stop {part}")).await
}

/// Starts a part again.
pub async fn start(stack: &Stack, part: &str) -> Result<()> {
    command(stack, &format!("start {part}")).await?;
    stack.stopped().remove(part);
    Ok(())
}

/// Replaces a part or one function, such as `users-get`.
pub async fn restart(stack: &Stack, name: &str) -> Result<()> {
    command(stack, &format!("restart {name}")).await
}

/// Starts the parts that a failed scenario left stopped.
pub(crate) async fn start_stopped(stack: &Stack) -> Result<()> {
    let stopped = stack.stopped().clone();
    for part in stopped {
        start(stack, &part).await?;
    }
    Ok(())
}

/// Kills a part, or one function's processes, with SIGKILL.
pub async fn kill(stack: &Stack, part: &str) -> Result<()> {
    command(stack, &format!("kill {part}")).await
}

/// The number of processes that have ended by themselves since the stack's start.
pub async fn crashes(stack: &Stack) -> Result<usize> {
    let answer = ask(stack, "crashes").await?;
    let count = answer.strip_prefix("ok ");
    let count = count.with_context(|| format!("the supervisor answered {answer:?}"))?;
    Ok(count.parse()?)
}

async fn command(stack: &Stack, command: &str) -> Result<()> {
    let answer = ask(stack, command).await?;
    ensure!(answer == "ok", "`{command}`: {answer}");
    Ok(())
}

async fn ask(stack: &Stack, command: &str) -> Result<String> {
    let path = &stack.description.control_socket;
    let exchange = async {
        let mut socket = UnixStream::connect(path).await?;
        socket.write_all(format!("{command}\n").as_bytes()).await?;
        let mut answer = String::new();
        BufReader::new(socket).read_line(&mut answer).await?;
        Ok::<_, std::io::Error>(answer)
    };
    let answer = timeout(TIMEOUT, exchange)
        .await
        .with_context(|| format!("`{command}` took longer than {TIMEOUT:?}"))?
        .with_context(|| format!("the supervisor at {}", path.display()))?;
    Ok(answer.trim().to_owned())
}
