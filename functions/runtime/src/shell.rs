//! Serving an HTTP event: from the request to the response.

use std::{
    collections::BTreeMap,
    sync::atomic::{AtomicBool, Ordering},
    time::{Duration, Instant},
};

use lambda_http::{Body, Request, RequestExt as _, Response};
use serde_json::{Map, Value};
use tracing::{Instrument as _, Span, field::Empty, info_span};
use trichrome_proto::{
    analytics::AnalyticsEntryMessage,
    contract::{Access, Operation},
    error::{ApiError, ErrorCode, Fault},
    message, validate,
    wire::{Transport, TrustedProxies},
};
use trichrome_startup::error_chain;
use trichrome_telemetry::{self as telemetry, Trace};

use crate::{
    after::Finished,
    call_log,
    emf::{INTERNAL, Sample},
    entry,
    function::{Call, Function},
    handover,
    request::{self, Head},
    response,
    response_cache::{CacheUse, NoCache, ResponseCache},
    token::{Claims, Verifier},
    token_check::TokenCheck as _,
};

const VERSION: &str = env!("CARGO_PKG_VERSION");

/// A function with its operation of the contract.
pub(crate) struct Shell<F: Function, C: ResponseCache = NoCache> {
    pub(crate) function: F,
    pub(crate) operation: &'static Operation,
    /// `None` for public operations.
    pub(crate) verifier: Option<Verifier>,
    /// `None` for public operations.
    pub(crate) tokens: Option<F::Tokens>,
    /// `None` without a cache.
    pub(crate) cache: Option<C>,
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

/// What is known of a call when it ends.
#[derive(Default)]
struct Seen {
    user_id: Option<String>,
    cache: Option<CacheUse>,
}

impl<F: Function, C: ResponseCache> Shell<F, C> {
    /// Serves one event.
    pub(crate) async fn handle(&self, request: Request) -> Handled {
        let started = Instant::now();
        let mut head = Head::read(&request);
        let cold = self.cold.swap(false, Ordering::Relaxed);
        let span = self.span(&request, &head, cold);
        let trace = Trace::adopt(&span, head.origin.take());
        trace.id().clone_into(&mut head.trace_id);
        span.record("trace_id", trace.id());
        if let Some(entry) = handover::entry(F::NAME, &request) {
            let _entered = span.entered();
            return self.forward(entry, head, trace, (started, cold));
        }
        let mut seen = Seen::default();
        let outcome = self
            .serve(&head, request, &mut seen)
            .instrument(span.clone())
            .await;
        let _entered = span.entered();
        let Seen { user_id, cache } = seen;
        let mut response = outcome.unwrap_or_else(|fault| response::failure(fault.as_ref(), &head));
        if let Some(cache) = cache {
            response::cache_status(&mut response, cache);
        }
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
            cache = cache.map(CacheUse::as_str),
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
            cache,
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

    /// Forwards a call log of a function of version 0.1.
    fn forward(
        &self,
        entry: Result<AnalyticsEntryMessage, ApiError>,
        head: Head,
        trace: Trace,
        (started, cold): (Instant, bool),
    ) -> Handled {
        let (response, entry) = match entry {
            Ok(entry) => (response::success(self.operation, &()), Some(entry)),
            Err(error) => (response::failure(&error, &head), None),
        };
        let sample = Sample {
            operation: F::NAME,
            transport: INTERNAL,
            failed: false,
            took: started.elapsed(),
            cold,
            cache: None,
            trace_id: head.trace_id.clone(),
        };
        Handled {
            response: response::finish(response, &head, &trace, None),
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
        seen: &mut Seen,
    ) -> Result<Response<Body>, Box<dyn Fault + Send + Sync>> {
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
        seen.user_id.clone_from(&call.user_id);
        let mut args = request::args(self.operation, request).map_err(boxed)?;
        self.authorize(call.caller(), &mut args.fields)
            .map_err(boxed)?;
        let key = self.cache_key(&call, &args.fields);
        let input = message::read(self.operation.input, args.fields, args.raw).map_err(boxed)?;
        let work = async {
            match key {
                Some((cache, key)) => self.cached(cache, &key, &call, input, seen).await,
                None => self.called(&call, input).await,
            }
        };
        let outcome = match tokio::time::timeout(self.timeout, work).await {
            Ok(outcome) => outcome,
            Err(_) => Err(boxed(self.late())),
        };
        // Whatever the outcome: a call that failed may have changed something.
        if self.operation.evicts
            && let Some(cache) = &self.cache
        {
            seen.cache = Some(evict(cache, call.caller()).await);
        }
        outcome
    }

    /// The cache and what the request is called there, if its response may be kept.
    fn cache_key(&self, call: &Call, args: &Map<String, Value>) -> Option<(&C, String)> {
        let cache = self.cache.as_ref()?;
        if !self.operation.cacheable || !cache.is_up(call.caller()) {
            return None;
        }
        // In one order, whatever the request's was. Another version may answer otherwise.
        let args: BTreeMap<_, _> = args.iter().collect();
        let args = serde_json::to_string(&args).ok()?;
        Some((cache, format!("{} {VERSION} {args}", F::NAME)))
    }

    /// Answers a request from the cache, or by a call whose response is then kept.
    async fn cached(
        &self,
        cache: &C,
        key: &str,
        call: &Call,
        input: F::Input,
        seen: &mut Seen,
    ) -> Result<Response<Body>, Box<dyn Fault + Send + Sync>> {
        let user_id = call.caller();
        let kept = match self.function.revision(call, &input) {
            None => None,
            // Both before the call: what changes during the call has another revision or ticket.
            Some(revision) => match tokio::join!(revision, cache.find(user_id, key)) {
                (Ok(revision), Ok(found)) => revision.map(|revision| (revision, found)),
                (revision, found) => {
                    if let Err(error) = revision {
                        let error = error_chain(&error);
                        tracing::warn!(error, "no revision, so the cache isn't used");
                    }
                    if let Err(error) = found {
                        tracing::debug!(error = error_chain(&error), "the cache failed");
                        seen.cache = Some(CacheUse::Failed);
                    }
                    None
                }
            },
        };
        let Some((revision, found)) = kept else {
            return self.called(call, input).await;
        };
        let response = found
            .entry
            .and_then(|entry| entry::decode(self.operation, &entry, user_id, &revision));
        if let Some(response) = response {
            seen.cache = Some(CacheUse::Hit);
            return Ok(response);
        }
        seen.cache = Some(CacheUse::Miss);
        let response = self.called(call, input).await?;
        if let Some(entry) = entry::encode(self.operation, &response, user_id, &revision)
            && let Err(error) = cache.keep(user_id, key, &found.ticket, &entry).await
        {
            tracing::debug!(error = error_chain(&error), "the response isn't kept");
            seen.cache = Some(CacheUse::Failed);
        }
        Ok(response)
    }

    async fn called(
        &self,
        call: &Call,
        input: F::Input,
    ) -> Result<Response<Body>, Box<dyn Fault + Send + Sync>> {
        let output = self.function.call(call, input).await.map_err(boxed)?;
        Ok(response::success(self.operation, &output))
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
    fn authorize(&self, caller: &str, args: &mut Map<String, Value>) -> Result<(), ApiError> {
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

async fn evict<C: ResponseCache>(cache: &C, user_id: &str) -> CacheUse {
    match cache.evict(user_id).await {
        Ok(()) => CacheUse::Evicted,
        Err(error) => {
            let error = error_chain(&error);
            tracing::warn!(
                error,
                "the cache may answer what was true before, for a minute"
            );
            CacheUse::Failed
        }
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
