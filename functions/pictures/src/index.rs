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
    Error, Picture, PictureStore,
    cursor::{self, Place},
};

/// The limit of a page's JSON, in bytes: below Lambda's payload limit of 6 MB and the 4 MiB that gRPC
/// clients accept.
const MAX_PAGE_BYTES: usize = 3_500_000;

/// The most that an entry's JSON takes besides its title, with quotes escaped twice in a Lambda's
/// response.
const ENTRY_BYTES: usize = 512;

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
    /// [`Error::Month`], [`Error::Order`], [`Error::Cursor`] and [`Error::Unavailable`].
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
        let total = pictures.len();
        let start = match after {
            None => 0,
            Some(after) => pictures.partition_point(|(time, picture)| {
                (time, picture.id) >= (&after.time, after.picture_id)
            }),
        };
        let rest = &pictures[start..];
        let fitting = fitting(rest);
        let next_cursor = match rest.get(fitting.saturating_sub(1)) {
            Some((time, last)) if fitting < rest.len() => {
                let (picture_id, time) = (last.id, time.clone());
                cursor::after(caller, &Place { picture_id, time })
            }
            _ => String::new(),
        };
        let page = pictures.into_iter().skip(start).take(fitting);
        Ok(PictureIndex {
            months: Vec::new(),
            pictures: page.map(|(_, picture)| entry(picture)).collect(),
            next_cursor,
            total: count(total),
        })
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

/// How many of the pictures fit in a page: at least one, if there is one.
fn fitting(pictures: &[(String, Picture)]) -> usize {
    let mut total = 0;
    let fitting = pictures.iter().take_while(|(_, picture)| {
        // A quote in JSON text within JSON is `\\\"`: four bytes.
        total += 4 * picture.title.len() + ENTRY_BYTES;
        total <= MAX_PAGE_BYTES
    });
    fitting.count().max(1).min(pictures.len())
}

