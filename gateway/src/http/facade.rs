//! The facade: the REST table under `/{rest|grpc|events}/…`, each going on over the
//! transport it names. The web app speaks this.
//!
//! Whichever is named, the same request gets the same status, headers and body.

pub(crate) mod body;
pub(crate) mod events;
mod request_guard;
pub(crate) mod response;
pub(crate) mod rest;

use std::{sync::Arc, time::Duration};

use axum::{
    Extension, Router,
    extract::{Request, State},
    response::Response,
    routing::any,
};
use http::Uri;
use serde_json::{Map, Value};
use tokio::time::Instant;
use tracing::Span;
use trichrome_proto::{
    binding,
    contract::{Operation, Route, route},
    error::ApiError,
    validate,
};
use trichrome_telemetry as telemetry;
use url::form_urlencoded;
use uuid::Uuid;

use crate::{
    call::{
        Call, Calls, Failures, args::Args, context::Context, rate_limit::RateLimits, transport,
    },
    grpc,
    ops::metrics::Metrics,
};
use request_guard::RequestGuard;
use response::Refusal;

/// Where the facade's requests go on to. Cheap to clone.
#[derive(Clone)]
pub(crate) struct Facade {
    /// API Gateway.
    pub(crate) rest: rest::Rest,
    /// The gateway's own gRPC port.
    pub(crate) grpc: grpc::client::Client,
    /// For what cannot go on as a gRPC call or a record, and is a call all the same.
    pub(crate) calls: Calls,
    /// Kafka.
    pub(crate) events: events::Events,
    /// Limits of what goes past the calls: `rest`.
    pub(crate) limits: Arc<RateLimits>,
    /// Counts.
    pub(crate) metrics: Arc<Metrics>,
    /// How long one call may take.
    pub(crate) call_timeout: Duration,
}

/// What a request names first.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Transport {
    Rest,
    Grpc,
    Events,
}

impl Transport {
    const ALL: [Self; 3] = [Self::Rest, Self::Grpc, Self::Events];

    const fn name(self) -> &'static str {
        match self {
            Self::Rest => "rest",
            Self::Grpc => "grpc",
            Self::Events => "events",
        }
    }

    fn prefix(self) -> String {
        format!("/{}", self.name())
    }

    /// The path in the REST table that a request to the facade is for.
    fn strip(self, uri: &Uri) -> &str {
        let path = uri.path();
        path.strip_prefix(&self.prefix()).unwrap_or(path)
    }
}

/// The facade's routes; any path under a transport's name is its own to refuse.
pub(crate) fn router(facade: Facade) -> Router {
    Transport::ALL
        .into_iter()
        .fold(Router::new(), |router, transport| {
            let handler = any(
                async move |State(facade): State<Facade>,
                            Extension(context): Extension<Context>,
                            request: Request| {
                    facade.serve(transport, &context, request).await
                },
            );
            router
                .route(&transport.prefix(), handler.clone())
                .route(&format!("{}/{{*path}}", transport.prefix()), handler)
        })
        .with_state(facade)
}

/// Whether a path is one of the facade's.
pub(crate) fn is_below(path: &str) -> bool {
    Transport::ALL.into_iter().any(|transport| {
        path.strip_prefix(&transport.prefix())
            .is_some_and(|rest| rest.is_empty() || rest.starts_with('/'))
    })
}

impl Facade {
    async fn serve(&self, transport: Transport, context: &Context, request: Request) -> Response {
        let route = route(request.method().as_str(), transport.strip(request.uri()));
        let operation = match &route {
            Route::Found { operation, .. } => Some(*operation),
            Route::MethodNotAllowed { .. } | Route::NotFound => None,
        };
        let metrics = Arc::clone(&self.metrics);
        let record = RequestGuard::begin(transport, operation, context, metrics);
        let response = self
            .answer(transport, context, route, request)
            .await
            .unwrap_or_else(|refusal| refusal.into_response(context));
        record.end(response.status().as_u16());
        response
    }

    async fn answer(
        &self,
        transport: Transport,
        context: &Context,
        route: Route,
        request: Request,
    ) -> Result<Response, Refusal> {
        let (parts, body) = request.into_parts();
        let (operation, params) = match route {
            Route::Found { operation, params } => (operation, params),
            Route::MethodNotAllowed { allow } => return Err(Refusal::method(allow)),
            Route::NotFound => return Err(Refusal::not_found()),
        };
        name_span(transport, operation);
        let body = body::read(&parts.headers, body).await?;
        let query = parts.uri.query().unwrap_or_default();

        if transport == Transport::Rest {
            self.limits.check(operation)?;
            // JSON is UTF-8 (RFC 8259, section 8.1). Lambda's event is too, so API Gateway
            // would have to pass other bytes as base64, and the local one fails on them.
            if operation.http.body && std::str::from_utf8(&body).is_err() {
                binding::parse_object(&body)?;
            }
            let path = transport.strip(&parts.uri);
            let target = match query {
                "" => path.to_owned(),
                query => format!("{path}?{query}"),
            };
            let deadline = Instant::now() + self.call_timeout;
            let content_type = parts.headers.get(http::header::CONTENT_TYPE);
            let answered = self
                .rest
                .call(operation, &target, content_type, body, context, deadline)
                .await?;
            return Ok(answered);
        }

        let deadline = Instant::now() + self.call_timeout;
        let call = |fields| Call {
            operation,
            args: Args::Fields(fields),
            context: context.clone(),
            transport: match transport {
                Transport::Events => transport::Transport::Events,
                Transport::Grpc | Transport::Rest => transport::Transport::Grpc,
            },
            deadline,
            log_id: Uuid::new_v4(),
            failures: Failures::Answer,
        };
        let mut args = match read_args(operation, &params, query, &body) {
            Ok(args) => args,
            Err(error) => {
                self.calls.refused(&call(Map::new()), &error);
                return Err(error.into());
            }
        };
        drop(body);
        let message = match transport {
            Transport::Grpc => {
                // What fits no message can't travel as one. The function itself refuses it,
                // after a look at the token, as it does over the other transports.
                if let Err(error) = validate::request(operation.input, &mut args) {
                    self.calls.call(call(args)).await?;
                    return Err(error.into());
                }
                let message = self.grpc.call(operation, args, context, deadline).await?;
                response::from_message(operation, message)
            }
            Transport::Events | Transport::Rest => {
                let data = self.events.call(operation, args, context, deadline).await?;
                response::from_text(operation, data)?
            }
        };
        Ok(message)
    }
}

/// Names the request's span by what it asks for, not by its path, of which there are many.
fn name_span(transport: Transport, operation: &Operation) {
    let span = Span::current();
    let route = format!("{}{}", transport.prefix(), operation.http.path);
    telemetry::rename(&span, format!("{} {route}", operation.http.method));
    telemetry::set(&span, "http.route", route);
}

fn read_args(
    operation: &Operation,
    params: &[(&'static str, String)],
    query: &str,
    body: &[u8],
) -> Result<Map<String, Value>, ApiError> {
    let query: Vec<_> = form_urlencoded::parse(query.as_bytes()).collect();
    binding::from_http(
        operation,
        params.iter().map(|(name, value)| (*name, value.as_str())),
        query.iter().map(|(name, value)| (&**name, &**value)),
        body,
    )
}

#[cfg(test)]
mod tests;
