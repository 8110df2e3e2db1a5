//! The heads of requests and answers, as far as the relay reads them.

use std::io::{self, BufRead, ErrorKind};

/// The longest head that the relay accepts, in bytes.
const MAX_HEAD: u64 = 64 * 1024;

/// A request's head, and the id that the relay has put before the path.
pub(super) struct Head<'a> {
    method: &'a str,
    pub(super) id: u64,
    path: &'a str,
    /// Everything from the path on.
    rest: &'a str,
    /// The body's length in bytes.
    pub(super) body: u64,
}

/// Reads a request's head, up to and including its empty line; `None` at the end of the stream.
pub(super) fn read(stream: impl BufRead) -> io::Result<Option<String>> {
    let mut stream = stream.take(MAX_HEAD);
    let mut head = String::new();
    loop {
        let before = head.len();
        if stream.read_line(&mut head)? == 0 {
            return match before {
                0 => Ok(None),
                _ => Err(ErrorKind::UnexpectedEof.into()),
            };
        }
        if head.get(before..) == Some("\r\n") {
            return Ok(Some(head));
        }
    }
}

impl<'a> Head<'a> {
    /// Parses `GET /12/.rt/… HTTP/1.1` and the headers after it; `None` for any other request, and
    /// for a chunked body, which no process sends.
    pub(super) fn parse(head: &'a str) -> Option<Self> {
        let (method, target) = head.split_once(" /")?;
        let slash = target.find('/')?;
        let (id, rest) = target.split_at(slash);
        let known = ["GET", "POST", "PUT"].contains(&method) && rest.starts_with("/.rt/");
        if !known || header(head, "transfer-encoding").is_some() {
            return None;
        }
        Some(Self {
            method,
            id: id.parse().ok()?,
            path: rest.split(' ').next()?,
            rest,
            body: header(head, "content-length").map_or(Some(0), |length| length.parse().ok())?,
        })
    }

    /// The head as cargo-lambda expects it.
    pub(super) fn without_id(&self) -> String {
        [self.method, " ", self.rest].concat()
    }

    pub(super) fn asks_for_event(&self) -> bool {
        self.path.ends_with("/runtime/invocation/next")
    }

    pub(super) fn asks_for_notice(&self) -> bool {
        self.path.ends_with("/extension/event/next")
    }

    /// Whether this is a response to an event, or an error.
    pub(super) fn answers_event(&self) -> bool {
        self.path.contains("/runtime/invocation/") && !self.asks_for_event()
    }
}

/// The id of the event that an answer brings, from its headers.
pub(super) fn event_id(chunk: &[u8]) -> Option<String> {
    let head = chunk.windows(4).position(|four| four == b"\r\n\r\n")?;
    let head = std::str::from_utf8(&chunk[..head]).ok()?;
    header(head, "lambda-runtime-aws-request-id").map(str::to_owned)
}

/// A header's value.
fn header<'a>(head: &'a str, name: &str) -> Option<&'a str> {
    head.lines().find_map(|line| {
        let (found, value) = line.split_once(':')?;
        found.eq_ignore_ascii_case(name).then(|| value.trim())
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_id_is_taken_out_of_the_path() {
        let text =
            "GET /12/.rt/users-get/2018-06-01/runtime/invocation/next HTTP/1.1\r\na: b\r\n\r\n";
        let head = Head::parse(text).unwrap();
        assert_eq!((head.id, head.body), (12, 0));
        assert!(head.asks_for_event() && !head.asks_for_notice() && !head.answers_event());
        let passed = head.without_id();
        assert!(
            passed
                .starts_with("GET /.rt/users-get/2018-06-01/runtime/invocation/next HTTP/1.1\r\n"),
            "{passed}"
        );
    }

    #[test]
    fn requests_are_told_apart() {
        let parse = Head::parse;
        let notice = parse("GET /1/.rt/a/2020-01-01/extension/event/next HTTP/1.1\r\n").unwrap();
        assert!(notice.asks_for_notice());
        let answer =
            parse("POST /1/.rt/2018-06-01/runtime/invocation/7/response HTTP/1.1\r\n").unwrap();
        assert!(answer.answers_event());
        for body in [
            "GET /1/other HTTP/1.1",
            "{\"GET /1/.rt/\": 1}",
            "POST /x/.rt/ H",
            "POST /1/.rt/a HTTP/1.1\r\nTransfer-Encoding: chunked\r\n",
            "POST /1/.rt/a HTTP/1.1\r\nContent-Length: many\r\n",
            "",
            "GET /",
        ] {
            assert!(parse(body).is_none(), "{body}");
        }
    }

    #[test]
    fn a_head_ends_at_its_empty_line() {
        let mut stream = &b"POST /1/.rt/a HTTP/1.1\r\nContent-Length: 5\r\n\r\nhellGET"[..];
        let head = read(&mut stream).unwrap().unwrap();
        assert_eq!(Head::parse(&head).unwrap().body, 5);
        assert_eq!(stream, b"hellGET");
        assert!(read(&b""[..]).unwrap().is_none());
        assert!(read(&b"GET /"[..]).is_err());
        assert!(read(&vec![b'a'; 100_000][..]).is_err());
    }

    #[test]
    fn an_events_id_is_a_header() {
        let answer = b"HTTP/1.1 200 OK\r\nLambda-Runtime-Aws-Request-Id: 7-8\r\n\r\n{\"a\":1}";
        assert_eq!(event_id(answer).as_deref(), Some("7-8"));
        assert_eq!(event_id(b"HTTP/1.1 204 No Content\r\n\r\n"), None);
    }
}
