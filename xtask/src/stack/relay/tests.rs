use super::*;

const EVENT: &str = "HTTP/1.1 200 OK\r\nlambda-runtime-aws-request-id: e-1\r\n\
                     content-length: 2\r\n\r\n{}";
const ACCEPTED: &str = "HTTP/1.1 202 Accepted\r\ncontent-length: 0\r\n\r\n";

/// How long nothing has to come for a connection to count as open and quiet.
const QUIET: Duration = Duration::from_millis(200);

/// A relay, and cargo-lambda's listener.
fn open() -> (Relay, TcpListener) {
    let lambda = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).unwrap();
    let relay = Relay::open(lambda.local_addr().unwrap().port()).unwrap();
    (relay, lambda)
}

/// A process's connection and cargo-lambda's end of it, after this request.
fn connect(
    relay: &Relay,
    lambda: &TcpListener,
    Id(id): Id,
    method: &str,
    path: &str,
) -> (TcpStream, TcpStream) {
    let mut process = TcpStream::connect((Ipv4Addr::LOCALHOST, relay.port)).unwrap();
    let (mut server, _) = lambda.accept().unwrap();
    ask(&mut process, id, method, path);
    assert_eq!(request(&mut server), format!("{method} /.rt/f{path}"));
    (process, server)
}

fn ask(process: &mut TcpStream, id: u64, method: &str, path: &str) {
    let head = format!("{method} /{id}/.rt/f{path} HTTP/1.1\r\n\r\n");
    process.write_all(head.as_bytes()).unwrap();
}

/// A request's method and path.
fn request(server: &mut TcpStream) -> String {
    let mut buffer = [0; 1024];
    let count = server.read(&mut buffer).unwrap();
    let text = String::from_utf8_lossy(&buffer[..count]).into_owned();
    let line = text.lines().next().unwrap_or_default();
    line.trim_end_matches(" HTTP/1.1").to_owned()
}

fn pass(server: &mut TcpStream, process: &mut TcpStream, answer: &str) {
    server.write_all(answer.as_bytes()).unwrap();
    let mut got = vec![0; answer.len()];
    process.read_exact(&mut got).unwrap();
    assert_eq!(got, answer.as_bytes());
}

fn is_closed(stream: &mut TcpStream) -> bool {
    stream
        .set_read_timeout(Some(Duration::from_secs(10)))
        .unwrap();
    stream.read(&mut [0]).unwrap() == 0
}

fn is_open(stream: &mut TcpStream) -> bool {
    stream.set_read_timeout(Some(QUIET)).unwrap();
    let error = stream.read(&mut [0]).err().map(|error| error.kind());
    matches!(error, Some(ErrorKind::WouldBlock | ErrorKind::TimedOut))
}

const NEXT: &str = "/2018-06-01/runtime/invocation/next";
const NOTICE: &str = "/2020-01-01/extension/event/next";
const RESPONSE: &str = "/2018-06-01/runtime/invocation/e-1/response";

#[test]
fn a_process_is_busy_from_an_event_to_its_next_request() {
    let (relay, lambda) = open();
    let (id, api) = relay.admit("f");
    assert!(api.ends_with(&format!("/{}/.rt/f", id.0)), "{api}");
    assert!(!relay.is_ready(id));
    let (mut process, mut server) = connect(&relay, &lambda, id, "GET", NEXT);
    assert!(relay.is_ready(id) && relay.is_waiting(id));
    pass(&mut server, &mut process, EVENT);
    assert!(!relay.is_idle(id));
    ask(&mut process, id.0, "POST", RESPONSE);
    assert_eq!(request(&mut server), format!("POST /.rt/f{RESPONSE}"));
    pass(&mut server, &mut process, ACCEPTED);
    assert!(!relay.is_idle(id));
    ask(&mut process, id.0, "GET", NEXT);
    assert_eq!(request(&mut server), format!("GET /.rt/f{NEXT}"));
    assert!(relay.is_waiting(id) && !relay.is_idle(id));
}

