//! Serving an HTTP event: from the request to the response.

use std::{
    sync::atomic::{AtomicBool, Ordering},
    time::{Duration, Instant},
};

use lambda_http::{Body, Request, RequestExt as _, Response};
use serde_json::Value;
use tracing::{Instrument as _, Span, field::Empty, info_span};
use trichrome_proto::{
    contract::{Access, Operation},
    error::{ApiError, ErrorCode, Fault},
    message, validate,
    wire::{Transport, TrustedProxies},
};
use trichrome_telemetry::{self as telemetry, Trace};

use crate::{
    after::Finished,
    call_log,
    emf::Sample,
    function::{Call, Function},
    request::{self, Head},
    response,
    token::{Claims, Verifier},
    token_check::TokenCheck as _,
};

/// A function with its operation of the contract.
pub(crate) struct Shell<F: Function> {
    pub(crate) function: F,
    pub(crate) operation: &'static Operation,
    /// `None` for public operations.
    pub(crate) verifier: Option<Verifier>,
    /// `None` for public operations.
    pub(crate) tokens: Option<F::Tokens>,
    /// How long one call may take.
    pub(crate) timeout: Duration,
    /// The origin whose pages may read responses of the REST API.
    pub(crate) cors_origin: Option<String>,
    /// The proxies in front of the REST API.
    pub(crate) proxies: TrustedProxies,
    /// Whether the next call is the first.
    pub(crate) cold: AtomicBool,
}

/// A response, and the work to do after it was sent.
pub(crate) struct Handled {
    pub(crate) response: Response<Body>,
    pub(crate) finished: Finished,
}

impl<F: Function> Shell<F> {
    /// Serves one event.
    pub(crate) async fn handle(&self, request: Request) -> Handled {
        let started = Instant::now();
        let mut head = Head::read(&request);
        let cold = self.cold.swap(false, Ordering::Relaxed);
        let span = self.span(&request, &head, cold);
        let trace = Trace::adopt(&span, head.origin.take());
        trace.id().clone_into(&mut head.trace_id);
        span.record("trace_id", trace.id());
        let mut user_id = None;
        let outcome = self
            .serve(&head, request, &mut user_id)
            .instrument(span.clone())
            .await;
        let _entered = span.entered();
        let response = match outcome {
            Ok(output) => response::success(self.operation, &output),
            Err(fault) => response::failure(fault.as_ref(), &head),
        };
        let status = response.status().as_u16();
        telemetry::set(
            &Span::current(),
            "http.response.status_code",
            i64::from(status),
        );
        if status >= 500 {
            telemetry::failed(&Span::current(), status.to_string());
        }
        let elapsed = started.elapsed();
        tracing::info!(
            status,
            duration_ms = elapsed.as_secs_f64() * 1e3,
            "call served"
        );
        let entry = (head.transport == Transport::Rest).then(|| {
            call_log::entry(
                self.operation,
                status,
                elapsed,
                user_id.clone().unwrap_or_default(),
                head.trace_id.clone(),
            )
        });
        let gateway_user_id = match head.transport {
            Transport::Grpc | Transport::Events => user_id.as_deref(),
            Transport::Rest => None,
        };
        let mut response = response::finish(response, &head, &trace, gateway_user_id);
        if let (Some(origin), Transport::Rest) = (&self.cors_origin, head.transport) {
            response::allow_origin(&mut response, self.operation, origin);
        }
        let sample = Sample {
            operation: F::NAME,
            transport: head.transport.as_str(),
            failed: status >= 500,
            took: elapsed,
            cold,
            trace_id: head.trace_id,
        };
        Handled {
            response,
            finished: Finished {
                entry,
                trace,
                sample,
            },
        }
    }

    /// The span of a call, by the conventions for HTTP servers and FaaS.
    fn span(&self, request: &Request, head: &Head, cold: bool) -> Span {
        let http = &self.operation.http;
        let span = info_span!(
            "call",
            otel.kind = "server",
            otel.name = format!("{} {}", http.method, http.path),
            function = F::NAME,
            request_id = head.request_id,
            trace_id = Empty,
            transport = head.transport.as_str(),
            http.request.method = http.method,
            http.route = http.path,
            url.path = request.uri().path(),
            faas.trigger = trigger(head.transport),
            faas.coldstart = cold,
        );
        if head.transport == Transport::Rest {
            telemetry::set(&span, "url.scheme", "https");
        }
        if let Some(context) = request.lambda_context_ref() {
            telemetry::set(&span, "faas.invocation_id", context.request_id.clone());
            telemetry::set(
                &span,
                "aws.lambda.invoked_arn",
                context.invoked_function_arn.clone(),
            );
        }
        span
    }

