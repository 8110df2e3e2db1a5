//! Typed clients: generated from this contract's `.proto` files, and ones that know only the fields
//! of the Go original.

use anyhow::{Context as _, Result, ensure};
use http::uri::PathAndQuery;
use tonic::{Code, Request};
use tonic_prost::ProstCodec;
use trichrome_proto::{
    analytics::{GetLogRequest, analytics_client::AnalyticsClient},
    auth::{LoginInput, SignupInput, ValidateRpcRequestInput, auth_client::AuthClient},
    pictures::{
        CreateUserPictureRequest, DeleteUserPictureRequest, GetUserPictureRequest,
        GetUserPicturesRequest, pictures_client::PicturesClient,
    },
    users::{DeleteUserRequest, GetUserDataRequest, users_client::UsersClient},
    wire::header::AUTHORIZATION,
};
use trichrome_tests::{
    account::{PASSWORD, unused_name},
    harness::Suite,
    images::Format,
    scenario::Scenario,
    token,
    wait::{SOON, eventually},
};

pub(crate) fn add(suite: &mut Suite) {
    suite.once("typed_clients::generated_from_the_contract", generated);
    suite.once("typed_clients::of_the_original", original);
}

/// Adds the caller's token to a message.
fn by<T>(token: &str, message: T) -> Result<Request<T>> {
    let mut request = Request::new(message);
    let value = format!("Bearer {token}").parse()?;
    request.metadata_mut().insert(AUTHORIZATION, value);
    Ok(request)
}

async fn generated(run: Scenario) -> Result<()> {
    let channel = run.stack().grpc.channel();
    let (username, password) = (unused_name(), PASSWORD.to_owned());
    let mut auth = AuthClient::new(channel.clone());
    let signup = SignupInput {
        username: username.clone(),
        password: password.clone(),
    };
    let token = auth.signup(signup).await?.into_inner().access_token;
    let id = token::subject(&token)?;
    run.adopt(&id);
    let login = LoginInput {
        username: username.clone(),
        password,
    };
    let token = auth.login(login).await?.into_inner().access_token;
    let validate = ValidateRpcRequestInput {
        access_token: token.clone(),
        method: "/pictures.Pictures/GetUserPictures".to_owned(),
        ..Default::default()
    };
    let validated = auth.validate_rpc_request(validate).await?.into_inner();
    ensure!(validated.user_id == id, "{validated:?}");

    let mut users = UsersClient::new(channel.clone());
    let whom = GetUserDataRequest {
        user_id: id.clone(),
    };
    let user = users.get_user_data(by(&token, whom)?).await?.into_inner();
    ensure!(user.username == username, "{user:?}");

    let picture = Format::Avif.photo();
    let mut pictures = PicturesClient::new(channel.clone());
    let create = CreateUserPictureRequest {
        title: "typed".to_owned(),
        base64: picture.base64(),
        user_id: id.clone(),
        ..Default::default()
    };
    let created = pictures
        .create_user_picture(by(&token, create)?)
        .await?
        .into_inner();
    let listed = pictures
        .get_user_pictures(by(&token, GetUserPicturesRequest::default())?)
        .await?
        .into_inner();
    ensure!(
        listed.pictures.len() == 1,
        "{} listed",
        listed.pictures.len()
    );
    let get = GetUserPictureRequest {
        picture_id: created.id.clone(),
        ..Default::default()
    };
    let got = pictures
        .get_user_picture(by(&token, get.clone())?)
        .await?
        .into_inner();
    ensure!(
        got.base64 == picture.base64() && got.content_type == "image/avif",
        "{}",
        got.title
    );
    ensure!(got.created_at.is_some(), "no time of creation");
    let delete = DeleteUserPictureRequest {
        picture_id: created.id,
        ..Default::default()
    };
    pictures.delete_user_picture(by(&token, delete)?).await?;
    let gone = pictures.get_user_picture(by(&token, get)?).await;
    let status = gone.err().context("the picture is still there")?;
    ensure!(status.code() == Code::NotFound, "{status:?}");

    let analytics = AnalyticsClient::new(channel);
    let read = GetLogRequest {
        limit: 3,
        totals: true,
        ..Default::default()
    };
    // The calls above are logged a little later.
    eventually(SOON, async || {
        let mut analytics = analytics.clone();
        let logs = analytics.get_log(by(&token, read.clone())?).await?;
        let logs = logs.into_inner();
        ensure!(
            logs.logs.len() == 3 && logs.totals.is_some(),
            "{} logs",
            logs.logs.len()
        );
        Ok(())
    })
    .await?;
    users
        .delete_user(by(&token, DeleteUserRequest { user_id: id })?)
        .await?;
    Ok(())
}

