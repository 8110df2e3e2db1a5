//! Making derivatives of new pictures.
//!
//! S3 announces an object at least once, in no particular order, maybe before its row exists or after
//! its picture is deleted. Every delivery does the same: what is derived depends on the object alone,
//! whose bytes never change, and is written only to a row that exists and isn't being deleted. A
//! delivery that comes too early fails, so that it comes again. One that comes too late removes the
//! derivatives that it or another one stored.

mod decoder;
mod event;

use std::{collections::BTreeSet, path::PathBuf, time::Duration};

use base64::{Engine as _, prelude::BASE64_STANDARD};
use bytes::Bytes;
use tokio::time::timeout;
use trichrome_derivatives::{Derivatives, Reply};

pub use self::{
    decoder::{DECODE, decode_input},
    event::{Event, Response},
};
use self::{
    decoder::{Decoded, Decoder},
    event::Message,
};
use crate::{
    Derivation, Derived, Error, PictureStore,
    store::{Content, Derivative, ObjectKey},
};

/// The largest upload that an installation may allow, in bytes: 256 MiB, by the memory of
/// `pictures-derive`, where an original is there twice.
pub const MAX_UPLOAD_BYTES: u32 = 256 * 1024 * 1024;

/// How long reading an original may take.
const READ_TIMEOUT: Duration = Duration::from_secs(15);

/// What became of an event.
#[derive(Debug, Default)]
pub struct Handled {
    /// The messages that have to come again.
    pub response: Response,
    /// The users whose pictures may have changed.
    pub owners: BTreeSet<String>,
}

/// Makes derivatives.
#[derive(Clone, Debug)]
pub struct Deriver {
    store: PictureStore,
    decoder: Decoder,
}

impl Deriver {
    /// Derives from the pictures in this store. `program` handles [`DECODE`] by [`decode_input`].
    pub fn new(store: PictureStore, program: PathBuf) -> Self {
        Self {
            store,
            decoder: Decoder::new(program),
        }
    }

    /// Handles the messages one after another.
    pub async fn handle(&self, event: Event) -> Handled {
        let mut response = Response::default();
        let mut owners = BTreeSet::new();
        for message in event.messages {
            if let Err(error) = self.message(&message, &mut owners).await {
                let error = trichrome_startup::error_chain(&error);
                tracing::error!(message_id = message.message_id, error, "a message failed");
                response.fail(message.message_id);
            }
        }
        Handled { response, owners }
    }

    async fn message(&self, message: &Message, owners: &mut BTreeSet<String>) -> Result<(), Error> {
        let keys = message.new_objects().map_err(|error| Error::Internal {
            doing: "read a notification",
            source: Box::new(error),
        })?;
        for key in keys {
            match ObjectKey::parse(&key) {
                Some(
                    original @ ObjectKey {
                        content: Content::Original(_),
                        ..
                    },
                ) => {
                    // Also if it fails: its row may have changed.
                    owners.insert(original.user_id.to_owned());
                    self.picture(original).await?;
                }
                _ => tracing::warn!(key, "the notification is of no picture"),
            }
        }
        Ok(())
    }

    /// Makes the derivatives of a picture.
    async fn picture(&self, original: ObjectKey<'_>) -> Result<(), Error> {
        let ObjectKey {
            user_id, picture, ..
        } = original;
        let read = self.store.objects.read_original(original, MAX_UPLOAD_BYTES);
        let read = timeout(READ_TIMEOUT, read).await;
        let bytes = read.map_err(|elapsed| Error::Unavailable {
            doing: "read a picture's bytes in time",
            source: Box::new(elapsed),
        })??;
        let Some(bytes) = bytes else {
            tracing::info!(user_id, picture_id = %picture, "the picture was deleted");
            return self
                .store
                .objects
                .delete_derivatives(user_id, picture)
                .await;
        };
        let derivation = self.derive(original, &bytes).await?;
        drop(bytes);
        let state = derivation.state();
        let rows = &self.store.rows;
        if rows.set_derivation(user_id, picture, &derivation).await?
            // The row of an upload takes it over once the upload is complete.
            || rows
                .set_upload_derivation(user_id, picture, &derivation)
                .await?
        {
            tracing::info!(user_id, picture_id = %picture, state, "derived");
            return Ok(());
        }
        if !self.store.objects.exists(original).await? {
            tracing::info!(user_id, picture_id = %picture, "the picture was deleted meanwhile");
            return self
                .store
                .objects
                .delete_derivatives(user_id, picture)
                .await;
        }
        // The row may be inserted in a moment.
        Err(Error::Unavailable {
            doing: "set what was derived from a picture",
            source: "the picture has no row yet, or is being deleted".into(),
        })
    }

    /// Derives from a picture's bytes, and stores its derivatives.
    async fn derive(&self, original: ObjectKey<'_>, bytes: &[u8]) -> Result<Derivation, Error> {
        let ObjectKey {
            user_id, picture, ..
        } = original;
        let derivatives = match self.decoder.decode(bytes).await? {
            Decoded::Reply(Reply::Derived(derivatives)) => derivatives,
            Decoded::Reply(Reply::Damaged(damage)) => return Ok(Derivation::Damaged(damage)),
            Decoded::Failed(reason) => {
                // Browsers show it all the same, as its check found out.
                tracing::error!(user_id, picture_id = %picture, reason, "decoding failed");
                match trichrome_derivatives::describe(bytes) {
                    Ok(description) => description,
                    Err(error) => return Ok(Derivation::Damaged(error.to_string())),
                }
            }
        };
        let Derivatives {
            displayed_width,
            displayed_height,
            taken_at,
            images,
        } = derivatives;
        let placeholder = images
            .as_ref()
            .map(|images| BASE64_STANDARD.encode(&images.placeholder));
        if let Some(images) = images {
            for (derivative, bytes) in [
                (Derivative::Thumbnail, images.thumbnail),
                (Derivative::Preview, images.preview),
            ] {
                let key = ObjectKey::derivative(derivative, user_id, picture);
                let bytes = Bytes::from(bytes);
                self.store.objects.put_derivative(key, bytes).await?;
            }
        }
        Ok(Derivation::Ready(Derived {
            displayed_width,
            displayed_height,
            taken_at,
            placeholder,
        }))
    }
}

#[cfg(test)]
mod tests;
