//! A REST client: signs up, uploads a picture and lists it.
//!
//! `cargo run -p trichrome-tests --features stack --example rest [URL]`

#![allow(clippy::print_stdout, reason = "an example: this is its output")]

use anyhow::{Context as _, Result, bail};
use base64::{Engine as _, prelude::BASE64_STANDARD};
use reqwest::{Client, RequestBuilder};
use serde::{Deserialize, de::DeserializeOwned};
use serde_json::json;
use uuid::Uuid;

const PICTURE: &[u8] = include_bytes!("../tests/fixtures/photo.jpg");

#[derive(Deserialize)]
struct Token {
    access_token: String,
}

#[derive(Deserialize)]
struct Picture {
    id: String,
    title: String,
    width: u32,
    height: u32,
}

#[tokio::main]
async fn main() -> Result<()> {
    let url = std::env::args().nth(1);
    let url = url.unwrap_or_else(|| "http://localhost:9000".to_owned());
    let client = Client::new();

    let user = json!({"username": format!("rest-{}", Uuid::new_v4()), "password": "correct horse"});
    let token: Token = send(client.post(format!("{url}/signup")).json(&user)).await?;

    let upload = client
        .post(format!("{url}/pictures"))
        .bearer_auth(&token.access_token)
        // Sent again with the same key after a timeout, the upload has no second effect.
        .header("idempotency-key", Uuid::new_v4().to_string())
        .json(&json!({"title": "Harbour", "base64": BASE64_STANDARD.encode(PICTURE)}));
    let picture: Picture = send(upload).await?;
    println!(
        "uploaded {}, {} x {}",
        picture.id, picture.width, picture.height
    );

    let list = client
        .get(format!("{url}/pictures"))
        .bearer_auth(&token.access_token);
    for picture in send::<Vec<Picture>>(list).await? {
        println!("{}  {}", picture.id, picture.title);
    }
    Ok(())
}

/// Sends a request. A failure is `{"error": {"code", "message", "request_id"}}`.
async fn send<T: DeserializeOwned>(request: RequestBuilder) -> Result<T> {
    let response = request
        .send()
        .await
        .context("the service can't be reached")?;
    if !response.status().is_success() {
        bail!("{}: {}", response.status(), response.text().await?);
    }
    Ok(response.json().await?)
}
