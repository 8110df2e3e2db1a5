//! `cargo xtask demo`: sign up, upload and read back a picture over each transport.

use std::time::{Duration, Instant, SystemTime};

use anyhow::{Context as _, Result, bail, ensure};
use base64::{Engine as _, prelude::BASE64_STANDARD};
use clap::Args;
use serde_json::{Value, json};

use crate::{
    http,
    stack::{self, Description},
};

/// The default picture.
const PICTURE: &[u8] = include_bytes!("../../../functions/image/tests/fixtures/camera.jpg");

#[derive(Args)]
pub(crate) struct Options {
    /// The image to upload; by default one of the project's fixtures
    picture: Option<std::path::PathBuf>,
}

pub(crate) fn run(options: &Options) -> Result<()> {
    let stack = Description::read(stack::in_use())?;
    let picture = match &options.picture {
        Some(path) => {
            std::fs::read(path).with_context(|| format!("cannot read {}", path.display()))?
        }
        None => PICTURE.to_vec(),
    };
    for transport in ["rest", "grpc", "events"] {
        println!("\n{transport}");
        Session {
            base: format!("{}/{transport}", stack.gateway_url),
            token: None,
        }
        .run(transport, &picture)
        .with_context(|| format!("over {transport}"))?;
    }
    Ok(())
}

/// A user's calls over one transport.
struct Session {
    base: String,
    token: Option<String>,
}

impl Session {
    fn run(&mut self, transport: &str, picture: &[u8]) -> Result<()> {
        let now = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH)?;
        let user = json!({
            "username": format!("demo-{transport}-{}", now.as_millis()),
            "password": "correct horse battery",
        });
        self.call("sign up", "POST", "/signup", Some(&user))?;
        let login = self.call("log in", "POST", "/login", Some(&user))?;
        self.token = text(&login, "access_token");

        let upload = json!({"title": "Demo", "base64": BASE64_STANDARD.encode(picture)});
        let stored = self.call("upload", "POST", "/pictures", Some(&upload))?;
        let id = text(&stored, "id").context("no id")?;
        println!(
            "    {} bytes stored as {}, {} x {}",
            stored["size_bytes"],
            text(&stored, "content_type").unwrap_or_default(),
            stored["width"],
            stored["height"],
        );

        let list = self.call("list", "GET", "/pictures", None)?;
        ensure!(
            list.as_array().is_some_and(|list| list.len() == 1),
            "the list doesn't have exactly one picture"
        );
        let got = self.call("get", "GET", &format!("/pictures/{id}"), None)?;
        let back = BASE64_STANDARD.decode(text(&got, "base64").unwrap_or_default())?;
        ensure!(
            back == picture,
            "the downloaded bytes differ from the uploaded ones"
        );
        println!("    the downloaded bytes are the uploaded ones");
        self.call("delete", "DELETE", &format!("/pictures/{id}"), None)?;
        self.analytics(transport)?;
        let owner = text(&stored, "user_id").context("no owner")?;
        self.call(
            "delete the user",
            "DELETE",
            &format!("/users/{owner}"),
            None,
        )?;
        Ok(())
    }

    /// Waits for the call logs, which arrive shortly after the calls.
    fn analytics(&self, transport: &str) -> Result<()> {
        let path = format!("/analytics?transport={transport}&totals=true&limit=1");
        let started = Instant::now();
        loop {
            let logs = self.call("analytics", "GET", &path, None)?;
            let calls = logs["totals"]["calls"].as_u64().unwrap_or_default();
            if calls > 0 {
                println!("    {calls} calls logged over {transport}");
                return Ok(());
            }
            ensure!(
                started.elapsed() < Duration::from_secs(15),
                "no call was logged"
            );
            std::thread::sleep(Duration::from_millis(500));
        }
    }

    fn call(&self, what: &str, method: &str, path: &str, body: Option<&Value>) -> Result<Value> {
        let started = Instant::now();
        let url = format!("{}{path}", self.base);
        let answer = http::call(method, &url, self.token.as_deref(), body)?;
        let took = started.elapsed().as_secs_f64() * 1e3;
        println!(
            "  {what:<16} {method:<6} {:<3} {took:7.1} ms",
            answer.status
        );
        if answer.status >= 400 {
            bail!("{what}: {}", answer.body);
        }
        Ok(answer.body)
    }
}

fn text(value: &Value, field: &str) -> Option<String> {
    value[field].as_str().map(str::to_owned)
}
