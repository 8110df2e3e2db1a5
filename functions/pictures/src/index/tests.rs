use aws_credential_types::Credentials;
use serde_json::{Value, json};
use trichrome_proto::error::{ErrorCode, Fault as _};
use uuid::Uuid;

use super::*;
use crate::testing::{Answer, USER, item, replay, replay_as, row};

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

/// A function's credentials, whose session token is in every link. AWS states no limit; those of
/// Lambda's roles have some 1,000 characters.
fn session() -> Credentials {
    Credentials::new("key", "secret", Some("t+/=".repeat(500)), None, "tests")
}

fn linked(month: &str) -> GetPictureIndexRequest {
    GetPictureIndexRequest {
        month: month.to_owned(),
        links: true,
        ..Default::default()
    }
}

#[tokio::test]
async fn pictures_with_thumbnails_have_links_if_requested() {
    let july = linked("2026-07");
    let without = GetPictureIndexRequest {
        links: false,
        ..july.clone()
    };
    let without = index(without).await.unwrap();
    assert!(without.pictures.iter().all(|it| it.thumbnail.is_empty()));
    assert_eq!(without.links_expire_at, None);

    let found = index(july).await.unwrap();
    let links: Vec<_> = found.pictures.iter().map(|it| &it.thumbnail).collect();
    for (n, link) in [(0, "no%202.webp"), (1, "no%203.webp"), (3, "no%201.webp")] {
        assert!(links[n].contains(link), "{}", links[n]);
        let key = format!("/derived/{USER}/{}/thumbnail.webp?", found.pictures[n].id);
        assert!(links[n].contains(&key), "{}", links[n]);
    }
    // It isn't derived yet.
    assert_eq!(links[2], "");
    let now = prost_types::Timestamp::from(std::time::SystemTime::now()).seconds;
    let left = found.links_expire_at.unwrap().seconds - now;
    assert!((44 * 60..=60 * 60).contains(&left), "{left} s");

    let months = linked("");
    assert_eq!(index(months).await.unwrap().links_expire_at, None);
}

#[tokio::test]
async fn a_page_with_links_ends_before_it_is_too_large() {
    // Titles of the most bytes, in their URLs, too; and short ones.
    for (title, most) in [
        ("\u{1f308}".repeat(255), 250..500),
        ("a".to_owned(), 500..501),
    ] {
        let rows = (0..1_200).map(|n| {
            let mut row = stored("2026-07-01T00:00:00Z", n, Some("2026-07-01T00:00:00"));
            row["title"] = json!({ "S": title });
            row
        });
        let answer = row(json!({ "Items": rows.collect::<Vec<_>>() }));
        let store = replay_as(session(), vec![answer]).store;
        let page = store.index(USER, &linked("2026-07")).await.unwrap();
        assert!(
            most.contains(&page.pictures.len()),
            "{}",
            page.pictures.len()
        );
        // As a function's response holds it.
        let body = serde_json::to_string(&page).unwrap();
        let response = json!({ "statusCode": 200, "body": body }).to_string();
        assert!(response.len() < MAX_PAGE_BYTES, "{}", response.len());
        assert!(page.pictures.iter().all(|it| it.thumbnail.len() > 2_000));
        let place = Place {
            picture_id: page.pictures.last().unwrap().id.parse().unwrap(),
            time: "2026-07-01T00:00:00".to_owned(),
        };
        assert_eq!(page.next_cursor, cursor::after(USER, &place));
        assert_eq!(page.total, 1_200);
    }
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