fn entry(picture: Picture) -> PictureIndexEntry {
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
mod tests {
    use serde_json::{Value, json};
    use trichrome_proto::error::{ErrorCode, Fault as _};
    use uuid::Uuid;

    use super::*;
    use crate::testing::{Answer, USER, item, replay, row};

    /// The id of a picture that was stored at this time.
    fn id(stored: &str, n: u16) -> Uuid {
        let time: prost_types::Timestamp = stored.parse().unwrap();
        let millis = u64::try_from(time.seconds).unwrap() * 1000;
        let (high, low) = (millis >> 16, millis & 0xffff);
        format!("{high:08x}-{low:04x}-7000-8000-{n:012x}")
            .parse()
            .unwrap()
    }

    fn stored(stored: &str, n: u16, taken: Option<&str>) -> Value {
        let mut found = item(&id(stored, n).to_string(), &format!("no {n}"), 5);
        if let Some(taken) = taken {
            found["state"] = json!({ "S": "ready" });
            found["displayed_width"] = json!({ "N": "20" });
            found["displayed_height"] = json!({ "N": "10" });
            found["taken_at"] = json!({ "S": taken });
            found["placeholder"] = json!({ "S": "AA==" });
        }
        found
    }

    fn rows() -> Vec<Answer> {
        let mut hidden = stored("2026-07-03T00:00:00Z", 9, None);
        hidden["deleting"] = json!({ "BOOL": true });
        let last = json!({ "user_id": { "S": USER }, "picture_id": { "S": "p" } });
        vec![
            row(json!({ "Items": [
                // At night, in July by the clock there and in June by UTC.
                stored("2026-08-01T00:00:00Z", 1, Some("2026-07-01T01:00:00+02:00")),
                stored("2026-08-01T00:00:00Z", 2, Some("2026-07-14T18:03:21.3")),
                stored("2026-08-01T00:00:00Z", 3, Some("2026-07-14T18:03:21.25-05:30")),
            ], "LastEvaluatedKey": last })),
            row(json!({ "Items": [
                stored("2026-07-14T18:03:21Z", 4, None),
                stored("2026-08-02T00:00:00Z", 5, None),
                hidden,
            ]})),
        ]
    }

    async fn index(request: GetPictureIndexRequest) -> Result<PictureIndex, Error> {
        replay(rows()).store.index(USER, &request).await
    }

    fn months(index: &PictureIndex) -> Vec<(&str, u32)> {
        let months = index.months.iter();
        months.map(|it| (it.month.as_str(), it.count)).collect()
    }

    #[tokio::test]
    async fn months_have_their_counts() {
        let taken = index(Default::default()).await.unwrap();
        assert_eq!(months(&taken), [("2026-08", 1), ("2026-07", 4)]);
        assert_eq!((taken.total, taken.pictures.len()), (5, 0));
        let created = index(GetPictureIndexRequest {
            order: "created".to_owned(),
            ..Default::default()
        });
        let created = created.await.unwrap();
        assert_eq!(months(&created), [("2026-08", 4), ("2026-07", 1)]);
    }

    #[tokio::test]
    async fn a_month_has_its_pictures_by_local_time() {
        let july = GetPictureIndexRequest {
            month: "2026-07".to_owned(),
            ..Default::default()
        };
        let found = index(july.clone()).await.unwrap();
        let titles: Vec<_> = found.pictures.iter().map(|it| it.title.as_str()).collect();
        assert_eq!(titles, ["no 2", "no 3", "no 4", "no 1"]);
        assert_eq!((found.total, found.next_cursor.as_str()), (4, ""));
        let first = &found.pictures[0];
        assert_eq!((first.width, first.height), (20, 10));
        assert_eq!(first.taken_at, "2026-07-14T18:03:21.3");
        assert_eq!(
            (first.placeholder.as_str(), first.state.as_str()),
            ("AA==", "ready")
        );
        let underived = &found.pictures[2];
        assert_eq!((underived.width, underived.height), (1, 2));
        assert_eq!(underived.state, "processing");

        // The second place is of a picture that was deleted.
        for (n, time) in [(3, "2026-07-14T18:03:21.25"), (6, "2026-07-14T18:03:21.2")] {
            let place = Place {
                picture_id: id("2026-08-01T00:00:00Z", n),
                time: time.to_owned(),
            };
            let request = GetPictureIndexRequest {
                cursor: cursor::after(USER, &place),
                ..july.clone()
            };
            let rest = index(request).await.unwrap();
            let titles: Vec<_> = rest.pictures.iter().map(|it| it.title.as_str()).collect();
            assert_eq!((titles.as_slice(), rest.total), (&["no 4", "no 1"][..], 4));
        }
    }

    #[tokio::test]
    async fn a_page_ends_before_it_is_too_large() {
        let rows = (0..10_000).map(|n| stored("2026-07-01T00:00:00Z", n, None));
        let answer = row(json!({ "Items": rows.collect::<Vec<_>>() }));
        let request = GetPictureIndexRequest {
            month: "2026-07".to_owned(),
            ..Default::default()
        };
        let page = replay(vec![answer])
            .store
            .index(USER, &request)
            .await
            .unwrap();
        assert!((5000..10_000).contains(&page.pictures.len()));
        assert!(serde_json::to_string(&page).unwrap().len() < MAX_PAGE_BYTES);
        let last = page.pictures.last().unwrap().id.parse().unwrap();
        let place = Place {
            picture_id: last,
            time: "2026-07-01T00:00:00".to_owned(),
        };
        assert_eq!(page.next_cursor, cursor::after(USER, &place));
        assert_eq!(page.total, 10_000);
    }

    #[tokio::test]
    async fn invalid_requests_are_refused() {
        let of = |month: &str, order: &str, cursor: &str| GetPictureIndexRequest {
            month: month.to_owned(),
            order: order.to_owned(),
            cursor: cursor.to_owned(),
            ..Default::default()
        };
        let place = |time: &str| Place {
            picture_id: Uuid::nil(),
            time: time.to_owned(),
        };
        let other = cursor::after("another", &place("2026-07-01T00:00:00"));
        let valid = cursor::after(USER, &place("2026-07-01T00:00:00"));
        let of_a_list = cursor::after(USER, &place(""));
        for request in [
            of("2026", "", ""),
            of("2026-13", "", ""),
            of("2026-00", "", ""),
            of("2026-7", "", ""),
            of("2026-07-01", "", ""),
            of("", "name", ""),
            of("2026-07", "", "x"),
            of("2026-07", "", &other),
            of("2026-07", "", &of_a_list),
            of("", "", &valid),
        ] {
            let error = index(request.clone()).await.unwrap_err();
            assert_eq!(error.code(), ErrorCode::InvalidArgument, "{request:?}");
        }
    }
}
