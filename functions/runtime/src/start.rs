//! Starting a function and serving its events.

use std::{
    any::TypeId,
    convert::Infallible,
    future::ready,
    pin::Pin,
    process::ExitCode,
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
    time::{Duration, Instant},
};

use lambda_http::{Adapter, Request, service_fn, tower::Service as _};
use lambda_runtime::{Context, Diagnostic, LambdaEvent};
use tracing::{Instrument as _, Span, field::Empty, info_span};
use trichrome_proto::{
    contract::{self, Access, Operation},
    error::Fault as _,
    wire::TrustedProxies,
};
use trichrome_startup::error_chain;
use trichrome_telemetry::{self as telemetry, Telemetry, Trace};

use crate::{
    Env,
    after::{self, After, Finished},
    call_log::CallLog,
    emf::{INTERNAL, Sample},
    event::{self, HttpEvent},
    function::{EventFunction, Function},
    logs, origin,
    response_cache::{NoCache, ResponseCache},
    shell::{Handled, Shell},
    token_check::TokenCheck as _,
};

/// The default of `CALL_TIMEOUT_MS`: a second less than the gateway waits for a function.
pub(crate) const CALL_TIMEOUT: Duration = Duration::from_secs(9);

type RuntimeError = Box<dyn std::error::Error + Send + Sync>;

/// What a function does until Lambda ends the process.
type Work = Pin<Box<dyn Future<Output = Result<(), RuntimeError>>>>;

/// Reads the configuration.
type Build = Box<dyn FnOnce(&mut Env, Telemetry) -> Work>;

/// Serves one request. A trait object, so that Lambda's runtime is compiled once, in this crate, and
/// not for each function.
type Handler = Arc<dyn Fn(Request) -> Pin<Box<dyn Future<Output = Handled> + Send>> + Send + Sync>;

/// Serves an operation of the contract until Lambda ends the process.
///
/// Reads `CALL_TIMEOUT_MS` (default 9000), `CALL_LOG_QUEUE_URL`, `METRICS` (`emf`, `detailed`
/// or `off`), `STACK_NAME` (a dimension of the metrics),
/// `CORS_ORIGIN`, `TRUSTED_PROXIES` (networks, comma separated), `RUST_LOG` and OpenTelemetry's
/// variables ([`telemetry::start`]), the token
/// variables unless the operation is public, and those that [`Function::build`] reads. If some
/// are invalid, all problems are logged and the process ends with status 64.
pub fn run<F: Function>() -> ExitCode {
    run_cached::<F, NoCache>()
}

/// Serves an operation as [`run`] does, with a cache. Operations that the contract lets keep or evict
/// responses need one, which may be switched off by its configuration.
pub fn run_cached<F: Function, C: ResponseCache>() -> ExitCode {
    let build = |env: &mut Env, telemetry: Telemetry| -> Work {
        let operation = contract::by_function(F::NAME);
        if operation.is_none() {
            env.problem(F::NAME, "is not an operation of the contract");
        }
        let (verifier, tokens) = match operation.map(|operation| operation.access) {
            None | Some(Access::Public) => (None, None),
            Some(Access::User | Access::Owner) => (env.verifier(), Some(F::Tokens::build(env))),
        };
        let log = CallLog::from_env(env);
        let after = After::from_env(env, log, telemetry.spans);
        let cors_origin = env.optional("CORS_ORIGIN");
        let proxies = env
            .variables()
            .optional_with("TRUSTED_PROXIES", TrustedProxies::EXPECTED, |text| {
                text.parse().ok()
            })
            .unwrap_or_default();
        let timeout = env.variables().millis_or("CALL_TIMEOUT_MS", CALL_TIMEOUT);
        check_cache::<C>(operation, env);
        let cache = C::build(env);
        let function = F::build(env);
        let shell = operation.map(|operation| Shell {
            function,
            operation,
            verifier,
            tokens,
            cache,
            timeout,
            cors_origin,
            proxies,
            cold: AtomicBool::new(true),
        });
        let Some(shell) = shell.map(Arc::new) else {
            return Box::pin(ready(Ok(())));
        };
        let handler: Handler = Arc::new(move |request| {
            let shell = Arc::clone(&shell);
            Box::pin(async move { shell.handle(request).await })
        });
        Box::pin(serve(handler, after))
    };
    start(F::NAME, Box::new(build))
}

/// Reports an operation that keeps or evicts responses and has no cache to choose.
pub(crate) fn check_cache<C: ResponseCache>(operation: Option<&Operation>, env: &mut Env) {
    let needs_one = operation.is_some_and(|operation| operation.cacheable || operation.evicts);
    if needs_one && TypeId::of::<C>() == TypeId::of::<NoCache>() {
        env.problem(
            "run",
            "must be run_cached, because the operation keeps or evicts responses",
        );
    }
}

