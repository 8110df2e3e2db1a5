//! A gRPC client: signs up, uploads a picture and lists it.
//!
//! `cargo run -p trichrome-tests --features stack --example grpc [URL]`

#![allow(clippy::print_stdout, reason = "an example: this is its output")]

use anyhow::{Context as _, Result};
use base64::{Engine as _, prelude::BASE64_STANDARD};
use tonic::{Request, transport::Channel};
use trichrome_proto::{
    auth::{SignupInput, auth_client::AuthClient},
    pictures::{CreateUserPictureRequest, GetUserPicturesRequest, pictures_client::PicturesClient},
};
use uuid::Uuid;

const PICTURE: &[u8] = include_bytes!("../tests/fixtures/photo.jpg");

#[tokio::main]
async fn main() -> Result<()> {
    let url = std::env::args().nth(1);
    let url = url.unwrap_or_else(|| "http://localhost:50051".to_owned());
    let channel = Channel::from_shared(url)?
        .connect()
        .await
        .context("the service can't be reached")?;

    let user = SignupInput {
        username: format!("grpc-{}", Uuid::new_v4()),
        password: "correct horse".to_owned(),
    };
    let signup = AuthClient::new(channel.clone()).signup(user).await?;
    let token = signup.into_inner().access_token;

    let mut pictures = PicturesClient::new(channel);
    let upload = CreateUserPictureRequest {
        title: "Harbour".to_owned(),
        base64: BASE64_STANDARD.encode(PICTURE),
        ..Default::default()
    };
    let mut upload = by(&token, upload)?;
    // Sent again with the same key after a timeout, the upload has no second effect.
    let key = Uuid::new_v4().to_string().parse()?;
    upload.metadata_mut().insert("idempotency-key", key);
    let picture = pictures.create_user_picture(upload).await?.into_inner();
    println!(
        "uploaded {}, {} x {}",
        picture.id, picture.width, picture.height
    );

    let list = by(&token, GetUserPicturesRequest::default())?;
    for picture in pictures
        .get_user_pictures(list)
        .await?
        .into_inner()
        .pictures
    {
        println!("{}  {}", picture.id, picture.title);
    }
    Ok(())
}

/// A request with the caller's token.
fn by<T>(token: &str, message: T) -> Result<Request<T>> {
    let mut request = Request::new(message);
    let value = format!("Bearer {token}").parse()?;
    request.metadata_mut().insert("authorization", value);
    Ok(request)
}
