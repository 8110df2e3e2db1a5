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

/// A call's span, while it is under way.
#[derive(Debug)]
struct UnderWay(Span);

impl Storable for UnderWay {
    type Storer = StoreReplace<Self>;
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
            let span = self.span(call.service(), call.name());
            cfg.interceptor_state().store_put(UnderWay(span));
        }
        Ok(())
    }

    fn read_after_execution(
        &self,
        context: &FinalizerInterceptorContextRef<'_>,
        _: &RuntimeComponents,
        cfg: &mut ConfigBag,
    ) -> Result<(), BoxError> {
        let Some(UnderWay(span)) = cfg.load::<UnderWay>() else {
            return Ok(());
        };
        let response = context.response();
        let status = response.map(|response| response.status().as_u16());
        if let Some(response) = response {
            let headers = response.headers();
            if let Some(id) = REQUEST_IDS.iter().find_map(|name| headers.get(name)) {
                telemetry::set(span, "aws.request_id", id.to_owned());
            }
        }
        if let Some(status) = status {
            telemetry::set(span, "http.response.status_code", i64::from(status));
        }
        if let Some(Err(error)) = context.output_or_error() {
            let kind = match status {
                Some(status) if status >= 400 => status.to_string(),
                _ if error.is_timeout_error() => "timeout".to_owned(),
                _ => "no_answer".to_owned(),
            };
            telemetry::failed(span, kind);
        }
        // It ends here, and not when the SDK lets go of its state.
        cfg.interceptor_state().store_put(UnderWay(Span::none()));
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use std::sync::{Arc, Mutex};

    use aws_sdk_lambda::{
        Client,
        config::{BehaviorVersion, Credentials, Region},
    };
    use aws_smithy_http_client::test_util::{ReplayEvent, StaticReplayClient};
    use aws_smithy_types::body::SdkBody;
    use lambda_http::http::{Request, Response};
    use tracing::{
        Subscriber,
        field::{Field, Visit},
        span::{Attributes, Id},
    };
    use tracing_subscriber::{Layer, Registry, layer::Context, layer::SubscriberExt as _};

    use super::*;

    /// Keeps the names of spans.
    #[derive(Clone, Default)]
    struct Names(Arc<Mutex<Vec<String>>>);

    impl<S: Subscriber> Layer<S> for Names {
        fn on_new_span(&self, attributes: &Attributes<'_>, _: &Id, _: Context<'_, S>) {
            attributes.record(&mut self.clone());
        }
    }

    impl Visit for Names {
        fn record_str(&mut self, field: &Field, value: &str) {
            if field.name() == "otel.name" {
                self.0.lock().unwrap().push(value.to_owned());
            }
        }

        fn record_debug(&mut self, field: &Field, value: &dyn std::fmt::Debug) {
            self.record_str(field, &format!("{value:?}"));
        }
    }

    #[tokio::test]
    async fn a_call_is_one_span_by_its_services_and_operations_names() {
        let names = Names::default();
        let _guard = tracing::subscriber::set_default(Registry::default().with(names.clone()));
        let event = ReplayEvent::new(
            Request::new(SdkBody::empty()),
            Response::new(SdkBody::from("{}")),
        );
        let config = aws_sdk_lambda::Config::builder()
            .behavior_version(BehaviorVersion::latest())
            .region(Region::new("us-east-1"))
            .credentials_provider(Credentials::new("id", "secret", None, None, "test"))
            .http_client(StaticReplayClient::new(vec![event]))
            .interceptor(AwsSpans::other())
            .build();
        let invoke = Client::from_conf(config).invoke().function_name("f");
        invoke.send().await.unwrap();
        let names = names.0.lock().unwrap();
        assert!(names.contains(&"Lambda.Invoke".to_owned()), "{names:?}");
    }
}