#[test]
fn a_retired_process_finishes_its_event_and_gets_no_other() {
    let (relay, lambda) = open();
    let (id, _) = relay.admit("f");
    let (mut process, mut server) = connect(&relay, &lambda, id, "GET", NEXT);
    relay.retire(id);
    assert!(relay.is_waiting(id) && !relay.is_idle(id));
    pass(&mut server, &mut process, EVENT);
    assert!(!relay.is_waiting(id) && !relay.is_idle(id));
    ask(&mut process, id.0, "POST", RESPONSE);
    assert_eq!(request(&mut server), format!("POST /.rt/f{RESPONSE}"));
    pass(&mut server, &mut process, ACCEPTED);
    ask(&mut process, id.0, "GET", NEXT);
    assert!(is_open(&mut server), "it asks for another event");
    assert!(relay.is_idle(id));
    assert!(is_open(&mut process), "it ends by itself");
}

#[test]
fn an_ended_processs_extension_stays_until_the_next_event() {
    let (relay, lambda) = open();
    let (id, _) = relay.admit("f");
    let (extension, mut notices) = connect(&relay, &lambda, id, "GET", NOTICE);
    let (process, mut events) = connect(&relay, &lambda, id, "GET", NEXT);
    drop(extension);
    drop(process);
    assert!(is_closed(&mut events), "cargo-lambda may send an event");
    assert!(is_open(&mut notices));
    notices.write_all(EVENT.as_bytes()).unwrap();
    assert!(is_closed(&mut notices));
}

#[test]
fn the_call_of_a_process_that_ends_is_answered() {
    let (relay, lambda) = open();
    let (id, _) = relay.admit("f");
    let (mut process, mut server) = connect(&relay, &lambda, id, "GET", NEXT);
    pass(&mut server, &mut process, EVENT);
    drop(process);
    let (mut report, _) = lambda.accept().unwrap();
    assert_eq!(
        request(&mut report),
        "POST /.rt/2018-06-01/runtime/invocation/e-1/error"
    );
    assert!(relay.is_idle(id));
}

#[test]
fn a_request_may_follow_a_body_at_once() {
    let (relay, lambda) = open();
    let (id, _) = relay.admit("f");
    let (mut process, mut server) = connect(&relay, &lambda, id, "GET", NEXT);
    pass(&mut server, &mut process, EVENT);
    let body = "x".repeat(3 * CHUNK);
    let requests = format!(
        "POST /{0}/.rt/f{RESPONSE} HTTP/1.1\r\ncontent-length: {1}\r\n\r\n{body}\
         GET /{0}/.rt/f{NEXT} HTTP/1.1\r\n\r\n",
        id.0,
        body.len()
    );
    let expected = requests.replace(&format!(" /{}/.rt", id.0), " /.rt");
    let sender = thread::spawn(move || {
        process.write_all(requests.as_bytes()).unwrap();
        process
    });
    let mut passed = vec![0; expected.len()];
    server.read_exact(&mut passed).unwrap();
    assert_eq!(String::from_utf8(passed).unwrap(), expected);
    drop(sender.join().unwrap());
}

/// cargo-lambda responds early, and its caller has gone: the process sends all of its answer first,
/// and gets a response in any case.
#[test]
fn an_answer_that_is_cut_off_is_taken_to_its_end() {
    for responds in [false, true] {
        let (relay, lambda) = open();
        let (id, _) = relay.admit("f");
        let (mut process, mut server) = connect(&relay, &lambda, id, "GET", NEXT);
        pass(&mut server, &mut process, EVENT);
        let length = 8 * 1024 * 1024;
        let head = format!(
            "POST /{}/.rt/f{RESPONSE} HTTP/1.1\r\ncontent-length: {length}\r\n\r\n",
            id.0
        );
        process.write_all(head.as_bytes()).unwrap();
        assert_eq!(request(&mut server), format!("POST /.rt/f{RESPONSE}"));
        if responds {
            server.write_all(ACCEPTED.as_bytes()).unwrap();
            assert!(is_open(&mut process), "the response comes too early");
        }
        drop(server);
        // More than the connections' buffers hold.
        process.write_all(&vec![b'x'; length]).unwrap();
        process
            .set_read_timeout(Some(Duration::from_secs(10)))
            .unwrap();
        let mut rest = String::new();
        process.read_to_string(&mut rest).unwrap();
        assert!(rest.starts_with("HTTP/1.1 202 "), "{rest:?}");
    }
}