    async fn serve(
        &self,
        head: &Head,
        request: Request,
        user_id: &mut Option<String>,
    ) -> Result<F::Output, Box<dyn Fault + Send + Sync>> {
        request::check_sizes(request.headers()).map_err(boxed)?;
        request::check_body(self.operation, &request).map_err(boxed)?;
        let mut call = Call {
            user_id: None,
            token_generation: 0,
            idempotency_key: request::idempotency_key(request.headers()).map_err(boxed)?,
            request_id: head.request_id.clone(),
            trace_id: head.trace_id.clone(),
            transport: head.transport,
            address: request::caller_address(&request, head.transport, &self.proxies),
        };
        if let Some(claims) = self.authenticate(&request, &call).await? {
            call.token_generation = claims.generation;
            call.user_id = Some(claims.sub);
        }
        user_id.clone_from(&call.user_id);
        let mut args = request::args(self.operation, request).map_err(boxed)?;
        self.authorize(call.caller(), &mut args.fields)
            .map_err(boxed)?;
        let input = message::read(self.operation.input, args.fields, args.raw).map_err(boxed)?;
        match tokio::time::timeout(self.timeout, self.function.call(&call, input)).await {
            Ok(outcome) => outcome.map_err(boxed),
            Err(_) => Err(boxed(self.late())),
        }
    }

    /// The claims of the caller's token; `None` for public operations, which need none.
    async fn authenticate(
        &self,
        request: &Request,
        call: &Call,
    ) -> Result<Option<Claims>, Box<dyn Fault + Send + Sync>> {
        if self.operation.access == Access::Public {
            return Ok(None);
        }
        let (Some(verifier), Some(tokens)) = (&self.verifier, &self.tokens) else {
            let message = "there are no keys to verify tokens";
            return Err(boxed(ApiError::new(ErrorCode::Internal, message)));
        };
        let token = request::bearer(request.headers()).map_err(boxed)?;
        let refused = |message| boxed(ApiError::new(ErrorCode::Unauthenticated, message));
        let claims = verifier.verify(token).map_err(|error| {
            tracing::info!(%error, "token refused");
            refused("the token is not valid or has expired; log in again")
        })?;
        let counts = tokens.counts(&claims, call.idempotency_key.as_deref());
        let counts = tokio::time::timeout(self.timeout, counts).await;
        match counts.map_err(|_| boxed(self.late()))?.map_err(boxed)? {
            true => Ok(Some(claims)),
            false => {
                tracing::info!("revoked token refused");
                Err(refused(
                    "the token was revoked or its user is gone; log in again",
                ))
            }
        }
    }

    /// The error of a call that isn't finished in time.
    fn late(&self) -> ApiError {
        let message = format!("no result within {:?}", self.timeout);
        ApiError::new(ErrorCode::DeadlineExceeded, message)
    }

    /// Validates the request, and limits an owner's request to their own data.
    fn authorize(
        &self,
        caller: &str,
        args: &mut serde_json::Map<String, Value>,
    ) -> Result<(), ApiError> {
        validate::request(self.operation.input, args)?;
        if self.operation.access == Access::Owner {
            match args.get("user_id").and_then(Value::as_str) {
                None | Some("") => {
                    args.insert("user_id".to_owned(), Value::from(caller));
                }
                Some(user_id) if user_id == caller => {}
                Some(_) => {
                    return Err(ApiError::new(
                        ErrorCode::PermissionDenied,
                        "\"user_id\" is not the caller's own; leave it out",
                    ));
                }
            }
        }
        Ok(())
    }
}

/// The trigger of the call, by the conventions.
const fn trigger(transport: Transport) -> &'static str {
    match transport {
        Transport::Rest | Transport::Grpc => "http",
        Transport::Events => "pubsub",
    }
}

fn boxed<E: Fault + Send + Sync + 'static>(error: E) -> Box<dyn Fault + Send + Sync> {
    Box::new(error)
}

#[cfg(test)]
mod tests;
