//! Calls to AWS services as spans, by OpenTelemetry's conventions for AWS SDKs and databases.

use aws_smithy_runtime_api::{
    box_error::BoxError,
    client::{
        interceptors::{
            Intercept,
            context::{BeforeSerializationInterceptorContextRef, FinalizerInterceptorContextRef},
        },
        orchestrator::Metadata,
        runtime_components::RuntimeComponents,
    },
};
use aws_smithy_types::config_bag::{ConfigBag, Storable, StoreReplace};
use tracing::{Span, info_span};
use trichrome_telemetry as telemetry;

/// Headers with the id that a service gave a request.
const REQUEST_IDS: [&str; 2] = ["x-amzn-requestid", "x-amz-request-id"];

/// An interceptor that records a span of every call of a client.
#[derive(Clone, Debug)]
pub struct AwsSpans(Resource);

/// The resource that a client uses.
#[derive(Clone, Debug)]
enum Resource {
    Table(String),
    Bucket(String),
    Other,
}

impl AwsSpans {
    /// For a client of DynamoDB that uses one table.
    pub fn table(name: &str) -> Self {
        Self(Resource::Table(name.to_owned()))
    }

    /// For a client of S3 that uses one bucket.
    pub fn bucket(name: &str) -> Self {
        Self(Resource::Bucket(name.to_owned()))
    }

    /// For a client of any other service.
    pub fn other() -> Self {
        Self(Resource::Other)
    }

    fn span(&self, service: &str, operation: &str) -> Span {
        let span = info_span!(
            "aws",
            otel.kind = "client",
            otel.name = format!("{service}.{operation}"),
            rpc.system.name = "aws-api",
            rpc.method = format!("{service}/{operation}"),
        );
        match &self.0 {
            Resource::Table(table) => {
                telemetry::set(&span, "db.system.name", "aws.dynamodb");
                telemetry::set(&span, "db.operation.name", operation.to_owned());
                telemetry::set(&span, "db.collection.name", table.clone());
                telemetry::set_list(&span, "aws.dynamodb.table_names", vec![table.clone()]);
            }
            Resource::Bucket(bucket) => telemetry::set(&span, "aws.s3.bucket", bucket.clone()),
            Resource::Other => {}
        }
        span
    }
}

/// A call in progress.
#[derive(Clone, Debug)]
struct ActiveCall {
    span: Span,
    /// The span's name.
    name: String,
    /// How many attempts have ended.
    attempts: u32,
    /// How the last failed attempt failed.
    failure: Option<String>,
}

impl Storable for ActiveCall {
    type Storer = StoreReplace<Self>;
}

/// How an attempt or a call failed: a status, or one of a few words.
fn failure(context: &FinalizerInterceptorContextRef<'_>) -> Option<String> {
    let Some(Err(error)) = context.output_or_error() else {
        return None;
    };
    let status = context.response().map(|it| it.status().as_u16());
    Some(match status {
        Some(status) if status >= 400 => status.to_string(),
        _ if error.is_timeout_error() => "timeout".to_owned(),
        _ => "no_answer".to_owned(),
    })
}

