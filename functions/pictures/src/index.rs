//! The index of a user's pictures by month.
//!
//! It is read from the pictures' own partition: a projection of every row, in pages of 1 MB of rows
//! (about 2,000), of which a page of the index then takes one month. ARCHITECTURE.md compares that
//! with an index of the table.

use std::collections::BTreeMap;

use trichrome_proto::pictures::{
    GetPictureIndexRequest, PictureIndex, PictureIndexEntry, PictureMonth,
};

use crate::{
    Content, Derivative, Error, Picture, PictureStore,
    cursor::{self, Place},
};

/// The limit of a page's JSON, in bytes: below Lambda's payload limit of 6 MB and the 4 MiB that gRPC
/// clients accept.
const MAX_PAGE_BYTES: usize = 3_500_000;

/// The most that an entry's JSON takes besides its title and its link, with quotes escaped twice in a
/// Lambda's response.
const ENTRY_BYTES: usize = 512;

/// The most entries of a page with links. Their JSON could hold more, but signing takes time.
const MAX_LINKED: usize = 500;

const THUMBNAIL: Content = Content::Derivative(Derivative::Thumbnail);

/// The length of `2026-07`.
const MONTH: usize = 7;

/// Which time of a picture counts.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Order {
    /// When it was taken, by the clock of that place; when it was stored, in UTC, if that is unknown.
    Taken,
    /// When it was stored, in UTC.
    Created,
}

impl Order {
    fn read(text: &str) -> Result<Self, Error> {
        match text {
            "" | "taken" => Ok(Self::Taken),
            "created" => Ok(Self::Created),
            _ => Err(Error::Order),
        }
    }

    /// The time of a picture, as text that sorts: `2026-07-14T18:03:21.25`.
    fn time(self, picture: &Picture) -> String {
        let taken = picture.derivation.derived();
        let taken = taken.and_then(|derived| derived.taken_at.as_deref());
        match (self, taken) {
            (Self::Taken, Some(taken)) => local(taken).to_owned(),
            _ => {
                let created = picture.created_at().unwrap_or_default().to_string();
                local(&created).to_owned()
            }
        }
    }
}

/// A time of ISO 8601 without its offset.
fn local(time: &str) -> &str {
    let date = "2026-07-14".len().min(time.len());
    let end = time.get(date..).and_then(|rest| rest.find(['Z', '+', '-']));
    end.map_or(time, |end| &time[..date + end])
}

impl PictureStore {
    /// Returns the months that have pictures of the caller, or the pictures of one month, the newest
    /// first. Pictures that were stored before the call are in it.
    ///
    /// # Errors
    /// [`Error::Month`], [`Error::Order`], [`Error::Cursor`] and [`Error::Unavailable`], and
    /// [`Error::Internal`] if there are no credentials to sign links with.
    pub async fn index(
        &self,
        caller: &str,
        request: &GetPictureIndexRequest,
    ) -> Result<PictureIndex, Error> {
        let order = Order::read(&request.order)?;
        if request.month.is_empty() {
            if !request.cursor.is_empty() {
                return Err(Error::Cursor);
            }
            return self.months(caller, order).await;
        }
        if !is_month(&request.month) {
            return Err(Error::Month);
        }
        let after = match request.cursor.as_str() {
            "" => None,
            cursor => match cursor::read(caller, cursor)? {
                // A cursor of a list by id.
                Place { time, .. } if time.is_empty() => return Err(Error::Cursor),
                place => Some(place),
            },
        };
        let month = request.month.as_str();
        let mut pictures = Vec::new();
        for picture in self.rows.all(caller).await? {
            let time = order.time(&picture);
            if time.get(..MONTH) == Some(month) {
                pictures.push((time, picture));
            }
        }
        pictures.sort_unstable_by(|(time, picture), (other, another)| {
            (other, another.id).cmp(&(time, picture.id))
        });
        let total = count(pictures.len());
        let start = match after {
            None => 0,
            Some(after) => pictures.partition_point(|(time, picture)| {
                (time, picture.id) >= (&after.time, after.picture_id)
            }),
        };
        let page = self.page(caller, pictures.split_off(start), request.links);
        Ok(PictureIndex {
            total,
            ..page.await?
        })
    }

    /// The first of these pictures, as many as a page holds: at least one, if there is one.
    async fn page(
        &self,
        caller: &str,
        pictures: Vec<(String, Picture)>,
        with_links: bool,
    ) -> Result<PictureIndex, Error> {
        let mut page = PictureIndex::default();
        let mut bytes = 0;
        let mut last: Option<Place> = None;
        for (time, picture) in pictures {
            let has_link = with_links && picture.derivation.has_derivatives();
            let (thumbnail, expires_at) = if has_link {
                let link = self.link(&picture, THUMBNAIL).await?;
                (link.url, Some(link.expires_at.into()))
            } else {
                (String::new(), None)
            };
            // A quote in JSON text within JSON is `\\\"`: four bytes. URLs have none.
            bytes += 4 * picture.title.len() + thumbnail.len() + ENTRY_BYTES;
            let is_full = bytes > MAX_PAGE_BYTES || with_links && page.pictures.len() == MAX_LINKED;
            if let Some(last) = last.as_ref().filter(|_| is_full) {
                page.next_cursor = cursor::after(caller, last);
                break;
            }
            // The first link is the first to expire.
            page.links_expire_at = page.links_expire_at.or(expires_at);
            last = Some(Place {
                picture_id: picture.id,
                time,
            });
            page.pictures.push(entry(picture, thumbnail));
        }
        Ok(page)
    }

    async fn months(&self, caller: &str, order: Order) -> Result<PictureIndex, Error> {
        let mut months = BTreeMap::<String, u32>::new();
        let mut total = 0;
        for picture in self.rows.all(caller).await? {
            let mut time = order.time(&picture);
            time.truncate(MONTH);
            *months.entry(time).or_default() += 1;
            total += 1;
        }
        let months = months.into_iter().rev();
        Ok(PictureIndex {
            months: months
                .map(|(month, count)| PictureMonth { month, count })
                .collect(),
            total,
            ..PictureIndex::default()
        })
    }
}

fn entry(picture: Picture, thumbnail: String) -> PictureIndexEntry {
    let created_at = picture.created_at();
    let state = picture.derivation.state().to_owned();
    let derived = picture.derivation.derived();
    let (width, height) = derived.map_or((picture.width, picture.height), |derived| {
        (derived.displayed_width, derived.displayed_height)
    });
    let text = |text: Option<&String>| text.cloned().unwrap_or_default();
    PictureIndexEntry {
        width,
        height,
        taken_at: text(derived.and_then(|derived| derived.taken_at.as_ref())),
        placeholder: text(derived.and_then(|derived| derived.placeholder.as_ref())),
        id: picture.id.to_string(),
        title: picture.title,
        created_at,
        state,
        content_type: picture.content_type,
        size_bytes: picture.size_bytes,
        thumbnail,
    }
}

fn count(pictures: usize) -> u32 {
    u32::try_from(pictures).unwrap_or(u32::MAX)
}

/// Whether a text is a month as in `2026-07`.
fn is_month(text: &str) -> bool {
    let Some((year, month)) = text.split_once('-') else {
        return false;
    };
    let digits = |text: &str| text.bytes().all(|byte| byte.is_ascii_digit());
    year.len() == 4
        && digits(year)
        && month.len() == 2
        && digits(month)
        && ("01"..="12").contains(&month)
}

#[cfg(test)]
mod tests;
