//! gRPC and gRPC-Web: the contract's operations, server reflection and health checks.

pub(crate) mod client;
pub(crate) mod codec;
pub(crate) mod deadline;
pub(crate) mod service;
pub(crate) mod status;

use std::{any::Any, collections::BTreeSet};

use axum::{Router, body::Body, response::Response};
use futures::{StreamExt as _, stream};
use http_body_util::{BodyExt as _, StreamBody};
use tokio_util::sync::CancellationToken;
use tonic::service::Routes;
use tonic_health::{ServingStatus, pb::FILE_DESCRIPTOR_SET as HEALTH, server::HealthReporter};
use tonic_reflection::server::Builder as Reflection;
use tonic_web::GrpcWebLayer;
use tower_http::{catch_panic::CatchPanicLayer, cors::CorsLayer};
use trichrome_proto::{contract::OPERATIONS, reflect::FILE_DESCRIPTOR_SET};

use self::service::Operations;
use crate::call::fault::internal;

/// The health of each service, as reported by gRPC's health checks.
#[derive(Clone)]
pub(crate) struct Health(HealthReporter);

impl Health {
    /// Makes clients and load balancers send their calls elsewhere.
    pub(crate) async fn set_not_serving(&self) {
        self.set(ServingStatus::NotServing).await;
    }

    async fn set(&self, status: ServingStatus) {
        for service in services() {
            self.0.set_service_status(service, status).await;
        }
        // The empty name stands for the whole server.
        self.0.set_service_status("", status).await;
    }
}

fn services() -> BTreeSet<&'static str> {
    OPERATIONS
        .iter()
        .map(|operation| operation.grpc_service)
        .collect()
}

/// All routes of the gRPC port, with `cors` for gRPC-Web. `stop` ends streams, which would
/// otherwise outlast the drain.
///
/// # Errors
///
/// The contract's descriptors cannot be decoded; a test makes sure that they can.
pub(crate) async fn router(
    operations: Operations,
    cors: CorsLayer,
    stop: CancellationToken,
) -> Result<(Router, Health), tonic_reflection::server::Error> {
    let (reporter, health) = tonic_health::server::health_reporter();
    let reporter = Health(reporter);
    reporter.set(ServingStatus::Serving).await;

    let reflection = || {
        Reflection::configure()
            .register_encoded_file_descriptor_set(FILE_DESCRIPTOR_SET)
            .register_encoded_file_descriptor_set(HEALTH)
    };
    let router = Routes::new(health)
        .add_service(reflection().build_v1()?)
        .add_service(reflection().build_v1alpha()?)
        .into_axum_router()
        .layer(axum::middleware::map_response(move |response| {
            std::future::ready(end_at(stop.clone(), response))
        }))
        .fallback(async move |request| operations.clone().serve(request).await)
        .layer(CatchPanicLayer::custom(panicked))
        .layer(GrpcWebLayer::new())
        .layer(cors);
    Ok((router, reporter))
}

/// Ends a response's body at `stop`. A health watch never ends by itself.
fn end_at(stop: CancellationToken, response: Response) -> Response {
    response.map(|body| {
        let frames = stream::unfold(body, async |mut body| Some((body.frame().await?, body)));
        let frames = Box::pin(frames).take_until(stop.cancelled_owned());
        Body::new(StreamBody::new(frames))
    })
}

/// Turns a panic into an error of its call, so that the connection's other calls go on.
fn panicked(_: Box<dyn Any + Send + 'static>) -> Response<tonic::body::Body> {
    status::without_call(&internal()).into_http()
}

#[cfg(test)]
pub(crate) mod tests;