/// The messages of the Go original's protos.
mod originals {
    #[derive(Clone, PartialEq, prost::Message)]
    pub(super) struct Credentials {
        #[prost(string, tag = "1")]
        pub(super) username: String,
        #[prost(string, tag = "2")]
        pub(super) password: String,
    }

    #[derive(Clone, PartialEq, prost::Message)]
    pub(super) struct AuthResponse {
        #[prost(string, tag = "1")]
        pub(super) access_token: String,
    }

    #[derive(Clone, PartialEq, prost::Message)]
    pub(super) struct CreateUserPicture {
        #[prost(string, tag = "1")]
        pub(super) title: String,
        #[prost(string, tag = "2")]
        pub(super) base64: String,
        #[prost(string, tag = "3")]
        pub(super) user_id: String,
    }

    #[derive(Clone, PartialEq, prost::Message)]
    pub(super) struct Picture {
        #[prost(string, tag = "1")]
        pub(super) id: String,
        #[prost(string, tag = "2")]
        pub(super) title: String,
        #[prost(string, tag = "3")]
        pub(super) base64: String,
        #[prost(string, tag = "4")]
        pub(super) user_id: String,
    }

    #[derive(Clone, PartialEq, prost::Message)]
    pub(super) struct ListPictures {
        #[prost(string, tag = "1")]
        pub(super) user_id: String,
    }

    #[derive(Clone, PartialEq, prost::Message)]
    pub(super) struct Pictures {
        #[prost(message, repeated, tag = "1")]
        pub(super) pictures: Vec<Picture>,
    }

    #[derive(Clone, PartialEq, prost::Message)]
    pub(super) struct Empty {}

    #[derive(Clone, PartialEq, prost::Message)]
    pub(super) struct Entry {
        #[prost(string, tag = "1")]
        pub(super) transport: String,
        #[prost(string, tag = "2")]
        pub(super) service: String,
        #[prost(string, tag = "3")]
        pub(super) method: String,
    }

    #[derive(Clone, PartialEq, prost::Message)]
    pub(super) struct Logs {
        #[prost(message, repeated, tag = "1")]
        pub(super) logs: Vec<Entry>,
    }
}

/// Calls a method with a message of the original.
async fn call<I, O>(run: &Scenario, path: &'static str, request: Request<I>) -> Result<O>
where
    I: prost::Message + 'static,
    O: prost::Message + Default + 'static,
{
    let mut grpc = tonic::client::Grpc::new(run.stack().grpc.channel());
    grpc.ready().await?;
    let codec = ProstCodec::<I, O>::default();
    let response = grpc
        .unary(request, PathAndQuery::from_static(path), codec)
        .await;
    Ok(response.context(path)?.into_inner())
}

async fn original(run: Scenario) -> Result<()> {
    use originals::*;

    let credentials = Credentials {
        username: unused_name(),
        password: PASSWORD.to_owned(),
    };
    let signup = Request::new(credentials.clone());
    let AuthResponse { access_token } = call(&run, "/auth.Auth/Signup", signup).await?;
    let user_id = token::subject(&access_token)?;
    run.adopt(&user_id);
    let login = Request::new(credentials);
    let AuthResponse { access_token } = call(&run, "/auth.Auth/Login", login).await?;

    let picture = Format::Gif.photo();
    let create = CreateUserPicture {
        title: "original".to_owned(),
        base64: picture.base64(),
        user_id: user_id.clone(),
    };
    let path = "/pictures.Pictures/CreateUserPicture";
    let created: Picture = call(&run, path, by(&access_token, create)?).await?;
    ensure!(
        !created.id.is_empty() && created.user_id == user_id,
        "{created:?}"
    );
    let list = ListPictures { user_id };
    let path = "/pictures.Pictures/GetUserPictures";
    let listed: Pictures = call(&run, path, by(&access_token, list)?).await?;
    ensure!(
        listed.pictures.len() == 1,
        "{} listed",
        listed.pictures.len()
    );
    ensure!(
        listed.pictures[0].base64 == picture.base64(),
        "other bytes were returned"
    );

    let entry = Entry {
        transport: "grpc".to_owned(),
        service: "tests".to_owned(),
        method: "Original".to_owned(),
    };
    let _: Empty = call(
        &run,
        "/analytics.Analytics/LogData",
        by(&access_token, entry)?,
    )
    .await?;
    let logs: Logs = call(
        &run,
        "/analytics.Analytics/GetLog",
        by(&access_token, Empty {})?,
    )
    .await?;
    ensure!(!logs.logs.is_empty(), "no logs");
    Ok(())
}
