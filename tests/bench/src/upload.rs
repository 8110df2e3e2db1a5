//! Uploads over each transport.

use anyhow::{Result, ensure};
use base64::{Engine as _, prelude::BASE64_STANDARD};
use serde_json::json;
use tonic::{Request, transport::Endpoint};
use trichrome_proto::{
    pictures::{CreateUserPictureRequest, pictures_client::PicturesClient},
    wire::{
        header::{AUTHORIZATION, TRACEPARENT},
        limits::MAX_MESSAGE,
    },
};
use uuid::Uuid;

use crate::{
    events::{Command, Events},
    settings::Stack,
};

/// The function that handles uploads.
pub(crate) const FUNCTION: &str = "pictures-create";

/// The transports.
pub(crate) const TRANSPORTS: [&str; 3] = ["gRPC", "REST", "events"];

/// A client that uploads pictures.
pub(crate) struct Uploader<'a> {
    stack: &'a Stack,
    events: Events,
    token: &'a str,
}

impl<'a> Uploader<'a> {
    pub(crate) fn new(stack: &'a Stack, token: &'a str) -> Result<Self> {
        Ok(Self {
            stack,
            events: Events::connect(&stack.kafka_brokers)?,
            token,
        })
    }

    /// Uploads a picture of this size, with an optional `traceparent` header.
    pub(crate) async fn upload(
        &self,
        transport: &str,
        bytes: usize,
        trace: Option<&str>,
    ) -> Result<()> {
        let (title, base64) = (Uuid::new_v4().to_string(), picture(bytes));
        match transport {
            "gRPC" => self.over_grpc(title, base64, trace).await,
            "REST" => self.over_rest(&title, &base64, trace).await,
            _ => self.over_events(&title, &base64, trace).await,
        }
    }

    async fn over_grpc(&self, title: String, base64: String, trace: Option<&str>) -> Result<()> {
        let mut request = Request::new(CreateUserPictureRequest {
            title,
            base64,
            ..Default::default()
        });
        let headers = request.metadata_mut();
        headers.insert(AUTHORIZATION, format!("Bearer {}", self.token).parse()?);
        if let Some(trace) = trace {
            headers.insert(TRACEPARENT, trace.parse()?);
        }
        let channel = Endpoint::from_shared(self.stack.grpc_url.clone())?;
        PicturesClient::new(channel.connect().await?)
            .max_encoding_message_size(MAX_MESSAGE)
            .max_decoding_message_size(MAX_MESSAGE)
            .create_user_picture(request)
            .await?;
        Ok(())
    }

    async fn over_rest(&self, title: &str, base64: &str, trace: Option<&str>) -> Result<()> {
        let mut request = reqwest::Client::new()
            .post(format!("{}/pictures", self.stack.rest_url))
            .bearer_auth(self.token)
            .header("content-type", "application/json")
            .body(json!({"title": title, "base64": base64}).to_string());
        if let Some(trace) = trace {
            request = request.header(TRACEPARENT, trace);
        }
        let response = request.send().await?;
        ensure!(response.status() == 201, "REST: {}", response.status());
        Ok(())
    }

    async fn over_events(&self, title: &str, base64: &str, trace: Option<&str>) -> Result<()> {
        let command = Command {
            topic: "pictures",
            key: "createpicture",
            data: json!({"title": title, "base64": base64}).to_string(),
            token: Some(self.token),
            trace,
        };
        let answer = self.events.send(&command).await?;
        ensure!(answer.contains(title), "events: {answer}");
        Ok(())
    }
}

/// A PNG of one pixel, padded to a size.
fn picture(bytes: usize) -> String {
    const HEAD: &[u8] = b"\x89PNG\r\n\x1a\n\
        \0\0\0\x0dIHDR\0\0\0\x01\0\0\0\x01\x08\x02\0\0\0\x90\x77\x53\xde\
        \0\0\0\x0cIDAT\x08\xd7\x63\xf8\xcf\xc0\0\0\x03\x01\x01\0\x18\xdd\x8d\xb0";
    const TAIL: &[u8] = b"\0\0\0\0IEND\xae\x42\x60\x82";
    /// A chunk's length, type and checksum.
    const FRAME: usize = 12;

    let length = bytes.saturating_sub(HEAD.len() + FRAME + TAIL.len());
    let mut picture = Vec::with_capacity(bytes);
    picture.extend_from_slice(HEAD);
    picture.extend((length as u32).to_be_bytes());
    // Decoders skip this chunk, so its checksum needn't be right.
    picture.extend_from_slice(b"fiLl");
    let end = picture.len() + length;
    // Random bytes, which don't compress and differ between uploads.
    while picture.len() < end {
        picture.extend_from_slice(Uuid::new_v4().as_bytes());
    }
    picture.truncate(end);
    picture.extend_from_slice(&[0; 4]);
    picture.extend_from_slice(TAIL);
    BASE64_STANDARD.encode(picture)
}
