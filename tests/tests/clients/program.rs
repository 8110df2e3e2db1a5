//! A client that is a program of `tests/clients`.

use std::{collections::HashMap, process::Stdio, time::Duration};

use anyhow::{Context as _, Result, bail};
use futures::future::LocalBoxFuture;
use serde::Deserialize;
use tokio::{
    io::{AsyncBufReadExt as _, AsyncWriteExt as _, BufReader, Lines},
    process::{Child, ChildStdin, ChildStdout, Command},
    time::timeout,
};
use trichrome_proto::wire::header::REQUEST_ID;

use crate::client::{Answer, Client, Outcome, Request};

/// Longer than the programs' own timeouts.
const TIMEOUT: Duration = Duration::from_secs(60);

/// A line of a program's output.
#[derive(Deserialize)]
#[serde(rename_all = "lowercase")]
enum Line {
    Ready(bool),
    Outcome(Option<String>),
    Answer {
        headers: Vec<(String, String)>,
        value: String,
    },
}

pub(crate) struct Program {
    input: ChildStdin,
    output: Lines<BufReader<ChildStdout>>,
    answers: HashMap<String, Answer>,
    /// Ended when this is dropped.
    _child: Child,
}

impl Program {
    /// Starts a program, and waits until it reads answers.
    pub(crate) async fn start(command: &[String], brokers: &str) -> Result<Self> {
        let [program, arguments @ ..] = command else {
            bail!("an empty command");
        };
        let mut child = Command::new(program)
            .args(arguments)
            .arg(brokers)
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .kill_on_drop(true)
            .spawn()
            .with_context(|| format!("cannot start {program}"))?;
        let input = child.stdin.take().context("no input")?;
        let output = child.stdout.take().context("no output")?;
        let mut program = Self {
            input,
            output: BufReader::new(output).lines(),
            answers: HashMap::new(),
            _child: child,
        };
        while !matches!(program.line().await?, Line::Ready(true)) {}
        Ok(program)
    }

    /// The next line. Answers are kept.
    async fn line(&mut self) -> Result<Line> {
        let line = timeout(TIMEOUT, self.output.next_line()).await;
        let line = line.with_context(|| format!("no output within {TIMEOUT:?}"))??;
        let line = line.context("the program has ended")?;
        let line = serde_json::from_str(&line).with_context(|| format!("{line:.300}"))?;
        if let Line::Answer { headers, value } = &line {
            let answer = Answer::read(headers.clone(), value)?;
            if let Some(id) = answer.header(REQUEST_ID) {
                self.answers.insert(id.to_owned(), answer.clone());
            }
        }
        Ok(line)
    }
}

impl Client for Program {
    fn produce<'a>(&'a mut self, request: &'a Request<'a>) -> LocalBoxFuture<'a, Result<Outcome>> {
        Box::pin(async move {
            let mut line = serde_json::to_vec(request)?;
            line.push(b'\n');
            self.input.write_all(&line).await?;
            self.input.flush().await?;
            loop {
                match self.line().await? {
                    Line::Outcome(None) => return Ok(Outcome::Produced),
                    Line::Outcome(Some(problem)) => return Ok(Outcome::Refused(problem)),
                    Line::Ready(_) | Line::Answer { .. } => {}
                }
            }
        })
    }

    fn answer<'a>(&'a mut self, request_id: &'a str) -> LocalBoxFuture<'a, Result<Answer>> {
        Box::pin(async move {
            loop {
                if let Some(answer) = self.answers.remove(request_id) {
                    return Ok(answer);
                }
                self.line().await?;
            }
        })
    }

    fn has_answer<'a>(&'a mut self, request_id: &'a str) -> LocalBoxFuture<'a, Result<bool>> {
        Box::pin(std::future::ready(Ok(self
            .answers
            .contains_key(request_id))))
    }
}
