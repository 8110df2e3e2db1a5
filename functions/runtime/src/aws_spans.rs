//! Calls of AWS services as spans, by OpenTelemetry's conventions for AWS's SDK, and for
//! databases where it is one.

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

/// Headers in which services name a request.
const REQUEST_IDS: [&str; 2] = ["x-amzn-requestid", "x-amz-request-id"];

/// Makes a span of every call of one client: to be set as its interceptor.
#[derive(Clone, Debug)]
pub struct AwsSpans(Resource);

/// What a client's calls are about.
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

/// A call that is under way.
#[derive(Clone, Debug)]
struct UnderWay {
    span: Span,
    /// Which call it is, as in its span's name.
    call: String,
    /// Those that have ended.
    attempts: u32,
    /// How the last of them failed that did.
    failure: Option<String>,
}

impl Storable for UnderWay {
    type Storer = StoreReplace<Self>;
}

/// How an attempt or a call failed, by a word from a small set.
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

    // The first hook at which the SDK says which operation this is: a client's interceptors
    // are asked before the operation's own settings are there.
    fn read_before_serialization(
        &self,
        _: &BeforeSerializationInterceptorContextRef<'_>,
        _: &RuntimeComponents,
        cfg: &mut ConfigBag,
    ) -> Result<(), BoxError> {
        if let Some(call) = cfg.load::<Metadata>() {
            let under_way = UnderWay {
                span: self.span(call.service(), call.name()),
                call: format!("{}.{}", call.service(), call.name()),
                attempts: 0,
                failure: None,
            };
            cfg.interceptor_state().store_put(under_way);
        }
        Ok(())
    }

    fn read_after_attempt(
        &self,
        context: &FinalizerInterceptorContextRef<'_>,
        _: &RuntimeComponents,
        cfg: &mut ConfigBag,
    ) -> Result<(), BoxError> {
        if let Some(mut under_way) = cfg.load::<UnderWay>().cloned() {
            under_way.attempts += 1;
            under_way.failure = failure(context).or(under_way.failure);
            cfg.interceptor_state().store_put(under_way);
        }
        Ok(())
    }

    fn read_after_execution(
        &self,
        context: &FinalizerInterceptorContextRef<'_>,
        _: &RuntimeComponents,
        cfg: &mut ConfigBag,
    ) -> Result<(), BoxError> {
        let Some(mut under_way) = cfg.load::<UnderWay>().cloned() else {
            return Ok(());
        };
        // It ends here, and not when the SDK lets go of its state.
        let span = std::mem::replace(&mut under_way.span, Span::none());
        cfg.interceptor_state().store_put(under_way.clone());
        if let Some(response) = context.response() {
            let headers = response.headers();
            if let Some(id) = REQUEST_IDS.iter().find_map(|name| headers.get(name)) {
                telemetry::set(&span, "aws.request_id", id.to_owned());
            }
            let status = response.status().as_u16();
            telemetry::set(&span, "http.response.status_code", i64::from(status));
        }
        if under_way.attempts > 1 {
            let resent = i64::from(under_way.attempts - 1);
            telemetry::set(&span, "http.request.resend_count", resent);
            span.in_scope(|| {
                tracing::warn!(
                    call = under_way.call,
                    attempts = under_way.attempts,
                    error = under_way.failure,
                    "tried more than once"
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

    use aws_sdk_lambda::{
        Client,
        config::{BehaviorVersion, Credentials, Region, retry::RetryConfig},
    };
    use aws_smithy_http_client::test_util::{ReplayEvent, StaticReplayClient};
    use aws_smithy_types::body::SdkBody;
    use lambda_http::http::{Request, Response};
    use tracing::{
        Event, Subscriber,
        field::{Field, Visit},
        span::{Attributes, Id},
    };
    use tracing_subscriber::{Layer, Registry, layer::Context, layer::SubscriberExt as _};

    use super::*;

    /// Keeps the names of spans, and how often a call was tried that a line tells of.
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

    /// What is told of a call that is answered with these statuses, one after the other.
    async fn told(statuses: &[u16]) -> Vec<String> {
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
        let config = aws_sdk_lambda::Config::builder()
            .behavior_version(BehaviorVersion::latest())
            .region(Region::new("us-east-1"))
            .credentials_provider(Credentials::new("id", "secret", None, None, "test"))
            .http_client(StaticReplayClient::new(
                statuses.iter().map(answer).collect(),
            ))
            .retry_config(retries)
            .interceptor(AwsSpans::other())
            .build();
        let invoke = Client::from_conf(config).invoke().function_name("f");
        invoke.send().await.unwrap();
        let mut told = names.0.lock().unwrap().clone();
        // The SDK has spans too, under names of its own.
        told.retain(|it| it == "Lambda.Invoke" || it.parse::<u32>().is_ok());
        told
    }

    #[tokio::test]
    async fn a_call_is_one_span_by_its_services_and_operations_names() {
        assert_eq!(told(&[200]).await, ["Lambda.Invoke"]);
    }

    #[tokio::test]
    async fn a_call_that_was_tried_again_says_so_once() {
        let told = told(&[503, 500, 200]).await;
        assert_eq!(told, ["Lambda.Invoke", "3", "500"]);
    }
}
