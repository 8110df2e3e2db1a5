use std::{fs, sync::Mutex};

use super::*;

type Answer = Result<Fetched, Failed>;

fn text(text: &str) -> Answer {
    leased(text, None)
}

fn leased(text: &str, lease: Option<Duration>) -> Answer {
    Ok(Fetched {
        text: Zeroizing::new(text.to_owned()),
        lease,
    })
}

fn down() -> Answer {
    Err(Failed::transient("connection refused"))
}

/// A secret whose source gives these answers, and then fails.
fn secret(answers: impl IntoIterator<Item = Answer>) -> Secret {
    let mut answers: Vec<_> = answers.into_iter().collect();
    answers.reverse();
    Secret::new(
        "KEY_SOURCE".to_owned(),
        Reader::Replayed(Mutex::new(answers)),
    )
}

/// How many answers were not asked for.
fn left(secret: &Secret) -> usize {
    let Reader::Replayed(answers) = &secret.0.reader else {
        panic!("not replayed");
    };
    answers.lock().unwrap().len()
}

async fn advance(time: Duration) {
    tokio::time::advance(time).await;
}

const SECOND: Duration = Duration::from_secs(1);

#[tokio::test]
async fn concurrent_callers_read_once() {
    let secret = secret([text("one"), text("two")]);
    let (one, other) = tokio::join!(secret.get(), secret.get());
    assert_eq!(
        (one.unwrap().expose(), other.unwrap().expose()),
        ("one", "one")
    );
    assert_eq!(left(&secret), 1);
}

#[tokio::test(start_paused = true)]
async fn a_value_is_read_again_after_five_minutes() {
    let secret = secret([text("one"), text("one"), text("two")]);
    assert_eq!(secret.get().await.unwrap().version(), 1);
    advance(FRESH - SECOND).await;
    secret.get().await.unwrap();
    assert_eq!(left(&secret), 2);
    advance(SECOND).await;
    let same = secret.get().await.unwrap();
    assert_eq!((same.expose(), same.version()), ("one", 1));
    advance(FRESH).await;
    let changed = secret.get().await.unwrap();
    assert_eq!((changed.expose(), changed.version()), ("two", 2));
}

#[tokio::test(start_paused = true)]
async fn a_refused_value_is_read_again_at_once_but_not_in_a_flood() {
    let secret = secret([text("one"), text("one"), text("two")]);
    let one = secret.get().await.unwrap();
    advance(REFRESH).await;
    assert_eq!(secret.refresh(&one).await.unwrap().version(), 1);
    // The store has no other yet, and is left alone.
    secret.refresh(&one).await.unwrap();
    assert_eq!(left(&secret), 1);
    advance(REFRESH).await;
    let callers = (secret.refresh(&one), secret.refresh(&one));
    let (two, other) = tokio::join!(callers.0, callers.1);
    assert_eq!(two.unwrap().expose(), "two");
    assert_eq!(other.unwrap().expose(), "two");
    // A caller that was slow gets what others have read.
    assert_eq!(secret.refresh(&one).await.unwrap().version(), 2);
}

#[tokio::test(start_paused = true)]
async fn an_outage_is_survived_until_the_lease_ends_and_ends_by_itself() {
    let lease = Some(Duration::from_secs(90));
    let answers = [
        leased("one", lease),
        down(),
        down(),
        down(),
        down(),
        text("two"),
    ];
    let secret = secret(answers);
    secret.get().await.unwrap();
    // Two thirds of the lease, and the last third in two attempts.
    advance(Duration::from_secs(60)).await;
    assert_eq!(secret.get().await.unwrap().expose(), "one");
    assert_eq!(left(&secret), 4);
    advance(RETRY - SECOND).await;
    secret.get().await.unwrap();
    assert_eq!(left(&secret), 4);
    advance(SECOND).await;
    let error = secret.get().await.unwrap_err();
    assert!(error.is_transient());
    assert_eq!(
        trichrome_startup::error_chain(&error),
        "KEY_SOURCE: the secret is not available now: connection refused"
    );
    // A failure without a value is not kept.
    secret.get().await.unwrap_err();
    assert_eq!(left(&secret), 2);
    secret.get().await.unwrap_err();
    let two = secret.get().await.unwrap();
    assert_eq!((two.expose(), two.version()), ("two", 2));
}

#[tokio::test(start_paused = true)]
async fn a_refreshed_value_ends_with_its_lease_too() {
    let secret = secret([leased("one", Some(6 * SECOND)), down()]);
    let one = secret.get().await.unwrap();
    advance(6 * SECOND).await;
    secret.refresh(&one).await.unwrap_err();
}

#[tokio::test(start_paused = true)]
async fn without_a_lease_a_value_lasts_for_an_hour() {
    let secret = secret([text("one")]);
    secret.get().await.unwrap();
    advance(USABLE - SECOND).await;
    assert_eq!(secret.get().await.unwrap().expose(), "one");
    advance(SECOND).await;
    secret.get().await.unwrap_err();
}

#[tokio::test]
async fn an_empty_secret_is_refused() {
    let error = secret([text("")]).get().await.unwrap_err();
    assert!(!error.is_transient());
}

#[tokio::test(start_paused = true)]
async fn a_file_is_read_again_when_it_changes() {
    let file = tempfile::NamedTempFile::new().unwrap();
    fs::write(file.path(), "one\n").unwrap();
    let secret = Secret::new("KEY_FILE".to_owned(), Reader::File(file.path().into()));
    assert_eq!(secret.get().await.unwrap().expose(), "one");
    fs::write(file.path(), "two\n").unwrap();
    advance(FRESH_FILE).await;
    assert_eq!(secret.get().await.unwrap().expose(), "two");
    fs::remove_file(file.path()).unwrap();
    advance(FRESH_FILE).await;
    assert_eq!(secret.get().await.unwrap().expose(), "two");
    assert!(secret.may_change());
}

#[tokio::test]
async fn nothing_shows_a_value() {
    let secret = Secret::fixed("KEY", "hunter2");
    assert!(!secret.may_change());
    let value = secret.get().await.unwrap();
    assert_eq!(secret.refresh(&value).await.unwrap().version(), 1);
    assert_eq!(
        format!("{secret:?} {value:?}"),
        "Secret(KEY) Value(1, redacted)"
    );
}
