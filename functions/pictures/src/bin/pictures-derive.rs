//! `pictures-derive`: makes the thumbnail, the preview and the placeholder of each new picture.
//!
//! SQS delivers S3's notifications. For each picture, the program runs itself once more to decode it.

use std::{env, process::ExitCode};

use trichrome_pictures::{Deriver, Error, derive};
use trichrome_runtime::{Env, EventFunction};

struct Derive(Deriver);

impl EventFunction for Derive {
    const NAME: &'static str = "pictures-derive";
    const TRIGGER: &'static str = "pubsub";
    type Event = derive::Event;
    type Output = derive::Response;
    type Error = Error;

    fn build(env: &mut Env) -> Self {
        Self(Deriver::from_env(env))
    }

    async fn call(&self, event: derive::Event) -> Result<derive::Response, Error> {
        Ok(self.0.handle(event).await)
    }
}

fn main() -> ExitCode {
    if env::args().nth(1).as_deref() == Some(derive::DECODE) {
        return derive::decode_input();
    }
    trichrome_runtime::run_events::<Derive>()
}
