//! The keys of objects in the pictures bucket:
//!
//! | key | object |
//! |---|---|
//! | `originals/<user>/<picture>` | a picture's unchanged bytes |
//! | `derived/<user>/<picture>/<derivative>.webp` | a derivative of a picture |
//! | `<user>/<picture>` | the bytes of a picture stored before version 0.2.0 |
//!
//! Derivatives have a prefix of their own, because S3 notifies `pictures-derive` of new objects by
//! prefix: one that it writes must not cause another notification.

use uuid::Uuid;

/// The prefix of pictures' bytes. S3 notifies `pictures-derive` of new objects with it.
pub const ORIGINALS: &str = "originals/";

/// The prefix of derivatives.
const DERIVED: &str = "derived/";

/// Where the bytes of a picture are.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Layout {
    /// `<user>/<picture>`: stored before version 0.2.0.
    Flat,
    /// `originals/<user>/<picture>`.
    #[default]
    Prefixed,
}

/// A smaller version of a picture.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Derivative {
    /// For grids and lists.
    Thumbnail,
    /// For a screen.
    Preview,
}

impl Derivative {
    /// All of them.
    pub const ALL: [Self; 2] = [Self::Thumbnail, Self::Preview];

    const fn file(self) -> &'static str {
        match self {
            Self::Thumbnail => "thumbnail.webp",
            Self::Preview => "preview.webp",
        }
    }
}

/// What an object of a picture contains.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Content {
    /// The picture's bytes.
    Original(Layout),
    /// A derivative.
    Derivative(Derivative),
}

/// An object of a picture.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ObjectKey<'a> {
    /// The owner's id.
    pub user_id: &'a str,
    /// The picture's id.
    pub picture: Uuid,
    /// What the object contains.
    pub content: Content,
}

impl<'a> ObjectKey<'a> {
    /// The key of a picture's bytes.
    pub fn original(layout: Layout, user_id: &'a str, picture: Uuid) -> Self {
        Self {
            user_id,
            picture,
            content: Content::Original(layout),
        }
    }

    /// The key of a derivative.
    pub fn derivative(derivative: Derivative, user_id: &'a str, picture: Uuid) -> Self {
        Self {
            user_id,
            picture,
            content: Content::Derivative(derivative),
        }
    }

    /// The keys of everything that belongs to a picture. Some of the objects may not exist.
    pub fn all(layout: Layout, user_id: &'a str, picture: Uuid) -> impl Iterator<Item = Self> {
        let derivatives = Derivative::ALL
            .into_iter()
            .map(move |derivative| Self::derivative(derivative, user_id, picture));
        std::iter::once(Self::original(layout, user_id, picture)).chain(derivatives)
    }

    /// Parses a key. `None` if it isn't that of a picture's object.
    pub fn parse(key: &'a str) -> Option<Self> {
        if let Some(rest) = key.strip_prefix(ORIGINALS) {
            let (user_id, picture) = owner_and_picture(rest)?;
            return Some(Self::original(Layout::Prefixed, user_id, picture));
        }
        if let Some(rest) = key.strip_prefix(DERIVED) {
            let (rest, file) = rest.rsplit_once('/')?;
            let (user_id, picture) = owner_and_picture(rest)?;
            let derivative = Derivative::ALL.into_iter().find(|it| it.file() == file)?;
            return Some(Self::derivative(derivative, user_id, picture));
        }
        let (user_id, picture) = owner_and_picture(key)?;
        Some(Self::original(Layout::Flat, user_id, picture))
    }
}

impl std::fmt::Display for ObjectKey<'_> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let Self {
            user_id, picture, ..
        } = self;
        match self.content {
            Content::Original(Layout::Flat) => write!(f, "{user_id}/{picture}"),
            Content::Original(Layout::Prefixed) => write!(f, "{ORIGINALS}{user_id}/{picture}"),
            Content::Derivative(derivative) => {
                write!(f, "{DERIVED}{user_id}/{picture}/{}", derivative.file())
            }
        }
    }
}

/// The prefixes of the keys of all objects of a user.
pub(crate) fn prefixes(user_id: &str) -> [String; 3] {
    ["", DERIVED, ORIGINALS].map(|prefix| format!("{prefix}{user_id}/"))
}

/// The owner and the picture of `<user>/<picture>`. An id has one spelling, so that a key that is
/// parsed and built again is the same.
fn owner_and_picture(path: &str) -> Option<(&str, Uuid)> {
    let (user_id, id) = path.split_once('/')?;
    let picture: Uuid = id.parse().ok()?;
    (!user_id.is_empty() && picture.to_string() == id).then_some((user_id, picture))
}

#[cfg(test)]
mod tests {
    use super::*;

    const ID: &str = "0190b6a0-1234-7000-8000-000000000001";

    #[test]
    fn keys_are_parsed_as_they_are_built() {
        for (key, content) in [
            (format!("u/{ID}"), Content::Original(Layout::Flat)),
            (
                format!("originals/u/{ID}"),
                Content::Original(Layout::Prefixed),
            ),
            (
                format!("derived/u/{ID}/thumbnail.webp"),
                Content::Derivative(Derivative::Thumbnail),
            ),
            (
                format!("derived/u/{ID}/preview.webp"),
                Content::Derivative(Derivative::Preview),
            ),
        ] {
            let parsed = ObjectKey::parse(&key).unwrap();
            assert_eq!((parsed.user_id, parsed.content), ("u", content), "{key}");
            assert_eq!(parsed.picture.to_string(), ID);
            assert_eq!(parsed.to_string(), key);
            let starts = |prefix: &String| key.starts_with(prefix);
            assert!(prefixes("u").iter().any(starts), "{key}");
        }
    }

    #[test]
    fn other_keys_are_not_those_of_pictures() {
        for key in [
            String::new(),
            "a-report.csv".to_owned(),
            format!("/{ID}"),
            format!("u/{}", ID.to_uppercase()),
            format!("u/{}", ID.replace('-', "")),
            format!("u/{ID}/preview.webp"),
            format!("originals/{ID}"),
            format!("originals/u/{ID}/x"),
            format!("derived/u/{ID}"),
            format!("derived/u/{ID}/original.webp"),
            format!("derived/u/v/{ID}/preview.webp"),
        ] {
            assert_eq!(ObjectKey::parse(&key), None, "{key}");
        }
    }

    #[test]
    fn a_picture_has_an_original_and_every_derivative() {
        let id = ID.parse().unwrap();
        let keys = ObjectKey::all(Layout::Prefixed, "u", id).map(|key| key.to_string());
        let expected = [
            format!("originals/u/{ID}"),
            format!("derived/u/{ID}/thumbnail.webp"),
            format!("derived/u/{ID}/preview.webp"),
        ];
        assert_eq!(keys.collect::<Vec<_>>(), expected);
    }
}
