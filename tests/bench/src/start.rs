//! A function's start time, from `exec` to its first poll of the Runtime API, relative to an
//! empty function; its memory and its size.

use std::{
    collections::BTreeMap,
    fs,
    net::SocketAddr,
    path::Path,
    process::Stdio,
    time::{Duration, Instant},
};

use anyhow::{Context as _, Result, bail};
use tokio::{
    io::{AsyncBufReadExt as _, AsyncReadExt as _, AsyncWriteExt as _, BufReader},
    net::{TcpListener, TcpStream},
    process::Command,
    sync::mpsc,
    time::timeout,
};

use crate::{
    process,
    settings::{Program, Settings},
    stats::Rounds,
    table::Table,
};

/// Starts per program.
const STARTS: usize = 21;
const TIMEOUT: Duration = Duration::from_secs(10);
const MB: f64 = 1_000_000.0;

/// The Extensions API's response to a registration.
const REGISTERED: &str = concat!(
    "HTTP/1.1 200 OK\r\nlambda-extension-identifier: 7\r\ncontent-type: application/json\r\n",
    "content-length: 62\r\n\r\n",
    r#"{"functionName":"bench","functionVersion":"1","handler":"any"}"#,
);

/// The largest zip, in megabytes.
const ZIP: f64 = 4.0;

/// Measures every function's program.
pub(crate) async fn measure(settings: &Settings, table: &mut Table) -> Result<()> {
    let mut api = RuntimeApi::start().await?;
    let empty = "bench-empty".to_owned();
    let programs: Vec<(&String, &Program)> = [(&empty, &settings.empty)]
        .into_iter()
        .chain(&settings.functions)
        .collect();
    let mut starts: BTreeMap<&str, Rounds> = BTreeMap::new();
    // Each round starts all programs once. The first round only warms up the page cache.
    for round in 0..=STARTS {
        for (name, program) in &programs {
            let took = api.start_of(name, &program.program).await?;
            if round > 0 {
                let milliseconds = took.as_secs_f64() * 1000.0;
                starts.entry(name).or_default().add(milliseconds);
            }
        }
    }
    let base = starts
        .get(empty.as_str())
        .context("the empty function was not measured")?
        .median();
    for (name, program) in &programs {
        let start = &starts[name.as_str()];
        let size = size(program)?;
        if *name == &empty {
            table.figure("an empty function", format!("start {start} ms; {size}"));
            continue;
        }
        let ratio = start.median() / base;
        let zip = zip_bytes(program)?;
        table.budget(
            &format!("start of `{name}`"),
            &format!("zip {ZIP} MB"),
            format!("{ratio:.2} x ({start} ms); {size}"),
            zip.is_none_or(|bytes| bytes <= ZIP * MB),
        );
    }
    for (name, program) in &settings.functions {
        let mut memory = Rounds::default();
        for id in process::of(&program.program)? {
            memory.add(process::resident(id)? / MB);
        }
        table.budget(
            &format!("memory of `{name}` after its first calls"),
            "9 MB",
            format!("{memory:.1} MB"),
            memory.max() <= 9.0,
        );
    }
    Ok(())
}

fn size(program: &Program) -> Result<String> {
    let binary = fs::metadata(&program.program)?.len() as f64 / MB;
    Ok(match zip_bytes(program)? {
        Some(zip) => format!("program {binary:.1} MB, zip {:.2} MB", zip / MB),
        None => format!("program {binary:.1} MB"),
    })
}

fn zip_bytes(program: &Program) -> Result<Option<f64>> {
    let Some(zip) = &program.zip else {
        return Ok(None);
    };
    let metadata = fs::metadata(zip).with_context(|| format!("no {}", zip.display()))?;
    Ok(Some(metadata.len() as f64))
}

/// The part of the Runtime API that a start needs: it registers extensions and reports when a
/// function polls for its first event, which it never gets.
struct RuntimeApi {
    address: SocketAddr,
    polled: mpsc::UnboundedReceiver<Instant>,
}

impl RuntimeApi {
    async fn start() -> Result<Self> {
        let listener = TcpListener::bind("127.0.0.1:0").await?;
        let address = listener.local_addr()?;
        let (sender, polled) = mpsc::unbounded_channel();
        tokio::spawn(async move {
            while let Ok((stream, _)) = listener.accept().await {
                let sender = sender.clone();
                // A killed program closes its connection.
                tokio::spawn(async move { answer(stream, &sender).await.ok() });
            }
        });
        Ok(Self { address, polled })
    }

    async fn start_of(&mut self, name: &str, program: &Path) -> Result<Duration> {
        let mut command = Command::new(program);
        command
            .env("AWS_LAMBDA_RUNTIME_API", self.address.to_string())
            .env("AWS_LAMBDA_FUNCTION_NAME", name)
            .env("AWS_LAMBDA_FUNCTION_VERSION", "$LATEST")
            .env("AWS_LAMBDA_FUNCTION_MEMORY_SIZE", "256")
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .kill_on_drop(true);
        let started = Instant::now();
        let mut child = command
            .spawn()
            .with_context(|| format!("cannot start {}", program.display()))?;
        let polled = tokio::select! {
            polled = timeout(TIMEOUT, self.polled.recv()) => polled,
            ended = child.wait() => bail!("{name} ended while starting: {}", ended?),
        };
        let polled = polled
            .with_context(|| format!("{name} did not poll within {TIMEOUT:?}"))?
            .context("the Runtime API ended")?;
        child.kill().await?;
        Ok(polled - started)
    }
}

async fn answer(stream: TcpStream, polled: &mpsc::UnboundedSender<Instant>) -> Result<()> {
    stream.set_nodelay(true)?;
    let mut stream = BufReader::new(stream);
    loop {
        let mut request = String::new();
        if stream.read_line(&mut request).await? == 0 {
            return Ok(());
        }
        if request.contains("/runtime/invocation/next") {
            polled.send(Instant::now())?;
        }
        let mut length = 0;
        loop {
            let mut line = String::new();
            stream.read_line(&mut line).await?;
            let line = line.trim().to_ascii_lowercase();
            if line.is_empty() {
                break;
            }
            if let Some(number) = line.strip_prefix("content-length:") {
                length = number.trim().parse()?;
            }
        }
        let mut body = vec![0; length];
        stream.read_exact(&mut body).await?;
        if request.contains("/next") {
            // Keep the connection open without a response.
            stream.read_u8().await?;
            return Ok(());
        }
        stream.write_all(REGISTERED.as_bytes()).await?;
    }
}
