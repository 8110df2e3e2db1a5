//! Which topics there are, and that this broker leads them all.
//!
//! Ours instead of Tansu's because an unknown topic must be answered as unknown: a client
//! that asks before `prepare` has made the topics shall try again, not fail.

use rama::{Context, Service};
use tansu_sans_io::{
    ErrorCode, MetadataRequest, MetadataResponse, NULL_TOPIC_ID,
    metadata_response::{MetadataResponseBroker, MetadataResponsePartition, MetadataResponseTopic},
};
use tansu_storage::{Error, Storage as _, TopicId};

use crate::{store::Store, topics::Topic};

/// Kafka's "operations not asked for".
const NO_OPERATIONS: i32 = i32::MIN;

/// Answers [`MetadataRequest`].
#[derive(Clone, Copy, Debug)]
pub struct Metadata;

impl Service<Store, MetadataRequest> for Metadata {
    type Response = MetadataResponse;
    type Error = Error;

    async fn serve(
        &self,
        context: Context<Store>,
        request: MetadataRequest,
    ) -> Result<MetadataResponse, Error> {
        let store = context.state();
        let (node, listener) = (store.node().await?, store.advertised_listener().await?);
        let topics = match request.topics {
            None => store
                .topics()
                .into_iter()
                .map(|(name, topic)| known(name, &topic, node))
                .collect(),
            Some(wanted) => wanted
                .iter()
                .map(TopicId::from)
                .map(|id| match store.topic(&id) {
                    Some((name, topic)) => known(name, &topic, node),
                    None => unknown(id),
                })
                .collect(),
        };
        let broker = MetadataResponseBroker::default()
            .node_id(node)
            .host(listener.host_str().unwrap_or_default().to_owned())
            .port(listener.port().unwrap_or_default().into());
        Ok(MetadataResponse::default()
            .throttle_time_ms(Some(0))
            .brokers(Some(vec![broker]))
            .cluster_id(Some(store.cluster_id().await?))
            .controller_id(Some(node))
            .topics(Some(topics))
            .cluster_authorized_operations(Some(NO_OPERATIONS)))
    }
}

fn known(name: String, topic: &Topic, node: i32) -> MetadataResponseTopic {
    let partitions = (0..topic.partitions).map(|partition| {
        MetadataResponsePartition::default()
            .error_code(ErrorCode::None.into())
            .partition_index(partition)
            .leader_id(node)
            .leader_epoch(Some(0))
            .replica_nodes(Some(vec![node]))
            .isr_nodes(Some(vec![node]))
            .offline_replicas(Some(Vec::new()))
    });
    MetadataResponseTopic::default()
        .error_code(ErrorCode::None.into())
        .name(Some(name))
        .topic_id(Some(topic.id.into_bytes()))
        .is_internal(Some(false))
        .partitions(Some(partitions.collect()))
        .topic_authorized_operations(Some(NO_OPERATIONS))
}

fn unknown(id: TopicId) -> MetadataResponseTopic {
    let (code, name, id) = match id {
        TopicId::Name(name) => (
            ErrorCode::UnknownTopicOrPartition,
            Some(name),
            NULL_TOPIC_ID,
        ),
        TopicId::Id(id) => (ErrorCode::UnknownTopicId, None, id.into_bytes()),
    };
    MetadataResponseTopic::default()
        .error_code(code.into())
        .name(name)
        .topic_id(Some(id))
        .is_internal(Some(false))
        .partitions(Some(Vec::new()))
        .topic_authorized_operations(Some(NO_OPERATIONS))
}
