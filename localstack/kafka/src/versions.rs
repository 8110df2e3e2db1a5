//! Which requests the broker knows, in which versions: the first thing a client asks.
//!
//! Tansu's answer with what is optional in it left out, as Kafka leaves it out where there
//! is nothing to say: librdkafka before 2.1 stumbles over those fields (kcat has 2.0 on
//! Debian 12).

use rama::{Context, Service};
use tansu_broker::Error;
use tansu_sans_io::{ApiKey as _, ApiVersionsRequest, ApiVersionsResponse, Frame};
use tansu_service::FrameRouteService;

/// Hands requests to the routes, and trims that one answer.
#[derive(Clone, Debug)]
pub struct Versions(pub FrameRouteService<(), Error>);

impl Service<(), Frame> for Versions {
    type Response = Frame;
    type Error = Error;

    async fn serve(&self, context: Context<()>, request: Frame) -> Result<Frame, Error> {
        let asked = request.api_key()? == ApiVersionsRequest::KEY;
        let answer = self.0.serve(context, request).await?;
        if !asked {
            return Ok(answer);
        }
        let body = ApiVersionsResponse::try_from(answer.body)?
            .supported_features(None)
            .finalized_features_epoch(None)
            .finalized_features(None)
            .zk_migration_ready(None);
        Ok(Frame {
            body: body.into(),
            ..answer
        })
    }
}
