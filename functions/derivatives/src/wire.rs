//! Derivatives between two processes: a line of JSON, then the pictures' bytes.

use std::io::{self, Write};

use serde::{Deserialize, Serialize};

use crate::{Derivatives, Error, Images};

/// What a process that decodes a picture says.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Reply {
    /// What is made of the picture.
    Derived(Derivatives),
    /// Why it can't be decoded.
    Damaged(String),
}

impl From<Result<Derivatives, Error>> for Reply {
    fn from(result: Result<Derivatives, Error>) -> Self {
        match result {
            Ok(derivatives) => Self::Derived(derivatives),
            Err(error) => Self::Damaged(error.to_string()),
        }
    }
}

/// A reply that isn't complete.
#[derive(Debug, thiserror::Error)]
#[error("the reply is incomplete")]
pub struct MalformedReply;

#[derive(Serialize, Deserialize)]
enum Head {
    Derived {
        displayed_width: u32,
        displayed_height: u32,
        taken_at: Option<String>,
        /// The lengths of thumbnail, preview and placeholder.
        images: Option<[usize; 3]>,
    },
    Damaged(String),
}

impl Reply {
    /// Writes it.
    ///
    /// # Errors
    /// Those of the writer.
    pub fn write(&self, into: &mut impl Write) -> io::Result<()> {
        let (head, images) = match self {
            Self::Derived(derived) => {
                let images = derived.images.as_ref();
                let images =
                    images.map(|images| [&images.thumbnail, &images.preview, &images.placeholder]);
                let head = Head::Derived {
                    displayed_width: derived.displayed_width,
                    displayed_height: derived.displayed_height,
                    taken_at: derived.taken_at.clone(),
                    images: images.map(|images| images.map(Vec::len)),
                };
                (head, images)
            }
            Self::Damaged(reason) => (Head::Damaged(reason.clone()), None),
        };
        serde_json::to_writer(&mut *into, &head)?;
        into.write_all(b"\n")?;
        for image in images.into_iter().flatten() {
            into.write_all(image)?;
        }
        into.flush()
    }

    /// Reads it.
    ///
    /// # Errors
    /// [`MalformedReply`].
    pub fn read(bytes: &[u8]) -> Result<Self, MalformedReply> {
        let end = bytes.iter().position(|&byte| byte == b'\n');
        let (head, mut rest) = bytes
            .split_at_checked(end.ok_or(MalformedReply)?)
            .ok_or(MalformedReply)?;
        rest = &rest[1..];
        let head = serde_json::from_slice(head).map_err(|_| MalformedReply)?;
        let reply = match head {
            Head::Damaged(reason) => Self::Damaged(reason),
            Head::Derived {
                displayed_width,
                displayed_height,
                taken_at,
                images,
            } => {
                let mut take = |length: usize| {
                    let (image, after) = rest.split_at_checked(length).ok_or(MalformedReply)?;
                    rest = after;
                    Ok::<_, MalformedReply>(image.to_vec())
                };
                let images = match images {
                    None => None,
                    Some([thumbnail, preview, placeholder]) => Some(Images {
                        thumbnail: take(thumbnail)?,
                        preview: take(preview)?,
                        placeholder: take(placeholder)?,
                    }),
                };
                Self::Derived(Derivatives {
                    displayed_width,
                    displayed_height,
                    taken_at,
                    images,
                })
            }
        };
        match rest {
            [] => Ok(reply),
            _ => Err(MalformedReply),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_reply_is_read_as_it_was_written() {
        let derived = Derivatives {
            displayed_width: 3,
            displayed_height: 4,
            taken_at: Some("2026-07-14T18:03:21".to_owned()),
            images: Some(Images {
                thumbnail: b"thumbnail\n".to_vec(),
                preview: b"preview".to_vec(),
                placeholder: b"hash".to_vec(),
            }),
        };
        for reply in [
            Reply::Derived(derived.clone()),
            Reply::Derived(Derivatives {
                images: None,
                ..derived
            }),
            Reply::Damaged("why\nnot".to_owned()),
        ] {
            let mut bytes = Vec::new();
            reply.write(&mut bytes).unwrap();
            assert_eq!(Reply::read(&bytes).unwrap(), reply);
            // A process that is killed writes less.
            Reply::read(&bytes[..bytes.len() - 1]).unwrap_err();
            bytes.push(0);
            Reply::read(&bytes).unwrap_err();
        }
        Reply::read(b"").unwrap_err();
    }
}
