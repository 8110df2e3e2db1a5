//! The facade: the REST API's paths below `/rest`, `/grpc` and `/events`, each forwarded over
//! the transport that it names. The web app uses it.
//!
//! The same request gets the same status, headers and body over each transport.

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
use base64::{Engine as _, prelude::BASE64_STANDARD};
use bytes::Bytes;
use http::{HeaderValue, Uri, header::CONTENT_TYPE};
use serde_json::{Map, Value};
use tokio::time::Instant;
use tracing::Span;
use trichrome_proto::{
    binding::{self, Target},
    contract::{Operation, Route, route},
    error::ApiError,
    json, validate,
    wire::{Transport, media::Form},
};
use trichrome_telemetry as telemetry;
use url::form_urlencoded;
use uuid::Uuid;

use self::{request_guard::RequestGuard, response::Refusal};
use crate::{
    call::{
        Call, Calls, Failures,
        args::{Args, Sent},
        context::Context,
        rate_limit::RateLimits,
    },
    grpc,
    http::head,
    ops::metrics::Metrics,
};

/// The facade's transports. Cheap to clone.
#[derive(Clone)]
pub(crate) struct Facade {
    pub(crate) rest: rest::Rest,
    /// The gateway's own gRPC port.
    pub(crate) grpc: grpc::client::Client,
    pub(crate) events: events::Events,
    /// Logs the calls that the facade refuses itself.
    pub(crate) calls: Calls,
    /// Rate limits for `/rest`, which bypasses [`Calls`].
    pub(crate) limits: Arc<RateLimits>,
    pub(crate) metrics: Arc<Metrics>,
    pub(crate) call_timeout: Duration,
}

/// What the facade's paths for a transport begin with.
fn prefix(transport: Transport) -> String {
    format!("/{}", transport.as_str())
}

/// The request's path without the transport's prefix, as in the REST API.
fn strip_prefix(transport: Transport, uri: &Uri) -> &str {
    let path = uri.path();
    path.strip_prefix(&prefix(transport)).unwrap_or(path)
}

/// The facade's routes: every path below a transport's prefix.
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
                .route(&prefix(transport), handler.clone())
                .route(&format!("{}/{{*path}}", prefix(transport)), handler)
        })
        .with_state(facade)
}

/// Whether a path belongs to the facade.
pub(crate) fn is_below(path: &str) -> bool {
    Transport::ALL.into_iter().any(|transport| {
        path.strip_prefix(&prefix(transport))
            .is_some_and(|rest| rest.is_empty() || rest.starts_with('/'))
    })
}

/// A request for an operation, without its body.
struct ApiRequest<'a> {
    operation: &'static Operation,
    params: Vec<(&'static str, String)>,
    path: &'a str,
    query: &'a str,
    content_type: Option<&'a HeaderValue>,
    form: Form,
    context: &'a Context,
    deadline: Instant,
}

/// A request message: its fields, and the bytes of a raw body.
pub(crate) struct Message {
    pub(crate) fields: Map<String, Value>,
    pub(crate) raw: Option<(&'static str, Bytes)>,
}

impl ApiRequest<'_> {
    /// Refuses a body that can't be JSON because it isn't UTF-8 (RFC 8259, section 8.1).
    fn check_text(&self, body: &[u8]) -> Result<(), ApiError> {
        if self.operation.http.body && self.form == Form::Json {
            json::text(body)?;
        }
        Ok(())
    }

    /// The request message, checked.
    fn message(
        &self,
        body: &Bytes,
        check: impl FnOnce(&mut Map<String, Value>) -> Result<(), ApiError>,
    ) -> Result<Message, ApiError> {
        let raw = self.operation.http.raw_body;
        let raw = raw.filter(|_| self.form == Form::Raw);
        let query: Vec<_> = form_urlencoded::parse(self.query.as_bytes()).collect();
        let mut args = binding::from_http(
            self.operation,
            self.params.iter().map(|(name, value)| (*name, &**value)),
            query.iter().map(|(name, value)| (&**name, &**value)),
            match raw {
                Some(_) => binding::Body::Raw,
                None => binding::Body::Json(body),
            },
        )?;
        check(&mut args)?;
        Ok(Message {
            fields: args,
            raw: raw.map(|field| (field, body.clone())),
        })
    }

    /// The unchanged request, for the function to refuse.
    fn as_sent<'a>(&self, body: &'a Bytes) -> Result<Args<'a>, ApiError> {
        let query = form_urlencoded::parse(self.query.as_bytes());
        let target = Target {
            path: self.path.to_owned(),
            path_parameters: self.params.clone(),
            query: query.into_owned().collect(),
        };
        let body = match self.form {
            Form::Raw => Sent::Raw(body.clone()),
            Form::Json if self.operation.http.body => Sent::Json(json::text(body)?),
            Form::Json => Sent::Json(""),
        };
        Ok(Args::Http { target, body })
    }

    fn call<'a>(&self, transport: Transport, args: Args<'a>) -> Call<'a> {
        Call {
            operation: self.operation,
            args,
            context: self.context.clone(),
            transport,
            deadline: self.deadline,
            log_id: Uuid::new_v4(),
            failures: Failures::Answer,
        }
    }
}

