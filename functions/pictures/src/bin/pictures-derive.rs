//! `pictures-derive`: makes the thumbnail, the preview and the placeholder of each new picture.
//!
//! SQS delivers S3's notifications. For each picture, the program runs itself once more to decode it.

use std::{env, process::ExitCode};

use trichrome_pictures::{Deriver, Error, derive};
use trichrome_response_cache::NodeCache;
use trichrome_runtime::{Env, EventFunction, ResponseCache as _};
use trichrome_startup::error_chain;

struct Derive {
    deriver: Deriver,
    cache: Option<NodeCache>,
}

impl EventFunction for Derive {
    const NAME: &'static str = "pictures-derive";
    const TRIGGER: &'static str = "pubsub";
    type Event = derive::Event;
    type Output = derive::Response;
    type Error = Error;

    fn build(env: &mut Env) -> Self {
        Self {
            deriver: Deriver::from_env(env),
            cache: NodeCache::build(env),
        }
    }

    async fn call(&self, event: derive::Event) -> Result<derive::Response, Error> {
        let handled = self.deriver.handle(event).await;
        for owner in &handled.owners {
            if let Some(cache) = &self.cache
                && let Err(error) = cache.evict(owner).await
            {
                let error = error_chain(&error);
                tracing::warn!(
                    error,
                    "the cache may say for a minute that a picture is processing"
                );
            }
        }
        Ok(handled.response)
    }
}

fn main() -> ExitCode {
    if env::args().nth(1).as_deref() == Some(derive::DECODE) {
        return derive::decode_input();
    }
    trichrome_runtime::run_events::<Derive>()
}