async fn serve(handler: Handler, after: After) -> Result<(), RuntimeError> {
    let (outbox, extension) = after::register(after).await;
    let outbox = Arc::new(outbox);
    let function = lambda_runtime::run(service_fn(move |event: LambdaEvent<HttpEvent>| {
        let (handler, outbox) = (handler.clone(), outbox.clone());
        let HttpEvent { request, body } = event.payload;
        let mut body = Some(body);
        let mut adapter = Adapter::from(service_fn(move |mut request: Request| {
            let (handler, outbox) = (handler.clone(), outbox.clone());
            *request.body_mut() = body.take().unwrap_or_default();
            async move {
                let handled = handler(request).await;
                outbox.put(handled.finished).await;
                Ok::<_, Infallible>(handled.response)
            }
        }));
        let request = event::keep_all_values(request);
        adapter.call(LambdaEvent::new(request, event.context))
    }));
    match extension {
        None => function.await,
        Some(extension) => tokio::try_join!(function, extension).map(|_| ()),
    }
}

/// Handles AWS's events until Lambda ends the process.
///
/// A failure is returned as a function error, so that the event source redelivers the event.
pub fn run_events<F: EventFunction>() -> ExitCode {
    let build = |env: &mut Env, telemetry: Telemetry| -> Work {
        let log = CallLog::none();
        let after = After::from_env(env, log, telemetry.spans);
        let function = Arc::new(F::build(env));
        Box::pin(serve_events(function, after))
    };
    start(F::NAME, Box::new(build))
}

async fn serve_events<F: EventFunction>(
    function: Arc<F>,
    after: After,
) -> Result<(), RuntimeError> {
    let (outbox, extension) = after::register(after).await;
    let outbox = Arc::new(outbox);
    let cold = Arc::new(AtomicBool::new(true));
    let function = lambda_runtime::run(service_fn(move |event: LambdaEvent<F::Event>| {
        let (function, outbox, cold) = (function.clone(), outbox.clone(), cold.clone());
        async move {
            let started = Instant::now();
            let cold = cold.swap(false, Ordering::Relaxed);
            let span = event_span::<F>(&event.context, cold);
            let trace = Trace::adopt(&span, origin::of_event(&event.context));
            span.record("trace_id", trace.id());
            let outcome = function.call(event.payload).instrument(span.clone()).await;
            let outcome = outcome.map_err(|error| {
                let _entered = span.enter();
                let code = error.code().as_str();
                tracing::error!(code, error = error_chain(&error), "event failed");
                telemetry::failed(&span, code);
                // The gateway's trigger decides by the type whether to retry.
                Diagnostic {
                    error_type: code.to_owned(),
                    error_message: error.to_string(),
                }
            });
            drop(span);
            let sample = Sample {
                operation: F::NAME,
                transport: INTERNAL,
                failed: outcome.is_err(),
                took: started.elapsed(),
                cold,
                cache: None,
                trace_id: trace.id().to_owned(),
            };
            let finished = Finished {
                entry: None,
                trace,
                sample,
            };
            outbox.put(finished).await;
            outcome
        }
    }));
    match extension {
        None => function.await,
        Some(extension) => tokio::try_join!(function, extension).map(|_| ()),
    }
}

/// The span of an event, by the conventions for FaaS.
fn event_span<F: EventFunction>(context: &Context, cold: bool) -> Span {
    info_span!(
        "event",
        otel.kind = "server",
        otel.name = F::NAME,
        function = F::NAME,
        request_id = context.request_id,
        trace_id = Empty,
        faas.trigger = F::TRIGGER,
        faas.invocation_id = context.request_id,
        faas.coldstart = cold,
        aws.lambda.invoked_arn = context.invoked_function_arn,
    )
}

/// Reads the configuration and runs the function. One thread is enough for a function, which
/// serves one call at a time, and makes the start faster.
fn start(name: &str, build: Build) -> ExitCode {
    let telemetry = logs::start(name);
    let runtime = match tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
    {
        Ok(runtime) => runtime,
        Err(error) => {
            tracing::error!(%error, "the function can't start");
            return ExitCode::FAILURE;
        }
    };
    let mut env = Env::process();
    let entered = runtime.enter();
    let work = build(&mut env, telemetry);
    drop(entered);
    if let Err(error) = env.check() {
        tracing::error!(%error, "the function can't start");
        return error.exit_code();
    }
    match runtime.block_on(work) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            tracing::error!(error = error_chain(error.as_ref()), "the runtime ended");
            ExitCode::FAILURE
        }
    }
}
