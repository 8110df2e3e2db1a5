//! `pictures-get`: returns a picture of the caller.

use std::process::ExitCode;

use trichrome_pictures::{Error, PictureStore};
use trichrome_proto::pictures::{GetUserPictureRequest, PictureMessage};
use trichrome_response_cache::NodeCache;
use trichrome_runtime::{Call, Env, Function};
use trichrome_users_table::UserTokens;

struct Get(PictureStore);

impl Function for Get {
    const NAME: &'static str = "pictures-get";
    type Input = GetUserPictureRequest;
    type Output = PictureMessage;
    type Error = Error;
    type Tokens = UserTokens;

    fn build(env: &mut Env) -> Self {
        Self(PictureStore::from_env(env))
    }

    async fn call(
        &self,
        call: &Call,
        input: GetUserPictureRequest,
    ) -> Result<PictureMessage, Error> {
        self.0.get(call.caller(), &input).await
    }

    fn revision<'a>(
        &'a self,
        call: &'a Call,
        input: &'a GetUserPictureRequest,
    ) -> Option<impl Future<Output = Result<Option<String>, Error>> + Send + 'a> {
        // Without bytes, a revision costs as much as the picture's row.
        (!input.metadata_only).then(|| self.0.revision(call.caller()))
    }
}

fn main() -> ExitCode {
    trichrome_runtime::run_cached::<Get, NodeCache>()
}
