//! From `main` to the first event.

use std::{process::ExitCode, sync::Arc, time::Duration};

use lambda_http::{Request, service_fn};
use lambda_runtime::{Diagnostic, LambdaEvent};
use trichrome_proto::{
    contract::{self, Access},
    error::Fault as _,
};

use crate::{
    Env,
    call_log::{self, CallLog},
    function::{BatchFunction, Function},
    logs,
    shell::Shell,
};

/// The exit status of a wrong configuration (`EX_USAGE` of sysexits.h).
const BAD_CONFIGURATION: u8 = 64;

/// A function that ran this long will not answer in time for the gateway, which waits 10 s.
const CALL_TIMEOUT_MS: u64 = 9_000;

type RuntimeError = Box<dyn std::error::Error + Send + Sync>;

/// Serves an operation of the contract until Lambda ends the process.
///
/// Reads `CALL_TIMEOUT_MS` (default 9000), `CALL_LOG_FUNCTION`, `RUST_LOG`, the token
/// variables unless the operation is public, and whatever [`Function::build`] reads. A
/// configuration with problems ends the process with status 64 and names all of them.
pub fn run<F: Function>() -> ExitCode {
    start(|env| {
        let operation = contract::by_function(F::NAME);
        if operation.is_none() {
            env.problem(F::NAME, "is no operation of the contract");
        }
        let verifier = match operation.map(|operation| operation.access) {
            None | Some(Access::Public) => None,
            Some(Access::User | Access::Owner) => env.verifier(),
        };
        let log = CallLog::from_env(env);
        let timeout = Duration::from_millis(env.parse_or("CALL_TIMEOUT_MS", CALL_TIMEOUT_MS));
        let function = F::build(env);
        let shell = operation.map(|operation| Shell {
            function,
            operation,
            verifier,
            timeout,
        });
        async move {
            let Some(shell) = shell else {
                return Ok(());
            };
            serve(shell, log).await
        }
    })
}

async fn serve<F: Function>(shell: Shell<F>, log: CallLog) -> Result<(), RuntimeError> {
    let (outbox, extension) = call_log::register(log).await;
    let (shell, outbox) = (Arc::new(shell), Arc::new(outbox));
    let function = lambda_http::run(service_fn(move |request: Request| {
        let (shell, outbox) = (shell.clone(), outbox.clone());
        async move {
            let handled = shell.handle(request).await;
            outbox.put(handled.entry).await;
            Ok::<_, std::convert::Infallible>(handled.response)
        }
    }));
    match extension {
        None => function.await,
        Some(extension) => tokio::try_join!(function, extension).map(|_| ()),
    }
}

/// Serves a Kafka-triggered function until Lambda ends the process.
///
/// A failure is answered as a function error, which makes the batch come again.
pub fn run_batch<B: BatchFunction>() -> ExitCode {
    start(|env| {
        let function = Arc::new(B::build(env));
        lambda_runtime::run(service_fn(move |event: LambdaEvent<B::Event>| {
            let function = function.clone();
            async move {
                function.call(event.payload).await.map_err(|error| {
                    let (code, causes) = (error.code().as_str(), logs::causes(&error));
                    tracing::error!(function = B::NAME, code, %error, causes, "batch failed");
                    // The gateway's trigger tells from the type whether waiting helps.
                    Diagnostic {
                        error_type: code.to_owned(),
                        error_message: error.to_string(),
                    }
                })
            }
        }))
    })
}

/// Reads the configuration, then runs what it configures. One thread is enough: a function
/// serves one call at a time, and starts faster for it.
fn start<W>(build: impl FnOnce(&mut Env) -> W) -> ExitCode
where
    W: Future<Output = Result<(), RuntimeError>>,
{
    logs::start();
    let runtime = match tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
    {
        Ok(runtime) => runtime,
        Err(error) => {
            tracing::error!(%error, "no runtime");
            return ExitCode::FAILURE;
        }
    };
    let mut env = Env::process();
    let entered = runtime.enter();
    let work = build(&mut env);
    drop(entered);
    if !env.problems().is_empty() {
        tracing::error!(problems = env.problems().join("; "), "bad configuration");
        return ExitCode::from(BAD_CONFIGURATION);
    }
    match runtime.block_on(work) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            tracing::error!(%error, "the runtime ended");
            ExitCode::FAILURE
        }
    }
}
