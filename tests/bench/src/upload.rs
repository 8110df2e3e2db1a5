//! Uploads in one call, over each transport.

use std::{
    fmt,
    time::{Duration, Instant},
};

use anyhow::{Result, ensure};
use base64::{Engine as _, prelude::BASE64_STANDARD};
use serde_json::json;
use tonic::{
    Request,
    transport::{Channel, Endpoint},
};
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

/// How a picture is sent: over which transport, and in base64 unless raw.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Way {
    Grpc,
    GrpcRaw,
    Rest,
    RestRaw,
    Events,
}

impl Way {
    pub(crate) const ALL: [Self; 5] = [
        Self::Grpc,
        Self::GrpcRaw,
        Self::Rest,
        Self::RestRaw,
        Self::Events,
    ];

    /// One for each transport.
    pub(crate) const TRANSPORTS: [Self; 3] = [Self::Grpc, Self::Rest, Self::Events];

    /// Whether the gateway takes part.
    pub(crate) fn has_gateway(self) -> bool {
        !matches!(self, Self::Rest | Self::RestRaw)
    }
}

impl fmt::Display for Way {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Grpc => "gRPC",
            Self::GrpcRaw => "gRPC, raw",
            Self::Rest => "REST",
            Self::RestRaw => "REST, raw",
            Self::Events => "events",
        })
    }
}

/// A client that uploads pictures.
pub(crate) struct Uploader<'a> {
    pub(crate) stack: &'a Stack,
    pub(crate) events: Events,
    pub(crate) http: reqwest::Client,
    pub(crate) grpc: PicturesClient<Channel>,
    pub(crate) token: &'a str,
}

impl<'a> Uploader<'a> {
    pub(crate) async fn connect(stack: &'a Stack, token: &'a str) -> Result<Self> {
        let channel = Endpoint::from_shared(stack.grpc_url.clone())?
            .connect()
            .await?;
        Ok(Self {
            stack,
            events: Events::connect(&stack.kafka_brokers)?,
            http: reqwest::Client::new(),
            grpc: PicturesClient::new(channel)
                .max_encoding_message_size(MAX_MESSAGE)
                .max_decoding_message_size(MAX_MESSAGE),
            token,
        })
    }

    /// Uploads a picture of this size, with an optional `traceparent` header. Returns the time
    /// from sending it to the answer.
    pub(crate) async fn upload(
        &self,
        way: Way,
        bytes: usize,
        trace: Option<&str>,
    ) -> Result<Duration> {
        let (title, picture) = (Uuid::new_v4().to_string(), picture(bytes));
        match way {
            Way::GrpcRaw => {
                let request = CreateUserPictureRequest {
                    title,
                    content: picture,
                    ..Default::default()
                };
                self.over_grpc(request, trace).await
            }
            Way::Grpc => {
                let request = CreateUserPictureRequest {
                    title,
                    base64: BASE64_STANDARD.encode(picture),
                    ..Default::default()
                };
                self.over_grpc(request, trace).await
            }
            Way::RestRaw => {
                let path = format!("pictures?title={title}");
                self.over_rest(&path, "image/png", picture, trace).await
            }
            Way::Rest => {
                let body = json(&title, picture).into_bytes();
                self.over_rest("pictures", "application/json", body, trace)
                    .await
            }
            Way::Events => self.over_events(&title, json(&title, picture), trace).await,
        }
    }

    async fn over_grpc(
        &self,
        request: CreateUserPictureRequest,
        trace: Option<&str>,
    ) -> Result<Duration> {
        let mut request = self.request(request)?;
        if let Some(trace) = trace {
            request.metadata_mut().insert(TRACEPARENT, trace.parse()?);
        }
        let started = Instant::now();
        self.grpc.clone().create_user_picture(request).await?;
        Ok(started.elapsed())
    }

    /// A gRPC request of the caller.
    pub(crate) fn request<T>(&self, message: T) -> Result<Request<T>> {
        let mut request = Request::new(message);
        let bearer = format!("Bearer {}", self.token).parse()?;
        request.metadata_mut().insert(AUTHORIZATION, bearer);
        Ok(request)
    }

    async fn over_rest(
        &self,
        path: &str,
        content_type: &str,
        body: Vec<u8>,
        trace: Option<&str>,
    ) -> Result<Duration> {
        let mut request = self
            .http
            .post(format!("{}/{path}", self.stack.rest_url))
            .bearer_auth(self.token)
            .header("content-type", content_type)
            .body(body);
        if let Some(trace) = trace {
            request = request.header(TRACEPARENT, trace);
        }
        let started = Instant::now();
        let response = request.send().await?;
        ensure!(response.status() == 201, "REST: {}", response.status());
        Ok(started.elapsed())
    }

    async fn over_events(
        &self,
        title: &str,
        data: String,
        trace: Option<&str>,
    ) -> Result<Duration> {
        let command = Command {
            topic: "pictures",
            key: "createpicture",
            data,
            token: Some(self.token),
            trace,
        };
        let started = Instant::now();
        let answer = self.events.send(&command).await?;
        ensure!(answer.contains(title), "events: {answer}");
        Ok(started.elapsed())
    }
}

fn json(title: &str, picture: Vec<u8>) -> String {
    json!({"title": title, "base64": BASE64_STANDARD.encode(picture)}).to_string()
}

/// A PNG of one pixel, padded to a size.
pub(crate) fn picture(bytes: usize) -> Vec<u8> {
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
    picture
}
