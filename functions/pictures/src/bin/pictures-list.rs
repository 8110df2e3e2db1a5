//! `pictures-list`: lists the caller's pictures.

use std::process::ExitCode;

use trichrome_pictures::{Error, PictureStore};
use trichrome_proto::pictures::{GetUserPicturesRequest, PicturesMessage};
use trichrome_response_cache::NodeCache;
use trichrome_runtime::{Call, Env, Function};
use trichrome_users_table::UserTokens;

struct List(PictureStore);

impl Function for List {
    const NAME: &'static str = "pictures-list";
    type Input = GetUserPicturesRequest;
    type Output = PicturesMessage;
    type Error = Error;
    type Tokens = UserTokens;

    fn build(env: &mut Env) -> Self {
        Self(PictureStore::from_env(env))
    }

    async fn call(
        &self,
        call: &Call,
        input: GetUserPicturesRequest,
    ) -> Result<PicturesMessage, Error> {
        self.0.list(call.caller(), &input).await
    }

    fn revision<'a>(
        &'a self,
        call: &'a Call,
        _: &'a GetUserPicturesRequest,
    ) -> Option<impl Future<Output = Result<Option<String>, Error>> + Send + 'a> {
        Some(self.0.revision(call.caller()))
    }
}

fn main() -> ExitCode {
    trichrome_runtime::run_cached::<List, NodeCache>()
}
