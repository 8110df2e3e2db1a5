//! `pictures-index`: returns the months that have pictures, or the pictures of a month.

use std::process::ExitCode;

use trichrome_pictures::{Error, PictureStore};
use trichrome_proto::pictures::{GetPictureIndexRequest, PictureIndex};
use trichrome_response_cache::NodeCache;
use trichrome_runtime::{Call, Env, Function};
use trichrome_users_table::UserTokens;

struct Index(PictureStore);

impl Function for Index {
    const NAME: &'static str = "pictures-index";
    type Input = GetPictureIndexRequest;
    type Output = PictureIndex;
    type Error = Error;
    type Tokens = UserTokens;

    fn build(env: &mut Env) -> Self {
        Self(PictureStore::from_env(env))
    }

    async fn call(
        &self,
        call: &Call,
        input: GetPictureIndexRequest,
    ) -> Result<PictureIndex, Error> {
        self.0.index(call.caller(), &input).await
    }

    fn revision<'a>(
        &'a self,
        call: &'a Call,
        _: &'a GetPictureIndexRequest,
    ) -> Option<impl Future<Output = Result<Option<String>, Error>> + Send + 'a> {
        Some(self.0.revision(call.caller()))
    }
}

fn main() -> ExitCode {
    trichrome_runtime::run_cached::<Index, NodeCache>()
}
