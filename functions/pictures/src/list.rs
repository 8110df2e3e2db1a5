//! Listing pictures page by page, newest first.

use futures::{StreamExt as _, TryStreamExt as _, stream};
use trichrome_proto::{
    pictures::{GetUserPicturesRequest, PictureMessage, PicturesMessage},
    wire::limits::MAX_PICTURE,
};

use crate::{
    Error, PictureStore,
    content::encoded_len,
    cursor::{self, Place},
    get::Form,
};

/// The number of pictures in a page if the request has no limit.
const DEFAULT_LIMIT: u32 = 20;

/// The contract's limit of pictures in a page.
const MAX_LIMIT: u32 = 100;

/// The limit of a page's JSON, in bytes: well below Lambda's payload limit of 6 MB, which one
/// picture of 4 MiB nearly fills.
const MAX_PAGE_BYTES: usize = 3_500_000;

/// The most that a picture's JSON takes besides title, links and bytes: names, two ids, type,
/// numbers, times and placeholder, with quotes escaped twice in a Lambda's response.
const FIELDS_BYTES: usize = 1024;

/// How many objects are read concurrently.
const CONCURRENT_READS: usize = 8;

impl PictureStore {
    /// Returns a page of the caller's pictures. It ends at the limit, or before its JSON exceeds
    /// 3.5 MB, but has at least one picture.
    ///
    /// A row without its object, because of a concurrent deletion, is left out. The page is then
    /// shorter, and the next one continues after it.
    ///
    /// # Errors
    /// [`Error::Cursor`] if the cursor isn't the caller's, and [`Error::Unavailable`].
    pub async fn list(
        &self,
        caller: &str,
        request: &GetUserPicturesRequest,
    ) -> Result<PicturesMessage, Error> {
        let after = match request.cursor.as_str() {
            "" => None,
            cursor => Some(cursor::read(caller, cursor)?.picture_id),
        };
        let limit = match request.limit {
            0 => DEFAULT_LIMIT,
            limit => limit.min(MAX_LIMIT),
        };
        let (mut page, mut has_more) = self.rows.page(caller, after, limit as usize).await?;
        let form = Form::of(request.metadata_only, request.raw);
        let mut messages = Vec::with_capacity(page.len());
        for picture in &page {
            messages.push(self.message(picture.clone()).await?);
        }
        let fitting = fitting(&messages, form);
        has_more |= fitting < page.len();
        page.truncate(fitting);

        let next_cursor = match page.last() {
            Some(last) if has_more => cursor::after(caller, &Place::of(last.id)),
            _ => String::new(),
        };
        let pictures = stream::iter(page.into_iter().zip(messages))
            .map(async |(picture, message)| self.with_bytes(&picture, message, form).await)
            .buffered(CONCURRENT_READS)
            .try_filter_map(async |message| Ok(message))
            .try_collect()
            .await?;
        Ok(PicturesMessage {
            pictures,
            next_cursor,
        })
    }
}

