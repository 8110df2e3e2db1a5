use axum::{Router, extract::State, http::StatusCode as Status, routing::post};
use tokio::{net::TcpListener, sync::watch};

use super::*;

type Respond = dyn Fn(usize) -> (u16, String) + Send + Sync;

/// What the stand-in for cargo-lambda answers to a call, by its number from 1.
#[derive(Clone)]
pub(crate) struct Script(Arc<Respond>);

impl Script {
    pub(crate) fn new(respond: impl Fn(usize) -> (u16, String) + Send + Sync + 'static) -> Self {
        Self(Arc::new(respond))
    }
}

/// Functions that answer by a script, and the number of calls that were made.
pub(crate) fn functions(script: Script) -> (Functions, watch::Receiver<usize>) {
    let (made, calls) = watch::channel(0);
    let respond = async move |State(script): State<Script>| {
        let mut number = 0;
        made.send_modify(|count| {
            *count += 1;
            number = *count;
        });
        let (status, body) = (script.0)(number);
        (Status::from_u16(status).unwrap(), body)
    };
    let router = Router::new()
        .route("/2015-03-31/functions/{name}/invocations", post(respond))
        .with_state(script);
    (serve(router), calls)
}

/// Functions behind this router.
pub(crate) fn serve(router: Router) -> Functions {
    let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    listener.set_nonblocking(true).unwrap();
    let url = format!("http://{}", listener.local_addr().unwrap());
    let listener = TcpListener::from_std(listener).unwrap();
    tokio::spawn(async move { axum::serve(listener, router).await });
    Functions::new(&url.parse().unwrap())
}

/// Takes all places for invocations of a function.
pub(crate) async fn occupy(functions: &Functions, name: &str) -> OwnedSemaphorePermit {
    let lane = Arc::clone(functions.lanes().entry(name.to_owned()).or_default());
    let slots = u32::try_from(IN_FLIGHT).unwrap();
    let slots = Arc::clone(&lane.slots).acquire_many_owned(slots);
    slots.await.unwrap()
}

async fn answer(status: u16, body: &'static str) -> Result<Answer, InvokeError> {
    let (functions, _calls) = functions(Script::new(move |_| (status, body.into())));
    functions.invoke("f", "{}".into()).await
}

#[tokio::test]
async fn a_response_and_a_functions_error_are_told_apart() {
    let error = r#"{"errorType":"Runtime.ExitError","errorMessage":"m"}"#;
    assert_eq!(answer(200, "{}").await, Ok(Answer::Success("{}".into())));
    assert_eq!(answer(500, error).await, Ok(Answer::Failed(error.into())));
    // cargo-lambda's own fault.
    let own = r#"{"type":"https://httpstatuses.com/500","status":500}"#;
    assert_eq!(answer(500, own).await, Err(InvokeError::Unreachable));
    let missing = answer(404, r#"{"title":"Missing function"}"#).await;
    assert_eq!(missing, Err(InvokeError::Missing("f".into())));
}

#[tokio::test]
async fn an_event_must_be_json_within_the_limit() {
    let (functions, calls) = functions(Script::new(|_| (200, "{}".into())));
    for event in ["", "{", "not json"] {
        let refused = functions.invoke("f", event.into()).await;
        assert_eq!(refused, Err(InvokeError::NotJson), "{event:?}");
    }
    let large = Bytes::from(vec![b' '; MAX_PAYLOAD + 1]);
    let refused = functions.invoke("f", large).await;
    assert!(matches!(refused, Err(InvokeError::TooLarge(..))));
    assert_eq!(*calls.borrow(), 0);
}

#[tokio::test]
async fn an_answer_over_the_limit_is_a_functions_error() {
    let (functions, _calls) = functions(Script::new(|_| (200, "x".repeat(MAX_PAYLOAD + 1))));
    let Ok(Answer::Failed(error)) = functions.invoke("f", "{}".into()).await else {
        panic!("expected a function's error");
    };
    let error = String::from_utf8_lossy(&error).into_owned();
    assert!(error.contains("Function.ResponseSizeTooLarge"), "{error}");
}

#[tokio::test]
async fn nothing_listens() {
    let functions = Functions::new(&"http://127.0.0.1:1".parse().unwrap());
    let refused = functions.invoke("f", "{}".into()).await;
    assert_eq!(refused, Err(InvokeError::Unreachable));
}

/// The caller leaves while the function still answers: the answer is read to its end.
#[tokio::test]
async fn a_caller_that_leaves_does_not_end_the_invocation() {
    const LENGTH: usize = 4 * 1024 * 1024;
    let (asked, mut is_asked) = watch::channel(false);
    let (read, mut all_read) = watch::channel(false);
    let (go, going) = watch::channel(false);
    let respond = async move || {
        let mut going = going.clone();
        asked.send_replace(true);
        going.wait_for(|go| *go).await.unwrap();
        let read = read.clone();
        let chunks =
            (0..LENGTH / 1024).map(|_| Ok::<_, std::io::Error>(Bytes::from(vec![b' '; 1024])));
        let last = std::iter::once_with(move || {
            read.send_replace(true);
            Ok(Bytes::from_static(b"{}"))
        });
        axum::body::Body::from_stream(futures::stream::iter(chunks.chain(last)))
    };
    let route = "/2015-03-31/functions/{name}/invocations";
    let functions = Arc::new(serve(Router::new().route(route, post(respond))));
    let caller = tokio::spawn({
        let functions = Arc::clone(&functions);
        async move { functions.invoke("f", "{}".into()).await }
    });
    is_asked.wait_for(|asked| *asked).await.unwrap();
    caller.abort();
    assert!(caller.await.unwrap_err().is_cancelled());
    go.send_replace(true);
    let read = timeout(Duration::from_secs(10), all_read.wait_for(|read| *read)).await;
    assert!(*read.unwrap().unwrap());
    functions.finish().await;
}

#[tokio::test]
async fn a_waiting_call_is_taken_back_and_too_many_are_throttled() {
    let (functions, calls) = functions(Script::new(|_| (200, "{}".into())));
    let taken = occupy(&functions, "f").await;
    let lane = Arc::clone(functions.lanes().get("f").unwrap());
    let waiting = functions.invoke("f", "{}".into());
    assert!(timeout(Duration::from_millis(50), waiting).await.is_err());
    lane.waiting.store(WAITING, Ordering::Relaxed);
    let refused = functions.invoke("f", "{}".into()).await;
    assert_eq!(refused, Err(InvokeError::Throttled));
    assert_eq!(lane.waiting.load(Ordering::Relaxed), WAITING);
    lane.waiting.store(0, Ordering::Relaxed);
    // Another function isn't concerned.
    functions.invoke("g", "{}".into()).await.unwrap();
    drop(taken);
    functions.invoke("f", "{}".into()).await.unwrap();
    assert_eq!(*calls.borrow(), 2);
}
