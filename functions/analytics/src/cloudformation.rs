//! What CloudFormation asks of a custom resource, and how it wants the answer:
//! <https://docs.aws.amazon.com/AWSCloudFormation/latest/UserGuide/crpg-ref.html>

use std::time::Duration;

use serde::{Deserialize, Serialize};

/// The answer's resource id, the same for ever: another one would make CloudFormation delete
/// the resource of the id before.
const RESOURCE_ID: &str = "migrations";

/// The longest reason that is given, in bytes; the whole answer may have 4096.
const REASON_BYTES: usize = 1024;

const PUT_TIMEOUT: Duration = Duration::from_secs(20);

/// One request.
#[derive(Debug, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub struct Event {
    pub request_type: RequestType,
    /// Where the answer goes: whoever knows it can answer, so it is not logged.
    #[serde(rename = "ResponseURL")]
    pub response_url: String,
    stack_id: String,
    request_id: String,
    logical_resource_id: String,
}

#[derive(Clone, Copy, Debug, Deserialize, PartialEq, Eq)]
pub enum RequestType {
    Create,
    Update,
    Delete,
}

/// The answer to one.
#[derive(Debug, Serialize, PartialEq, Eq)]
#[serde(rename_all = "PascalCase")]
pub struct Answer {
    status: &'static str,
    #[serde(skip_serializing_if = "Option::is_none")]
    reason: Option<String>,
    physical_resource_id: &'static str,
    stack_id: String,
    request_id: String,
    logical_resource_id: String,
}

impl Answer {
    pub fn to(event: &Event, outcome: Result<(), String>) -> Self {
        Self {
            status: if outcome.is_ok() { "SUCCESS" } else { "FAILED" },
            reason: outcome.err().map(shortened),
            physical_resource_id: RESOURCE_ID,
            stack_id: event.stack_id.clone(),
            request_id: event.request_id.clone(),
            logical_resource_id: event.logical_resource_id.clone(),
        }
    }

    /// Blocks.
    pub fn put(&self, url: &str) -> Result<(), ureq::Error> {
        let body = serde_json::to_vec(self).map_err(std::io::Error::other)?;
        ureq::put(url)
            .config()
            .timeout_global(Some(PUT_TIMEOUT))
            .build()
            // The address is signed without a content type.
            .header("content-type", "")
            .send(&body)?;
        Ok(())
    }
}

fn shortened(mut reason: String) -> String {
    let mut end = REASON_BYTES.min(reason.len());
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
    fn the_answer_names_what_it_answers() {
        let event = event("Update", "http://127.0.0.1/");
        assert_eq!(event.request_type, RequestType::Update);
        let answer = serde_json::to_value(Answer::to(&event, Ok(()))).unwrap();
        assert_eq!(
            answer,
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
    fn a_failure_says_why_and_not_for_ever() {
        let answer = Answer::to(&event("Create", ""), Err("ä".repeat(4000)));
        assert_eq!(answer.status, "FAILED");
        let reason = answer.reason.unwrap();
        assert!((1000..=REASON_BYTES).contains(&reason.len()));
    }

    #[test]
    fn the_answer_arrives() {
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
        Answer::to(&event("Create", &url), Ok(()))
            .put(&url)
            .unwrap();
        let (head, body) = server.join().unwrap();
        assert!(head.starts_with("PUT /cfn?signature=s "), "{head}");
        assert_eq!(body["Status"], "SUCCESS");
    }
}