/// How many of the pictures fit in a page: at least one, if there is one.
fn fitting(pictures: &[PictureMessage], form: Form) -> usize {
    let mut total = 0;
    let fitting = pictures
        .iter()
        .take_while(|picture| {
            let size = picture.size_bytes as usize;
            let bytes = match form {
                Form::Base64 | Form::Raw if size <= MAX_PICTURE => encoded_len(size),
                Form::None | Form::Base64 | Form::Raw => 0,
            };
            let links = picture.links.as_ref().map_or(0, |links| {
                links.original.len() + links.preview.len() + links.thumbnail.len()
            });
            // A quote in JSON text within JSON is `\\\"`: four bytes.
            let texts = 4 * (picture.title.len() + picture.damage.len());
            total += bytes + links + texts + FIELDS_BYTES;
            total <= MAX_PAGE_BYTES
        })
        .count();
    fitting.max(1).min(pictures.len())
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};
    use trichrome_proto::error::{ErrorCode, Fault as _};
    use uuid::Uuid;

    use super::*;
    use crate::testing::{
        Answer, Replay, USER, item, object, object_error, replay, row, row_error,
    };

    /// The nth id in order of time.
    fn id(n: usize) -> Uuid {
        format!("0190b6a0-{n:04}-7000-8000-000000000001")
            .parse()
            .unwrap()
    }

    /// A response with pictures of these numbers, all of the same size.
    fn rows(numbers: impl IntoIterator<Item = usize>, size: usize) -> Value {
        let rows = numbers
            .into_iter()
            .map(|n| item(&id(n).to_string(), &format!("no {n}"), size));
        json!({ "Items": rows.collect::<Vec<_>>() })
    }

    async fn list(
        request: GetUserPicturesRequest,
        answers: Vec<Answer>,
    ) -> (Result<PicturesMessage, Error>, Replay) {
        let replay = replay(answers);
        (replay.store.list(USER, &request).await, replay)
    }

    fn titles(page: &PicturesMessage) -> Vec<&str> {
        page.pictures
            .iter()
            .map(|picture| picture.title.as_str())
            .collect()
    }

    #[tokio::test]
    async fn a_page_is_ordered_and_has_a_cursor() {
        let request = GetUserPicturesRequest {
            limit: 2,
            ..Default::default()
        };
        let answers = vec![row(rows([9, 8, 7], 3)), object("nin"), object("eig")];
        let (page, replay) = list(request, answers).await;
        let page = page.unwrap();
        assert_eq!(titles(&page), ["no 9", "no 8"]);
        let query = replay.seen()[0].json();
        assert_eq!(query["Limit"], 3);
        assert_eq!(query["ScanIndexForward"], false);
        assert_eq!(query["ExpressionAttributeValues"][":user_id"]["S"], USER);

        let request = GetUserPicturesRequest {
            limit: 2,
            cursor: page.next_cursor,
            ..Default::default()
        };
        let (page, replay) = list(request, vec![row(rows([7], 3)), object("sev")]).await;
        let page = page.unwrap();
        assert_eq!(page.pictures[0].base64, "c2V2");
        assert_eq!(page.next_cursor, "");
        let start = &replay.seen()[0].json()["ExclusiveStartKey"];
        assert_eq!(start["picture_id"]["S"], id(8).to_string());
        assert_eq!(start["user_id"]["S"], USER);
    }

    #[tokio::test]
    async fn the_limit_has_a_default() {
        let (page, replay) = list(Default::default(), vec![row(json!({ "Items": [] }))]).await;
        assert_eq!(page.unwrap(), PicturesMessage::default());
        assert_eq!(replay.seen()[0].json()["Limit"], 21);
    }

    #[tokio::test]
    async fn a_page_ends_before_it_is_too_large() {
        // 1 MB each: as base64, two fit in 3.5 MB and three don't.
        let mut answers = vec![row(rows([9, 8, 7, 6], 1_000_000))];
        answers.extend((0..2).map(|_| object("x")));
        let (page, replay) = list(Default::default(), answers).await;
        let page = page.unwrap();
        assert_eq!(titles(&page), ["no 9", "no 8"]);
        assert_eq!(page.next_cursor, cursor::after(USER, &Place::of(id(8))));
        assert_eq!(replay.operations().len(), 3);

        // At least one is returned, however large.
        let answers = vec![row(rows([9, 8], 4 * 1024 * 1024)), object("x")];
        let (page, _) = list(Default::default(), answers).await;
        let page = page.unwrap();
        assert_eq!(titles(&page), ["no 9"]);
        assert_eq!(page.next_cursor, cursor::after(USER, &Place::of(id(9))));
    }

    #[tokio::test]
    async fn metadata_needs_no_object() {
        let request = GetUserPicturesRequest {
            metadata_only: true,
            ..Default::default()
        };
        let (page, replay) = list(request, vec![row(rows([9, 8, 7], 4_000_000))]).await;
        let page = page.unwrap();
        assert_eq!(titles(&page), ["no 9", "no 8", "no 7"]);
        assert!(
            page.pictures
                .iter()
                .all(|picture| picture.base64.is_empty())
        );
        assert_eq!(replay.operations(), ["Query"]);
    }

    #[tokio::test]
    async fn hidden_rows_and_missing_objects_are_left_out() {
        let mut first = rows([9, 8], 3);
        first["Items"][0]["deleting"] = json!({ "BOOL": true });
        first["LastEvaluatedKey"] = json!({
            "user_id": { "S": USER }, "picture_id": { "S": id(8).to_string() },
        });
        let request = GetUserPicturesRequest {
            limit: 1,
            ..Default::default()
        };
        let answers = vec![row(first), row(rows([7], 3)), object("eig")];
        let (page, replay) = list(request, answers).await;
        let page = page.unwrap();
        assert_eq!(titles(&page), ["no 8"]);
        assert_eq!(page.next_cursor, cursor::after(USER, &Place::of(id(8))));
        let second = replay.seen()[1].json();
        assert_eq!(second["Limit"], 1);
        assert_eq!(
            second["ExclusiveStartKey"]["picture_id"]["S"],
            id(8).to_string()
        );

        let answers = vec![
            row(rows([9, 8], 3)),
            object_error(404, "NoSuchKey"),
            object("eig"),
        ];
        let (page, _) = list(Default::default(), answers).await;
        assert_eq!(page.unwrap().pictures.len(), 1);
    }

    #[tokio::test]
    async fn a_cursor_of_another_user_reaches_no_store() {
        let request = GetUserPicturesRequest {
            cursor: cursor::after("another", &Place::of(id(1))),
            ..Default::default()
        };
        let (page, replay) = list(request, vec![]).await;
        assert_eq!(page.unwrap_err().code(), ErrorCode::InvalidArgument);
        assert!(replay.operations().is_empty());
    }

    #[tokio::test]
    async fn a_failing_store_fails_the_page() {
        let (page, _) = list(
            Default::default(),
            vec![row_error(400, "ThrottlingException")],
        )
        .await;
        assert_eq!(page.unwrap_err().code(), ErrorCode::Unavailable);
        let answers = vec![row(rows([9], 3)), object_error(503, "SlowDown")];
        let (page, _) = list(Default::default(), answers).await;
        assert_eq!(page.unwrap_err().code(), ErrorCode::Unavailable);
    }
}
