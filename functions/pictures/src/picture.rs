//! The metadata of a picture.

use prost_types::Timestamp;
use trichrome_proto::pictures::{PictureLinks, PictureMessage};
use uuid::Uuid;

use crate::{Error, Layout};

/// The metadata of a stored picture.
#[derive(Clone, Debug, PartialEq)]
pub struct Picture {
    /// A UUID of version 7: later pictures have greater ids.
    pub id: Uuid,
    /// The owner's id.
    pub user_id: String,
    /// The title given by the owner.
    pub title: String,
    /// The media type, detected from the bytes.
    pub content_type: String,
    /// The size in bytes.
    pub size_bytes: u32,
    /// The width in pixels, as stored.
    pub width: u32,
    /// The height in pixels, as stored.
    pub height: u32,
    /// Where its bytes are.
    pub layout: Layout,
    /// Whether it was uploaded as a `data:` URL, as which its base64 is returned then.
    pub is_data_url: bool,
    /// What `pictures-derive` found out.
    pub derivation: Derivation,
}

/// What `pictures-derive` found out about a picture.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub enum Derivation {
    /// Nothing yet.
    #[default]
    Processing,
    /// It can be decoded, or its decoding is left to browsers.
    Ready(Derived),
    /// It can't be decoded. The text says why, for its owner.
    Damaged(String),
}

impl Derivation {
    /// The contract's states.
    pub(crate) const PROCESSING: &str = "processing";
    pub(crate) const READY: &str = "ready";
    pub(crate) const DAMAGED: &str = "damaged";

    /// The contract's state.
    pub const fn state(&self) -> &'static str {
        match self {
            Self::Processing => Self::PROCESSING,
            Self::Ready(_) => Self::READY,
            Self::Damaged(_) => Self::DAMAGED,
        }
    }

    /// What is known of a picture that is ready.
    pub const fn derived(&self) -> Option<&Derived> {
        match self {
            Self::Ready(derived) => Some(derived),
            Self::Processing | Self::Damaged(_) => None,
        }
    }

    /// Whether there are a thumbnail and a preview.
    pub fn has_derivatives(&self) -> bool {
        self.derived()
            .is_some_and(|derived| derived.placeholder.is_some())
    }
}

/// What is known of a picture that is ready.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Derived {
    /// The width in pixels as displayed: turned as its metadata says.
    pub displayed_width: u32,
    /// The height in pixels as displayed.
    pub displayed_height: u32,
    /// When it was taken: the local time of that place in ISO 8601, with the UTC offset if known.
    pub taken_at: Option<String>,
    /// A ThumbHash in base64. A picture whose decoding is left to browsers has none, and has no
    /// thumbnail and preview either.
    pub placeholder: Option<String>,
}

impl Picture {
    /// When it was stored, to the millisecond, from its id.
    pub fn created_at(&self) -> Option<Timestamp> {
        let (seconds, nanos) = self.id.get_timestamp()?.to_unix();
        Some(Timestamp {
            seconds: i64::try_from(seconds).ok()?,
            nanos: i32::try_from(nanos).ok()?,
        })
    }

    /// The contract's message, without the bytes.
    pub fn into_message(self, links: PictureLinks) -> PictureMessage {
        let state = self.derivation.state().to_owned();
        let mut message = PictureMessage {
            created_at: self.created_at(),
            id: self.id.to_string(),
            title: self.title,
            user_id: self.user_id,
            content_type: self.content_type,
            size_bytes: self.size_bytes,
            width: self.width,
            height: self.height,
            links: Some(links),
            state,
            ..PictureMessage::default()
        };
        match self.derivation {
            Derivation::Processing => {}
            Derivation::Ready(derived) => {
                message.displayed_width = derived.displayed_width;
                message.displayed_height = derived.displayed_height;
                message.taken_at = derived.taken_at.unwrap_or_default();
                message.placeholder = derived.placeholder.unwrap_or_default();
            }
            Derivation::Damaged(damage) => message.damage = damage,
        }
        message
    }
}

/// A title without characters that can't be seen and could only mislead: bidi controls, which can
/// make `gpj.exe` read `exe.jpg`, and blanks without width. Joiners and variation selectors stay,
/// because scripts and emoji need them.
///
/// # Errors
/// [`Error::BlankTitle`] if nothing visible is left.
pub(crate) fn visible_title(title: &str) -> Result<String, Error> {
    let title: String = title.chars().filter(|c| !is_misleading(*c)).collect();
    if title.trim().is_empty() {
        return Err(Error::BlankTitle);
    }
    Ok(title)
}

pub(crate) const fn is_misleading(c: char) -> bool {
    let bidi_control = matches!(
        c,
        '\u{61c}' | '\u{200e}' | '\u{200f}' | '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}'
    );
    let blank = matches!(
        c,
        '\u{ad}' | '\u{180e}' | '\u{200b}' | '\u{2060}'
            ..='\u{2064}' | '\u{2800}' | '\u{3164}' | '\u{feff}' | '\u{ffa0}'
    );
    bidi_control || blank
}

/// Parses a picture's id. The contract allows UUIDs of any version and case.
///
/// # Errors
/// [`Error::MalformedId`].
pub(crate) fn parse_id(id: &str) -> Result<Uuid, Error> {
    id.parse().map_err(|_| Error::MalformedId)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_title_has_no_misleading_characters() {
        for (title, visible) in [
            ("holiday\u{202e}gpj.exe", "holidaygpj.exe"),
            ("\u{2067}a\u{2069}\u{200f}\u{61c}", "a"),
            ("a\u{200b}\u{feff}\u{ad}b", "ab"),
            // Joiners and variation selectors belong to what is seen.
            (
                "👩\u{200d}🚀 ❤\u{fe0f} می\u{200c}خواهم",
                "👩\u{200d}🚀 ❤\u{fe0f} می\u{200c}خواهم",
            ),
        ] {
            assert_eq!(visible_title(title).unwrap(), visible);
        }
        for blank in [
            "\u{200b}",
            "\u{2800}\u{3164}",
            "\u{feff} \u{ad}",
            "\u{202e}",
        ] {
            let refused = visible_title(blank);
            assert!(matches!(refused, Err(Error::BlankTitle)), "{blank:?}");
        }
    }
}