impl Facade {
    async fn serve(&self, transport: Transport, context: &Context, request: Request) -> Response {
        let (parts, body) = request.into_parts();
        let path = strip_prefix(transport, &parts.uri);
        let found = match route(parts.method.as_str(), path) {
            Route::Found { operation, params } => Ok((operation, params)),
            Route::MethodNotAllowed { allow } => Err(Refusal::method_not_allowed(allow)),
            Route::NotFound => Err(Refusal::not_found()),
        };
        let operation = found.as_ref().ok().map(|(operation, _)| *operation);
        let metrics = Arc::clone(&self.metrics);
        let guard = RequestGuard::begin(transport, operation, context, metrics);
        let answer = async {
            let (operation, params) = found?;
            name_span(transport, operation);
            let coding = body::check_coding(&parts.headers);
            let compressed = coding.is_err();
            let content_type = parts.headers.get(CONTENT_TYPE);
            let form = Form::of(
                operation,
                content_type.and_then(|value| value.to_str().ok()),
            );
            let body = body::read(&parts.headers, body).await?;
            let request = ApiRequest {
                operation,
                params,
                path,
                query: parts.uri.query().unwrap_or_default(),
                content_type,
                form: *form.as_ref().unwrap_or(&Form::Json),
                context,
                deadline: Instant::now() + self.call_timeout,
            };
            // Refused here, so that each transport gives the same verdict, and after the body, so
            // that the connection can be used for another request.
            let mut refused = head::check(&parts.uri, &parts.headers)
                .and(coding)
                .and_then(|()| context.check(operation))
                .and(form)
                .and_then(|_| request.check_text(&body));
            if refused.is_ok() && transport == Transport::Rest {
                refused = self.limits.check(operation).await;
            }
            if let Err(error) = refused {
                let call = request.call(transport, Args::default());
                self.calls.refuse(&call, &error).await;
                return Err(Refusal::from(error).of_compressed(compressed));
            }
            match transport {
                Transport::Rest => self.over_rest(request, body).await,
                Transport::Grpc => self.over_grpc(request, body).await,
                Transport::Events => self.over_events(request, body).await,
            }
        };
        let response = answer
            .await
            .unwrap_or_else(|refusal: Refusal| refusal.into_response(context));
        guard.end(response.status().as_u16());
        response
    }

    async fn over_rest(&self, request: ApiRequest<'_>, body: Bytes) -> Result<Response, Refusal> {
        let target = match request.query {
            "" => request.path.to_owned(),
            query => format!("{}?{query}", request.path),
        };
        let response = self.rest.call(
            request.operation,
            &target,
            request.content_type,
            body,
            request.context,
            request.deadline,
        );
        Ok(response.await?)
    }

    async fn over_grpc(&self, request: ApiRequest<'_>, body: Bytes) -> Result<Response, Refusal> {
        const TRANSPORT: Transport = Transport::Grpc;
        let input = request.operation.input;
        // Arguments that don't fit the message can't be encoded as one.
        let check = |args: &mut Map<_, _>| validate::request(input, args);
        let message = self.read_message(TRANSPORT, &request, body, check).await?;
        let message = self
            .grpc
            .call(
                request.operation,
                message,
                request.context,
                request.deadline,
            )
            .await?;
        Ok(response::from_message(request.operation, message))
    }

    async fn over_events(&self, request: ApiRequest<'_>, body: Bytes) -> Result<Response, Refusal> {
        let operation = request.operation;
        // The command's function gets the fields of a query as text, without their types.
        let in_query = !operation.http.body || request.form == Form::Raw;
        let check = |args: &mut Map<_, _>| match in_query {
            true => json::decode(operation.input, args),
            false => Ok(()),
        };
        let Message { mut fields, raw } = self
            .read_message(Transport::Events, &request, body, check)
            .await?;
        if let Some((field, bytes)) = raw {
            fields.insert(field.to_owned(), BASE64_STANDARD.encode(bytes).into());
        }
        let message = self
            .events
            .call(operation, fields, request.context, request.deadline)
            .await?;
        Ok(response::from_text(operation, message)?)
    }

    /// Reads the request message. The body is dropped here: it may be megabytes.
    ///
    /// The function itself refuses a request that can't be read, once it has checked the token,
    /// as over the other transports.
    async fn read_message(
        &self,
        transport: Transport,
        request: &ApiRequest<'_>,
        body: Bytes,
        check: impl FnOnce(&mut Map<String, Value>) -> Result<(), ApiError>,
    ) -> Result<Message, ApiError> {
        let error = match request.message(&body, check) {
            Ok(message) => return Ok(message),
            Err(error) => error,
        };
        let args = request.as_sent(&body)?;
        self.calls.call(request.call(transport, args)).await?;
        Err(error)
    }
}

/// Names the request's span by its route: there are too many paths.
fn name_span(transport: Transport, operation: &Operation) {
    let span = Span::current();
    let route = format!("{}{}", prefix(transport), operation.http.path);
    telemetry::rename(&span, format!("{} {route}", operation.http.method));
    telemetry::set(&span, "http.route", route);
}

#[cfg(test)]
mod tests;
