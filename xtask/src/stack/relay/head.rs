//! The heads of requests and answers, as far as the relay reads them.

/// A request's method and path, and the id that the relay has put before the path.
pub(super) struct Head<'a> {
    method: &'a str,
    pub(super) id: u64,
    path: &'a str,
    /// Everything from the path on.
    rest: &'a [u8],
}

impl<'a> Head<'a> {
    /// Reads the beginning of a chunk, `GET /12/.rt/…`; `None` if no request begins there.
    pub(super) fn parse(chunk: &'a [u8]) -> Option<Self> {
        let method = ["GET", "POST", "PUT"]
            .into_iter()
            .find(|method| chunk.starts_with(format!("{method} /").as_bytes()))?;
        let target = &chunk[method.len() + 2..];
        let digits = target.iter().position(|byte| *byte == b'/')?;
        let id = std::str::from_utf8(&target[..digits]).ok()?.parse().ok()?;
        let rest = &target[digits..];
        if !rest.starts_with(b"/.rt/") {
            return None;
        }
        let path = rest.iter().position(|byte| *byte == b' ')?;
        Some(Self {
            method,
            id,
            path: std::str::from_utf8(&rest[..path]).ok()?,
            rest,
        })
    }

    /// The chunk as cargo-lambda expects it.
    pub(super) fn without_id(&self) -> Vec<u8> {
        [self.method.as_bytes(), b" ", self.rest].concat()
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
    head.lines().find_map(|line| {
        let (name, value) = line.split_once(':')?;
        name.eq_ignore_ascii_case("lambda-runtime-aws-request-id")
            .then(|| value.trim().to_owned())
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_id_is_taken_out_of_the_path() {
        let chunk =
            b"GET /12/.rt/users-get/2018-06-01/runtime/invocation/next HTTP/1.1\r\na: b\r\n\r\n";
        let head = Head::parse(chunk).unwrap();
        assert_eq!(head.id, 12);
        assert!(head.asks_for_event() && !head.asks_for_notice() && !head.answers_event());
        let passed = String::from_utf8(head.without_id()).unwrap();
        assert!(
            passed
                .starts_with("GET /.rt/users-get/2018-06-01/runtime/invocation/next HTTP/1.1\r\n"),
            "{passed}"
        );
    }

    #[test]
    fn requests_are_told_apart() {
        let parse = |text: &'static str| Head::parse(text.as_bytes());
        let notice = parse("GET /1/.rt/a/2020-01-01/extension/event/next HTTP/1.1\r\n").unwrap();
        assert!(notice.asks_for_notice());
        let answer =
            parse("POST /1/.rt/2018-06-01/runtime/invocation/7/response HTTP/1.1\r\n").unwrap();
        assert!(answer.answers_event());
        for body in [
            "GET /1/other HTTP/1.1",
            "{\"GET /1/.rt/\": 1}",
            "POST /x/.rt/ H",
            "",
            "GET /",
        ] {
            assert!(parse(body).is_none(), "{body}");
        }
    }

    #[test]
    fn an_events_id_is_a_header() {
        let answer = b"HTTP/1.1 200 OK\r\nLambda-Runtime-Aws-Request-Id: 7-8\r\n\r\n{\"a\":1}";
        assert_eq!(event_id(answer).as_deref(), Some("7-8"));
        assert_eq!(event_id(b"HTTP/1.1 204 No Content\r\n\r\n"), None);
    }
}
