//! The event that invokes a function.

use std::{
    collections::BTreeMap,
    net::IpAddr,
    time::{SystemTime, UNIX_EPOCH},
};

use serde::{Serialize, Serializer, ser::SerializeMap};

use super::media::{Form, OCTETS};
use crate::{binding::Target, contract::Operation};

/// The host name in an event that doesn't come from API Gateway.
const DOMAIN: &str = "trichrome.internal";

/// API Gateway's HTTP payload, version 2.0. (AWS, "Create AWS Lambda proxy integrations for HTTP
/// APIs in API Gateway".)
#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Event<'a, B> {
    version: &'static str,
    route_key: String,
    raw_path: &'a str,
    raw_query_string: String,
    #[serde(serialize_with = "as_map")]
    headers: Vec<(&'a str, &'a str)>,
    #[serde(skip_serializing_if = "Option::is_none")]
    query_string_parameters: Option<BTreeMap<&'a str, &'a str>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    path_parameters: Option<BTreeMap<&'a str, &'a str>>,
    request_context: RequestContext<'a>,
    #[serde(skip_serializing_if = "Option::is_none")]
    body: Option<B>,
    is_base64_encoded: bool,
}

#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
struct RequestContext<'a> {
    account_id: &'static str,
    #[serde(skip_serializing_if = "Option::is_none")]
    api_id: Option<&'static str>,
    domain_name: &'static str,
    domain_prefix: &'static str,
    http: Http<'a>,
    request_id: &'a str,
    route_key: String,
    stage: &'static str,
    time_epoch: u64,
}

#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
struct Http<'a> {
    method: &'a str,
    path: &'a str,
    protocol: &'static str,
    #[serde(skip_serializing_if = "Option::is_none")]
    source_ip: Option<IpAddr>,
    user_agent: &'static str,
}

/// What differs between events.
#[derive(Debug)]
pub struct Request<'a, B> {
    /// The operation.
    pub operation: &'a Operation,
    /// The fields of the request message that aren't in the body.
    pub target: &'a Target,
    /// Headers that accompany the message.
    pub headers: Vec<(&'a str, &'a str)>,
    /// [`Transport::api_id`](super::Transport::api_id).
    pub api_id: Option<&'static str>,
    /// The request id.
    pub request_id: &'a str,
    /// The caller's address, if it is known.
    pub client: Option<IpAddr>,
    /// What the body is.
    pub form: Form,
    /// JSON, serialized as a string, or a raw body in base64.
    pub body: Option<B>,
}

impl<'a, B> Event<'a, B> {
    /// The event for a request.
    pub fn new(request: Request<'a, B>) -> Self {
        let Request {
            operation,
            target,
            mut headers,
            api_id,
            request_id,
            client,
            form,
            body,
        } = request;
        headers.push(("host", DOMAIN));
        if body.is_some() {
            let content_type = match form {
                Form::Json => "application/json",
                Form::Raw => OCTETS,
            };
            headers.push(("content-type", content_type));
        }
        let route_key = operation.http.route_key();
        Self {
            version: "2.0",
            route_key: route_key.clone(),
            raw_path: &target.path,
            raw_query_string: target.query_string(),
            headers,
            query_string_parameters: parameters(
                target
                    .query
                    .iter()
                    .map(|(name, value)| (name.as_str(), value.as_str())),
            ),
            path_parameters: parameters(
                target
                    .path_parameters
                    .iter()
                    .map(|(name, value)| (*name, value.as_str())),
            ),
            request_context: RequestContext {
                account_id: "anonymous",
                api_id,
                domain_name: DOMAIN,
                domain_prefix: "trichrome",
                http: Http {
                    method: operation.http.method,
                    path: &target.path,
                    protocol: "HTTP/1.1",
                    source_ip: client,
                    user_agent: "trichrome",
                },
                request_id,
                route_key,
                stage: "$default",
                time_epoch: now(),
            },
            body,
            is_base64_encoded: form == Form::Raw,
        }
    }
}

/// API Gateway leaves out an empty map.
fn parameters<'a>(
    pairs: impl Iterator<Item = (&'a str, &'a str)>,
) -> Option<BTreeMap<&'a str, &'a str>> {
    let map: BTreeMap<_, _> = pairs.collect();
    (!map.is_empty()).then_some(map)
}

fn as_map<S: Serializer>(pairs: &[(&str, &str)], to: S) -> Result<S::Ok, S::Error> {
    let mut map = to.serialize_map(Some(pairs.len()))?;
    for (name, value) in pairs {
        map.serialize_entry(name, value)?;
    }
    map.end()
}

/// Milliseconds since 1970.
fn now() -> u64 {
    let elapsed = SystemTime::now().duration_since(UNIX_EPOCH);
    elapsed.map_or(0, |elapsed| {
        u64::try_from(elapsed.as_millis()).unwrap_or_default()
    })
}
