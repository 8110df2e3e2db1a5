//! What an upload of the largest picture holds in memory, in the gateway and in the function,
//! over each transport: the peak above what the process held before.

use std::path::Path;

use anyhow::{Context as _, Result, ensure};
use base64::{Engine as _, prelude::BASE64_STANDARD};
use serde_json::json;
use tonic::{Request, transport::Endpoint};
use trichrome_proto::pictures::{CreateUserPictureRequest, pictures_client::PicturesClient};
use uuid::Uuid;

use crate::{
    call,
    events::{Command, Events},
    process,
    settings::{Settings, Stack},
    stats::Rounds,
    table::Table,
};

/// The largest picture that is taken, in bytes.
const PICTURE: usize = 4 * 1024 * 1024;
const SMALL: usize = 1024;
const FUNCTION: &str = "pictures-create";

/// Times the picture's size.
const BUDGET: f64 = 3.0;

/// Measures it over each transport.
pub(crate) async fn measure(settings: &Settings, table: &mut Table) -> Result<()> {
    let token = call::token(&settings.stack).await?;
    let events = Events::connect(&settings.stack.kafka_brokers)?;
    let program = &settings
        .functions
        .get(FUNCTION)
        .with_context(|| format!("no {FUNCTION}"))?
        .program;
    for transport in ["gRPC", "REST", "events"] {
        let (mut gateway, mut function) = (Rounds::default(), Rounds::default());
        for _ in 0..settings.rounds {
            // What a process holds of its own accord it holds from its first upload on.
            for _ in 0..4 {
                upload(&settings.stack, &events, transport, &token, SMALL).await?;
            }
            let before = Held::begin(&settings.gateway)?;
            let functions = Held::begin(program)?;
            upload(&settings.stack, &events, transport, &token, PICTURE).await?;
            gateway.add(before.more()? / PICTURE as f64);
            function.add(functions.more()? / PICTURE as f64);
        }
        if transport != "REST" {
            table.held(
                &format!("an upload over {transport}: memory in the gateway"),
                "3 x the picture",
                format!("{gateway} x"),
                gateway.median() <= BUDGET,
            );
        }
        table.held(
            &format!("an upload over {transport}: memory in the function"),
            "3 x the picture",
            format!("{function} x"),
            function.median() <= BUDGET,
        );
    }
    Ok(())
}

/// What processes held before.
struct Held(Vec<(u32, f64)>);

impl Held {
    fn begin(program: &Path) -> Result<Self> {
        let mut held = Vec::new();
        for id in process::of(program)? {
            process::reset_peak(id)?;
            held.push((id, process::resident(id)?));
        }
        ensure!(!held.is_empty(), "{} does not run", program.display());
        Ok(Self(held))
    }

    /// The most that one of them came to hold above that, in bytes.
    fn more(&self) -> Result<f64> {
        let mut most: f64 = 0.0;
        for (id, before) in &self.0 {
            most = most.max(process::peak(*id)? - before);
        }
        Ok(most)
    }
}

/// The head of a PNG, and as many bytes behind it as it takes.
fn picture(bytes: usize) -> String {
    let mut picture = vec![
        0x89, b'P', b'N', b'G', 0x0d, 0x0a, 0x1a, 0x0a, 0, 0, 0, 13, b'I', b'H', b'D', b'R', 0, 0,
        0, 1, 0, 0, 0, 1, 8, 2, 0, 0, 0, 0x90, 0x77, 0x53, 0xde,
    ];
    // Bytes that do not compress, and differ from upload to upload.
    while picture.len() < bytes {
        picture.extend_from_slice(Uuid::new_v4().as_bytes());
    }
    picture.truncate(bytes);
    BASE64_STANDARD.encode(picture)
}

async fn upload(
    stack: &Stack,
    events: &Events,
    transport: &str,
    token: &str,
    bytes: usize,
) -> Result<()> {
    let (title, base64) = (Uuid::new_v4().to_string(), picture(bytes));
    match transport {
        "gRPC" => {
            let mut request = Request::new(CreateUserPictureRequest {
                title,
                base64,
                ..Default::default()
            });
            let bearer = format!("Bearer {token}").parse()?;
            request.metadata_mut().insert("authorization", bearer);
            pictures(stack).await?.create_user_picture(request).await?;
            Ok(())
        }
        "REST" => {
            let response = reqwest::Client::new()
                .post(format!("{}/pictures", stack.rest_url))
                .bearer_auth(token)
                .header("content-type", "application/json")
                .body(json!({"title": title, "base64": base64}).to_string())
                .send()
                .await?;
            ensure!(response.status() == 201, "REST: {}", response.status());
            Ok(())
        }
        _ => {
            let data = json!({"title": title, "base64": base64}).to_string();
            let command = Command {
                topic: "pictures",
                key: "createpicture",
                data,
                token: Some(token),
            };
            let answer = events.send(&command).await?;
            ensure!(answer.contains(&title), "events: {answer}");
            Ok(())
        }
    }
}

async fn pictures(stack: &Stack) -> Result<PicturesClient<tonic::transport::Channel>> {
    let channel = Endpoint::from_shared(stack.grpc_url.clone())?
        .connect()
        .await?;
    let limit = 16 * 1024 * 1024;
    Ok(PicturesClient::new(channel)
        .max_encoding_message_size(limit)
        .max_decoding_message_size(limit))
}
