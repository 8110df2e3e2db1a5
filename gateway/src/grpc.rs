//! gRPC and gRPC-Web: the contract's operations, server reflection and health.

pub(crate) mod client;
pub(crate) mod codec;
pub(crate) mod deadline;
pub(crate) mod service;
pub(crate) mod status;

use std::{any::Any, collections::BTreeSet};

use axum::{Router, body::Body, response::Response};
use futures::{StreamExt as _, stream};
use http::HeaderValue;
use http_body_util::{BodyExt as _, StreamBody};
use tokio_util::sync::CancellationToken;
use tonic::service::Routes;
use tonic_health::{ServingStatus, pb::FILE_DESCRIPTOR_SET as HEALTH, server::HealthReporter};
use tonic_reflection::server::Builder as Reflection;
use tonic_web::GrpcWebLayer;
use tower_http::catch_panic::CatchPanicLayer;
use trichrome_proto::{contract::OPERATIONS, reflect::FILE_DESCRIPTOR_SET};

use crate::{call::fault::internal, http::cors};
use service::Operations;

/// Says whether each service is served; [`Health::stopping`] before a drain.
#[derive(Clone)]
pub(crate) struct Health(HealthReporter);

impl Health {
    /// Tells clients and load balancers to take their calls elsewhere.
    pub(crate) async fn stopping(&self) {
        self.set(ServingStatus::NotServing).await;
    }

    async fn set(&self, status: ServingStatus) {
        for service in services() {
            self.0.set_service_status(service, status).await;
        }
        // The empty name is the server as a whole.
        self.0.set_service_status("", status).await;
    }
}

fn services() -> BTreeSet<&'static str> {
    OPERATIONS
        .iter()
        .map(|operation| operation.grpc_service)
        .collect()
}

/// Everything on the gRPC port. `stop` ends streams, which would outlast any drain.
///
/// # Errors
///
/// The contract's descriptors do not decode: not seen, a test serves them.
pub(crate) async fn router(
    operations: Operations,
    origins: &[HeaderValue],
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
            std::future::ready(until(stop.clone(), response))
        }))
        .fallback(async move |request| operations.clone().serve(request).await)
        .layer(CatchPanicLayer::custom(panicked))
        .layer(GrpcWebLayer::new())
        .layer(cors::grpc(origins));
    Ok((router, reporter))
}

/// Ends a response's body at `stop`: a health watch never ends by itself.
fn until(stop: CancellationToken, response: Response) -> Response {
    response.map(|body| {
        let frames = stream::unfold(body, async |mut body| Some((body.frame().await?, body)));
        let frames = Box::pin(frames).take_until(stop.cancelled_owned());
        Body::new(StreamBody::new(frames))
    })
}

/// A bug in one call is that call's error, and not the end of its connection's others.
fn panicked(_: Box<dyn Any + Send + 'static>) -> Response<tonic::body::Body> {
    status::without_call(&internal()).into_http()
}

#[cfg(test)]
pub(crate) mod tests;
