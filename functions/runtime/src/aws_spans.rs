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

    fn read_before_execution(
        &self,
        _: &BeforeSerializationInterceptorContextRef<'_>,
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
