//! Decodes requests, calls their handlers and encodes the responses.

use std::net::SocketAddr;

use anyhow::{Context as _, Result, anyhow, bail, ensure};
use bytes::{BufMut as _, Bytes, BytesMut};
use kafka_protocol::{
    messages::{ApiKey, RequestHeader, ResponseHeader},
    protocol::{Decodable, Encodable, HeaderVersion, decode_request_header_from_buffer},
};

use crate::{
    admin, broker::Broker, fetch, groups::requests as groups, list_offsets, metadata, produce,
    sender::Sender, versions,
};

/// Key, version and correlation id.
const SHORTEST_HEADER: usize = 8;

/// A request.
struct Call {
    header: RequestHeader,
    body: Bytes,
}

impl Call {
    fn version(&self) -> i16 {
        self.header.request_api_version
    }

    fn request<R: Decodable>(&self) -> Result<R> {
        R::decode(&mut self.body.clone(), self.version())
    }

    fn response<R: Encodable + HeaderVersion>(&self, response: &R) -> Result<Option<Bytes>> {
        self.response_in(self.version(), response)
    }

    fn response_in<R: Encodable + HeaderVersion>(
        &self,
        version: i16,
        response: &R,
    ) -> Result<Option<Bytes>> {
        let header = ResponseHeader::default().with_correlation_id(self.header.correlation_id);
        let header_version = R::header_version(version);
        let length = header.compute_size(header_version)? + response.compute_size(version)?;
        let mut bytes = BytesMut::with_capacity(size_of::<i32>() + length);
        bytes.put_i32(length.try_into().context("the response exceeds 2 GiB")?);
        header.encode(&mut bytes, header_version)?;
        response.encode(&mut bytes, version)?;
        Ok(Some(bytes.freeze()))
    }
}

/// Serves a request; `None` if the client wants no response. An error closes the connection.
pub(crate) async fn answer(
    broker: &Broker,
    peer: SocketAddr,
    mut bytes: Bytes,
) -> Result<Option<Bytes>> {
    ensure!(bytes.len() >= SHORTEST_HEADER, "truncated request");
    let header = decode_request_header_from_buffer(&mut bytes)?;
    let key = ApiKey::try_from(header.request_api_key)
        .map_err(|()| anyhow!("unknown request {}", header.request_api_key))?;
    let sender = Sender {
        client: header.client_id.as_deref().unwrap_or_default().to_owned(),
        host: format!("/{}", peer.ip()),
    };
    let call = Call {
        header,
        body: bytes,
    };
    let version = call.version();
    if !versions::supported(key, version) {
        ensure!(
            key == ApiKey::ApiVersions,
            "{key:?} isn't supported in version {version}"
        );
        return call.response_in(0, &versions::refusal());
    }
    serve(broker, key, &sender, call)
        .await
        .with_context(|| format!("{key:?} version {version} of {:?}", sender.client))
}

async fn serve(broker: &Broker, key: ApiKey, sender: &Sender, call: Call) -> Result<Option<Bytes>> {
    let version = call.version();
    match key {
        ApiKey::ApiVersions => call.response(&versions::answer(&call.request()?)),
        ApiKey::Metadata => call.response(&metadata::answer(broker, call.request()?, version)),
        ApiKey::DescribeCluster => call.response(&metadata::cluster(broker, &call.request()?)),
        ApiKey::Produce => match produce::answer(broker, call.request()?) {
            Some(response) => call.response(&response),
            None => Ok(None),
        },
        ApiKey::InitProducerId => call.response(&produce::identify(broker, &call.request()?)),
        ApiKey::Fetch => call.response(&fetch::answer(broker, call.request()?).await),
        ApiKey::ListOffsets => call.response(&list_offsets::answer(broker, call.request()?)),
        ApiKey::CreateTopics => call.response(&admin::create_topics(broker, call.request()?)),
        ApiKey::DeleteTopics => call.response(&admin::delete_topics(broker, call.request()?)),
        ApiKey::DescribeConfigs => call.response(&admin::describe_configs(broker, call.request()?)),
        ApiKey::FindCoordinator => {
            call.response(&groups::find_coordinator(broker, call.request()?, version))
        }
        ApiKey::JoinGroup => {
            let response = groups::join(broker, call.request()?, version, sender).await;
            call.response(&response)
        }
        ApiKey::SyncGroup => call.response(&groups::sync(broker, call.request()?).await),
        ApiKey::Heartbeat => call.response(&groups::heartbeat(broker, &call.request()?)),
        ApiKey::ConsumerGroupHeartbeat => {
            call.response(&groups::refuse_heartbeat(&call.request()?))
        }
        ApiKey::LeaveGroup => call.response(&groups::leave(broker, &call.request()?)),
        ApiKey::OffsetCommit => call.response(&groups::commit(broker, call.request()?)),
        ApiKey::OffsetFetch => call.response(&groups::committed(broker, call.request()?)),
        ApiKey::ListGroups => call.response(&groups::list(broker, &call.request()?)),
        ApiKey::DescribeGroups => call.response(&groups::describe(broker, call.request()?)),
        ApiKey::DeleteGroups => call.response(&groups::delete(broker, call.request()?)),
        other => bail!("no handler for {other:?}"),
    }
}