impl Intercept for AwsSpans {
    fn name(&self) -> &'static str {
        "AwsSpans"
    }

    // The first hook at which the operation is known: earlier ones run before the operation's
    // own settings are loaded.
    fn read_before_serialization(
        &self,
        _: &BeforeSerializationInterceptorContextRef<'_>,
        _: &RuntimeComponents,
        cfg: &mut ConfigBag,
    ) -> Result<(), BoxError> {
        if let Some(call) = cfg.load::<Metadata>() {
            let active = ActiveCall {
                span: self.span(call.service(), call.name()),
                name: format!("{}.{}", call.service(), call.name()),
                attempts: 0,
                failure: None,
            };
            cfg.interceptor_state().store_put(active);
        }
        Ok(())
    }

    fn read_after_attempt(
        &self,
        context: &FinalizerInterceptorContextRef<'_>,
        _: &RuntimeComponents,
        cfg: &mut ConfigBag,
    ) -> Result<(), BoxError> {
        if let Some(mut active) = cfg.load::<ActiveCall>().cloned() {
            active.attempts += 1;
            active.failure = failure(context).or(active.failure);
            cfg.interceptor_state().store_put(active);
        }
        Ok(())
    }

    fn read_after_execution(
        &self,
        context: &FinalizerInterceptorContextRef<'_>,
        _: &RuntimeComponents,
        cfg: &mut ConfigBag,
    ) -> Result<(), BoxError> {
        let Some(mut active) = cfg.load::<ActiveCall>().cloned() else {
            return Ok(());
        };
        // End the span here, not when the SDK drops its state.
        let span = std::mem::replace(&mut active.span, Span::none());
        cfg.interceptor_state().store_put(active.clone());
        if let Some(response) = context.response() {
            let headers = response.headers();
            if let Some(id) = REQUEST_IDS.iter().find_map(|name| headers.get(name)) {
                telemetry::set(&span, "aws.request_id", id.to_owned());
            }
            let status = response.status().as_u16();
            telemetry::set(&span, "http.response.status_code", i64::from(status));
        }
        if active.attempts > 1 {
            let resent = i64::from(active.attempts - 1);
            telemetry::set(&span, "http.request.resend_count", resent);
            span.in_scope(|| {
                tracing::warn!(
                    call = active.name,
                    attempts = active.attempts,
                    error = active.failure,
                    "a call was retried"
                );
            });
        }
        if let Some(kind) = failure(context) {
            telemetry::failed(&span, kind);
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use std::{
        sync::{Arc, Mutex},
        time::Duration,
    };

    use aws_sdk_dynamodb::{Client, config::retry::RetryConfig};
    use aws_smithy_http_client::test_util::{ReplayEvent, StaticReplayClient};
    use aws_smithy_types::body::SdkBody;
    use http::{Request, Response};
    use tracing::{
        Event, Subscriber,
        field::{Field, Visit},
        span::{Attributes, Id},
    };
    use tracing_subscriber::{Layer, Registry, layer::Context, layer::SubscriberExt as _};

    use super::*;
    use crate::testing::config;

    /// Records the names of spans, and the attempts and errors of log lines.
    #[derive(Clone, Default)]
    struct Names(Arc<Mutex<Vec<String>>>);

    impl<S: Subscriber> Layer<S> for Names {
        fn on_new_span(&self, attributes: &Attributes<'_>, _: &Id, _: Context<'_, S>) {
            attributes.record(&mut self.clone());
        }

        fn on_event(&self, event: &Event<'_>, _: Context<'_, S>) {
            if event.metadata().target().starts_with("trichrome") {
                event.record(&mut self.clone());
            }
        }
    }

    impl Visit for Names {
        fn record_str(&mut self, field: &Field, value: &str) {
            if ["otel.name", "attempts", "error"].contains(&field.name()) {
                self.0.lock().unwrap().push(value.to_owned());
            }
        }

        fn record_debug(&mut self, field: &Field, value: &dyn std::fmt::Debug) {
            self.record_str(field, &format!("{value:?}"));
        }
    }

    /// What is recorded of a call whose attempts get these statuses.
    async fn recorded(statuses: &[u16]) -> Vec<String> {
        let names = Names::default();
        let _guard = tracing::subscriber::set_default(Registry::default().with(names.clone()));
        let answer = |status: &u16| {
            let answer = Response::builder().status(*status);
            ReplayEvent::new(
                Request::new(SdkBody::empty()),
                answer.body(SdkBody::from("{}")).unwrap(),
            )
        };
        let retries = RetryConfig::standard().with_initial_backoff(Duration::from_millis(1));
        let config = config()
            .http_client(StaticReplayClient::new(
                statuses.iter().map(answer).collect(),
            ))
            .retry_config(retries)
            .interceptor(AwsSpans::other())
            .build();
        let sent = Client::from_conf(config).list_tables().send().await;
        sent.unwrap();
        let mut recorded = names.0.lock().unwrap().clone();
        // Ignore the SDK's own spans.
        recorded.retain(|it| it == "DynamoDB.ListTables" || it.parse::<u32>().is_ok());
        recorded
    }

    #[tokio::test]
    async fn a_call_is_one_span_named_after_service_and_operation() {
        assert_eq!(recorded(&[200]).await, ["DynamoDB.ListTables"]);
    }

    #[tokio::test]
    async fn retries_are_logged_once() {
        let recorded = recorded(&[503, 500, 200]).await;
        assert_eq!(recorded, ["DynamoDB.ListTables", "3", "500"]);
    }
}
