//! How fast pictures are uploaded: small ones in one call, a large one to S3 by presigned requests.

use std::{
    sync::Arc,
    time::{Duration, Instant},
};

use anyhow::{Context as _, Result, bail, ensure};
use base64::{Engine as _, prelude::BASE64_STANDARD};
use reqwest::Method;
use serde_json::{Value, json};
use sha2::{Digest as _, Sha256};
use tokio::{sync::Semaphore, task::JoinSet};
use trichrome_proto::{
    pictures::{BeginUploadRequest, CompleteUploadRequest, PresignedRequest, UploadMessage},
    wire::limits::MAX_PICTURE,
};

use crate::{
    call,
    events::Command,
    settings::Settings,
    stats::Rounds,
    table::Table,
    upload::{Uploader, Way, picture},
};

/// The sizes of a large picture and of its parts, in bytes.
const LARGE: usize = 60_000_000;
const PART: usize = 8 * 1024 * 1024;

/// Parts sent at once.
const CONCURRENCY: usize = 3;

/// Measures over each transport.
pub(crate) async fn measure(settings: &Settings, table: &mut Table) -> Result<()> {
    let token = call::token(&settings.stack).await?;
    let uploader = Uploader::connect(&settings.stack, &token).await?;
    let mut small = Way::ALL.map(|way| (way, Rounds::default()));
    let mut large = Way::TRANSPORTS.map(|way| (way, Rounds::default()));
    for _ in 0..settings.rounds {
        for (way, speed) in &mut small {
            let took = uploader.upload(*way, MAX_PICTURE, None).await?;
            speed.add(rate(MAX_PICTURE, took));
        }
        for (way, speed) in &mut large {
            speed.add(rate(LARGE, uploader.upload_large(*way).await?));
        }
    }
    for (way, speed) in small {
        table.figure(
            &format!("an upload of 4 MiB over {way}"),
            format!("{speed:.1} MB/s"),
        );
    }
    for (way, speed) in large {
        table.figure(
            &format!("an upload of 60 MB in parts, begun and completed over {way}"),
            format!("{speed:.1} MB/s"),
        );
    }
    Ok(())
}

/// Millions of the picture's bytes a second.
fn rate(bytes: usize, took: Duration) -> f64 {
    bytes as f64 / 1e6 / took.as_secs_f64()
}

/// A picture in parts.
pub(crate) struct Parts {
    pub(crate) bytes: Vec<Vec<u8>>,
}

impl Parts {
    pub(crate) fn of(picture: &[u8]) -> Self {
        Self {
            bytes: picture.chunks(PART).map(<[u8]>::to_vec).collect(),
        }
    }

    /// The request that begins its upload.
    pub(crate) fn request(&self) -> Result<BeginUploadRequest> {
        let checksums = self.bytes.iter().map(Sha256::digest);
        Ok(BeginUploadRequest {
            title: "bench".to_owned(),
            size_bytes: u32::try_from(self.bytes.iter().map(Vec::len).sum::<usize>())?,
            content_type: "image/png".to_owned(),
            checksums: checksums.map(|sum| BASE64_STANDARD.encode(sum)).collect(),
            ..Default::default()
        })
    }
}

impl Uploader<'_> {
    /// Uploads a large picture by presigned requests. Returns the time from the first call to the
    /// last answer.
    async fn upload_large(&self, way: Way) -> Result<Duration> {
        let parts = Parts::of(&picture(LARGE));
        let request = parts.request()?;
        let started = Instant::now();
        let upload = self.begin(way, request).await?;
        ensure!(
            upload.parts.len() == parts.bytes.len(),
            "{:?}",
            upload.parts
        );
        let places = Arc::new(Semaphore::new(CONCURRENCY));
        let mut sending = JoinSet::new();
        for (part, bytes) in upload.parts.into_iter().zip(parts.bytes) {
            let request = part.request.context("a part without a request")?;
            let (http, places) = (self.http.clone(), Arc::clone(&places));
            sending.spawn(async move {
                let _place = places.acquire().await?;
                send(&http, request, bytes).await
            });
        }
        while let Some(sent) = sending.join_next().await {
            sent??;
        }
        self.complete(way, upload.id).await?;
        Ok(started.elapsed())
    }

    pub(crate) async fn begin(
        &self,
        way: Way,
        request: BeginUploadRequest,
    ) -> Result<UploadMessage> {
        if way == Way::Grpc {
            let request = self.request(request)?;
            let answer = self.grpc.clone().begin_upload(request).await?;
            return Ok(answer.into_inner());
        }
        let args = json!({
            "title": request.title,
            "size_bytes": request.size_bytes,
            "content_type": request.content_type,
            "checksums": request.checksums,
        });
        let upload = self.json(way, "uploads", "beginupload", args).await?;
        Ok(serde_json::from_value(upload)?)
    }

    pub(crate) async fn complete(&self, way: Way, upload_id: String) -> Result<()> {
        if way == Way::Grpc {
            let request = CompleteUploadRequest {
                upload_id,
                ..Default::default()
            };
            let request = self.request(request)?;
            self.grpc.clone().complete_upload(request).await?;
            return Ok(());
        }
        let path = format!("uploads/{upload_id}/complete");
        let args = match way {
            Way::Events => json!({ "upload_id": upload_id }),
            _ => json!({}),
        };
        let picture = self.json(way, &path, "completeupload", args).await?;
        ensure!(picture["id"] == upload_id, "not completed: {picture}");
        Ok(())
    }

    /// A call with JSON, over REST or Kafka.
    async fn json(&self, way: Way, path: &str, key: &str, args: Value) -> Result<Value> {
        let text = match way {
            Way::Rest => {
                let url = format!("{}/{path}", self.stack.rest_url);
                let request = self.http.post(url).bearer_auth(self.token).json(&args);
                request.send().await?.error_for_status()?.text().await?
            }
            Way::Events => {
                let command = Command {
                    topic: "pictures",
                    key,
                    data: args.to_string(),
                    token: Some(self.token),
                    trace: None,
                };
                self.events.send(&command).await?
            }
            _ => bail!("no JSON over {way}"),
        };
        Ok(serde_json::from_str(&text)?)
    }
}

/// Sends a part to S3.
pub(crate) async fn send(
    http: &reqwest::Client,
    request: PresignedRequest,
    bytes: Vec<u8>,
) -> Result<()> {
    let method = Method::from_bytes(request.method.as_bytes())?;
    let mut sending = http.request(method, request.url).body(bytes);
    for header in request.headers {
        sending = sending.header(header.name, header.value);
    }
    sending.send().await?.error_for_status()?;
    Ok(())
}
