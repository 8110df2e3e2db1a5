//! gRPC and gRPC-Web: the contract's operations, server reflection and health checks.

pub(crate) mod client;
pub(crate) mod codec;
mod content_type;
pub(crate) mod deadline;
mod reflection;
pub(crate) mod service;
pub(crate) mod status;
mod web_text;

use std::{any::Any, collections::BTreeSet};

use axum::{
    Router,
    body::Body,
    middleware::{from_fn, map_response},
    response::Response,
};
use futures::stream;
use http::{HeaderMap, header::CONTENT_TYPE};
use http_body_util::{BodyExt as _, StreamBody};
use hyper::body::Frame;
use prost_reflect::DescriptorError;
use tokio_util::sync::CancellationToken;
use tonic::{Status, service::Routes};
use tonic_health::{ServingStatus, server::HealthReporter};
use tonic_web::GrpcWebLayer;
use tower_http::{catch_panic::CatchPanicLayer, cors::CorsLayer};
use trichrome_proto::contract::OPERATIONS;

use self::{reflection::Reflection, service::Operations};
use crate::{call::fault::internal, http::head};

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
) -> Result<(Router, Health), DescriptorError> {
    let (reporter, health) = tonic_health::server::health_reporter();
    let reporter = Health(reporter);
    reporter.set(ServingStatus::Serving).await;

    let reflection = Reflection::new()?;
    let router = Routes::new(health)
        .add_service(reflection.v1())
        .add_service(reflection.v1alpha())
        .into_axum_router()
        .layer(from_fn(head::check_grpc))
        .layer(map_response(move |response| {
            std::future::ready(end_at(stop.clone(), response))
        }))
        .fallback(async move |request| operations.clone().serve(request).await)
        .layer(CatchPanicLayer::custom(panicked))
        .layer(GrpcWebLayer::new())
        .layer(from_fn(content_type::normalize))
        .layer(cors);
    Ok((router, reporter))
}

/// Ends a response's body at `stop`, with a status. A health watch never ends by itself.
fn end_at(stop: CancellationToken, response: Response) -> Response {
    response.map(|body| {
        // A response without messages has its status in the headers, which then end the stream. A
        // stream of no frames would end it with an empty DATA frame instead, and grpc-core takes
        // that for a response without a status.
        if http_body::Body::is_end_stream(&body) {
            return body;
        }
        let frames = stream::unfold(Some(body), move |body| {
            let stop = stop.clone();
            async move {
                let mut body = body?;
                tokio::select! {
                    biased;
                    frame = body.frame() => Some((frame?, Some(body))),
                    () = stop.cancelled() => Some((Ok(Frame::trailers(stopping())), None)),
                }
            }
        });
        Body::new(StreamBody::new(frames))
    })
}

/// The trailers of a stream that the shutdown ends.
fn stopping() -> HeaderMap {
    let status = Status::unavailable("the gateway is stopping; try again");
    let (mut parts, ()) = status.into_http().into_parts();
    parts.headers.remove(CONTENT_TYPE);
    parts.headers
}

/// Turns a panic into an error of its call, so that the connection's other calls go on.
fn panicked(_: Box<dyn Any + Send + 'static>) -> Response<tonic::body::Body> {
    status::without_call(&internal()).into_http()
}

#[cfg(test)]
pub(crate) mod tests;
