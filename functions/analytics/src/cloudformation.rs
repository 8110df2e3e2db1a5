//! The requests of CloudFormation to a custom resource, and the responses:
//! <https://docs.aws.amazon.com/AWSCloudFormation/latest/UserGuide/crpg-ref.html>

use std::time::Duration;

use serde::{Deserialize, Serialize};

/// The resource id in every response. CloudFormation deletes the old resource if it changes.
const RESOURCE_ID: &str = "migrations";

/// The limit of a reason, in bytes. The whole response may have 4096.
const MAX_REASON_BYTES: usize = 1024;

const PUT_TIMEOUT: Duration = Duration::from_secs(20);

/// A request. It has no `Debug`, because anyone who knows the response URL can respond.
#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
pub struct Event {
    /// What is done to the resource.
    pub request_type: RequestType,
    /// Where to send the response.
    #[serde(rename = "ResponseURL")]
    pub response_url: String,
    stack_id: String,
    request_id: String,
    logical_resource_id: String,
}

/// What is done to a resource.
#[derive(Clone, Copy, Debug, Deserialize, PartialEq, Eq)]
pub enum RequestType {
    /// The resource is new.
    Create,
    /// The resource's properties changed.
    Update,
    /// The stack is deleted, or no longer has the resource.
    Delete,
}

/// The response to a request.
#[derive(Debug, Serialize, PartialEq, Eq)]
#[serde(rename_all = "PascalCase")]
pub struct Response {
    status: &'static str,
    #[serde(skip_serializing_if = "Option::is_none")]
    reason: Option<String>,
    physical_resource_id: &'static str,
    stack_id: String,
    request_id: String,
    logical_resource_id: String,
}

impl Response {
    /// The response to this request. An error is the reason that CloudFormation shows.
    #[must_use]
    pub fn new(event: &Event, outcome: Result<(), String>) -> Self {
        Self {
            status: if outcome.is_ok() { "SUCCESS" } else { "FAILED" },
            reason: outcome.err().map(shortened),
            physical_resource_id: RESOURCE_ID,
            stack_id: event.stack_id.clone(),
            request_id: event.request_id.clone(),
            logical_resource_id: event.logical_resource_id.clone(),
        }
    }

    /// Sends the response. Blocks the thread.
    ///
    /// # Errors
    ///
    /// The URL can't be reached, or refuses the response.
    pub fn put(&self, url: &str) -> Result<(), ureq::Error> {
        let body = serde_json::to_vec(self).map_err(std::io::Error::other)?;
        ureq::put(url)
            .config()
            .timeout_global(Some(PUT_TIMEOUT))
            .build()
            // The URL is signed without a content type.
            .header("content-type", "")
            .send(&body)?;
        Ok(())
    }
}

fn shortened(mut reason: String) -> String {
    let mut end = MAX_REASON_BYTES.min(reason.len());
    while !reason.is_char_boundary(end) {
        end -= 1;
    }
    reason.truncate(end);
    reason
}

#[cfg(test)]
mod tests {
    use std::{
        io::{BufRead as _, BufReader, Read as _, Write as _},
        net::TcpListener,
    };

    use serde_json::{Value, json};

    use super::*;

    fn event(kind: &str, url: &str) -> Event {
        serde_json::from_value(json!({
            "RequestType": kind,
            "ResponseURL": url,
            "StackId": "arn:aws:cloudformation:us-east-1:1:stack/s/1",
            "RequestId": "r-1",
            "ResourceType": "Custom::Migration",
            "LogicalResourceId": "Migration",
            "ResourceProperties": {"ServiceToken": "arn", "Version": "1"},
        }))
        .unwrap()
    }

    #[test]
    fn the_response_identifies_the_request() {
        let event = event("Update", "http://127.0.0.1/");
        assert_eq!(event.request_type, RequestType::Update);
        let response = serde_json::to_value(Response::new(&event, Ok(()))).unwrap();
        assert_eq!(
            response,
            json!({
                "Status": "SUCCESS",
                "PhysicalResourceId": "migrations",
                "StackId": "arn:aws:cloudformation:us-east-1:1:stack/s/1",
                "RequestId": "r-1",
                "LogicalResourceId": "Migration",
            })
        );
    }

    #[test]
    fn a_reason_is_shortened() {
        let response = Response::new(&event("Create", ""), Err("ä".repeat(4000)));
        assert_eq!(response.status, "FAILED");
        let reason = response.reason.unwrap();
        assert!((1000..=MAX_REASON_BYTES).contains(&reason.len()));
    }

    #[test]
    fn the_response_is_sent() {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let url = format!("http://{}/cfn?signature=s", listener.local_addr().unwrap());
        let server = std::thread::spawn(move || {
            let (stream, _) = listener.accept().unwrap();
            let mut reader = BufReader::new(&stream);
            let (mut head, mut length) = (String::new(), 0);
            loop {
                let mut line = String::new();
                reader.read_line(&mut line).unwrap();
                if let Some(value) = line.to_lowercase().strip_prefix("content-length:") {
                    length = value.trim().parse().unwrap();
                }
                if line == "\r\n" {
                    break;
                }
                head += &line;
            }
            let mut body = vec![0; length];
            reader.read_exact(&mut body).unwrap();
            (&stream)
                .write_all(b"HTTP/1.1 200 OK\r\ncontent-length: 0\r\n\r\n")
                .unwrap();
            (head, serde_json::from_slice::<Value>(&body).unwrap())
        });
        Response::new(&event("Create", &url), Ok(()))
            .put(&url)
            .unwrap();
        let (head, body) = server.join().unwrap();
        assert!(head.starts_with("PUT /cfn?signature=s "), "{head}");
        assert_eq!(body["Status"], "SUCCESS");
    }
}
