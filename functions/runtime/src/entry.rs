//! A response as the cache keeps it: a line of JSON, then the body.

use lambda_http::{Body, Response, http};
use serde::{Deserialize, Serialize};
use trichrome_proto::contract::Operation;

use crate::response;

/// The largest entry in bytes. What a page of links or a small picture takes; a node's memory is for
/// many users.
const MAX_BYTES: usize = 256 * 1024;

/// What precedes the body.
#[derive(Serialize, Deserialize)]
struct Head {
    /// Whose response it is. The key says so, too; a mistake there would show others' data.
    user_id: String,
    /// The state of the user's data before it was read.
    revision: String,
    headers: Vec<(String, String)>,
}

/// Encodes a successful response; `None` if it can't be kept.
pub(crate) fn encode(
    operation: &Operation,
    response: &Response<Body>,
    user_id: &str,
    revision: &str,
) -> Option<Vec<u8>> {
    let Body::Text(body) = response.body() else {
        return None;
    };
    if response.status() != operation.http.success || body.len() > MAX_BYTES {
        return None;
    }
    let header = |(name, value): (&http::HeaderName, &http::HeaderValue)| {
        Some((name.as_str().to_owned(), value.to_str().ok()?.to_owned()))
    };
    let head = Head {
        user_id: user_id.to_owned(),
        revision: revision.to_owned(),
        headers: response
            .headers()
            .iter()
            .map(header)
            .collect::<Option<_>>()?,
    };
    let mut entry = serde_json::to_vec(&head).ok()?;
    entry.push(b'\n');
    entry.extend_from_slice(body.as_bytes());
    (entry.len() <= MAX_BYTES).then_some(entry)
}

/// The response of an entry, if it is this user's and the user's data hasn't changed since.
pub(crate) fn decode(
    operation: &Operation,
    entry: &[u8],
    user_id: &str,
    revision: &str,
) -> Option<Response<Body>> {
    let end = entry.iter().position(|byte| *byte == b'\n')?;
    let head: Head = serde_json::from_slice(&entry[..end]).ok()?;
    if head.user_id != user_id || head.revision != revision {
        return None;
    }
    let body = std::str::from_utf8(&entry[end + 1..]).ok()?.to_owned();
    Some(response::restored(operation, head.headers, body))
}

#[cfg(test)]
mod tests {
    use trichrome_proto::{contract::by_function, pictures::PicturesMessage};

    use super::*;

    fn list() -> &'static Operation {
        by_function("pictures-list").unwrap()
    }

    fn page(pictures: usize) -> Response<Body> {
        let page = PicturesMessage {
            pictures: vec![Default::default(); pictures],
            next_cursor: "next\nline".escape_debug().to_string(),
        };
        response::success(list(), &page)
    }

    #[test]
    fn a_response_is_restored_for_its_user_and_revision_alone() {
        let response = page(1);
        let entry = encode(list(), &response, "u", "7").unwrap();
        let restored = decode(list(), &entry, "u", "7").unwrap();
        assert_eq!(restored.status(), response.status());
        assert_eq!(restored.headers(), response.headers());
        assert_eq!(restored.body(), response.body());
        assert!(decode(list(), &entry, "v", "7").is_none());
        assert!(decode(list(), &entry, "u", "8").is_none());
        assert!(decode(list(), &entry[..5], "u", "7").is_none());
        assert!(decode(list(), b"{}\n", "u", "7").is_none());
    }

    #[test]
    fn failures_and_large_responses_are_not_kept() {
        let mut failed = page(1);
        *failed.status_mut() = http::StatusCode::INTERNAL_SERVER_ERROR;
        assert_eq!(encode(list(), &failed, "u", "7"), None);
        assert!(encode(list(), &page(100), "u", "7").is_some());
        assert_eq!(encode(list(), &page(10_000), "u", "7"), None);
    }
}
