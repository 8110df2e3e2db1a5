//! Readiness: whether the gateway's dependencies are reachable.

use std::{
    collections::BTreeMap,
    sync::{Arc, Mutex, PoisonError},
    time::Duration,
};

use futures::future::{BoxFuture, join_all};
use serde::Serialize;
use tokio::{
    net::TcpStream,
    time::{Instant, timeout},
};
use tokio_util::sync::CancellationToken;
use url::Url;

/// The timeout for checking one dependency.
const CHECK_TIMEOUT: Duration = Duration::from_secs(2);

/// How long a report is cached, so that probes cause no load on the dependencies.
const CACHE_TIME: Duration = Duration::from_millis(500);

/// Checks a dependency; the error describes the problem.
pub(crate) type Check = Arc<dyn Fn() -> BoxFuture<'static, Result<(), String>> + Send + Sync>;

/// The body of `/readyz`.
#[derive(Clone, Debug, Serialize)]
pub(crate) struct Report {
    pub(crate) ready: bool,
    /// `ok` or the problem for each dependency.
    pub(crate) checks: BTreeMap<&'static str, String>,
}

/// Checks all dependencies. Cheap to clone.
#[derive(Clone)]
pub(crate) struct Readiness {
    checks: Arc<Vec<(&'static str, Check)>>,
    last: Arc<Mutex<Option<(Instant, Report)>>>,
    stopping: CancellationToken,
}

impl Readiness {
    /// Ready while all `checks` pass and `stopping` is not cancelled.
    pub(crate) fn new(checks: Vec<(&'static str, Check)>, stopping: CancellationToken) -> Self {
        Self {
            checks: Arc::new(checks),
            last: Arc::default(),
            stopping,
        }
    }

    /// Checks all dependencies concurrently, within two seconds.
    pub(crate) async fn report(&self) -> Report {
        if self.stopping.is_cancelled() {
            let stopping = "stopping: finishing requests in progress, accepting no new ones";
            return Report {
                ready: false,
                checks: BTreeMap::from([("gateway", stopping.to_owned())]),
            };
        }
        if let Some((at, report)) = &*self.last.lock().unwrap_or_else(PoisonError::into_inner)
            && at.elapsed() < CACHE_TIME
        {
            return report.clone();
        }
        let checks = self.checks.iter().map(async |(name, check)| {
            let result = timeout(CHECK_TIMEOUT, check())
                .await
                .unwrap_or_else(|_| Err("no answer within 2 s".to_owned()));
            (*name, result)
        });
        let results = join_all(checks).await;
        let report = Report {
            ready: results.iter().all(|(_, result)| result.is_ok()),
            checks: results
                .into_iter()
                .map(|(name, result)| (name, result.err().unwrap_or_else(|| "ok".to_owned())))
                .collect(),
        };
        *self.last.lock().unwrap_or_else(PoisonError::into_inner) =
            Some((Instant::now(), report.clone()));
        report
    }
}

/// Checks that a URL's port accepts connections. A request would invoke a function, which AWS
/// charges for.
pub(crate) fn tcp_check(url: &Url) -> Check {
    let host = url.host_str().unwrap_or_default().to_owned();
    // `host_str` keeps the brackets of an IPv6 address, which the resolver doesn't take.
    let host = host.trim_matches(['[', ']']).to_owned();
    let port = url.port_or_known_default().unwrap_or(443);
    Arc::new(move || {
        let host = host.clone();
        Box::pin(async move {
            match TcpStream::connect((host.as_str(), port)).await {
                Ok(_) => Ok(()),
                Err(error) => Err(format!("cannot connect to {host}:{port}: {error}")),
            }
        })
    })
}

#[cfg(test)]
mod tests {
    use std::sync::atomic::{AtomicU32, Ordering};

    use super::*;

    fn check(result: Result<(), &'static str>) -> Check {
        Arc::new(move || Box::pin(async move { result.map_err(str::to_owned) }))
    }

    #[tokio::test(start_paused = true)]
    async fn a_dependency_that_is_down_makes_the_gateway_not_ready() {
        let stopping = CancellationToken::new();
        let hanging: Check = Arc::new(|| Box::pin(std::future::pending()));
        let checks = vec![
            ("a", check(Ok(()))),
            ("b", check(Err("down"))),
            ("c", hanging),
        ];
        let report = Readiness::new(checks, stopping).report().await;
        assert!(!report.ready);
        assert_eq!(report.checks["a"], "ok");
        assert_eq!(report.checks["b"], "down");
        assert_eq!(report.checks["c"], "no answer within 2 s");
    }

    #[tokio::test(start_paused = true)]
    async fn reports_are_cached() {
        let checked = Arc::new(AtomicU32::new(0));
        let counting: Check = {
            let checked = Arc::clone(&checked);
            Arc::new(move || {
                checked.fetch_add(1, Ordering::SeqCst);
                Box::pin(async { Ok(()) })
            })
        };
        let readiness = Readiness::new(vec![("a", counting)], CancellationToken::new());
        assert!(readiness.report().await.ready);
        assert!(readiness.report().await.ready);
        assert_eq!(checked.load(Ordering::SeqCst), 1);
        tokio::time::advance(CACHE_TIME).await;
        assert!(readiness.report().await.ready);
        assert_eq!(checked.load(Ordering::SeqCst), 2);
    }

    #[tokio::test]
    async fn a_stopping_gateway_is_not_ready() {
        let stopping = CancellationToken::new();
        let readiness = Readiness::new(vec![("a", check(Ok(())))], stopping.clone());
        stopping.cancel();
        assert!(!readiness.report().await.ready);
    }

    #[tokio::test]
    async fn a_closed_port_is_reported() {
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
        let url: Url = format!("http://{}", listener.local_addr().unwrap())
            .parse()
            .unwrap();
        assert_eq!(tcp_check(&url)().await, Ok(()));
        drop(listener);
        assert!(
            tcp_check(&url)()
                .await
                .unwrap_err()
                .contains("cannot connect")
        );
    }
}
