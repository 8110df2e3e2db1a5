//! Describes the cluster and its topics.

use crate::{
    broker::{Broker, CLUSTER, NO_OPERATIONS, NODE},
    topics::Topic,
};
use kafka_protocol::{
    error::ResponseError,
    messages::{
        DescribeClusterRequest, DescribeClusterResponse, MetadataRequest, MetadataResponse,
        TopicName,
        describe_cluster_response::DescribeClusterBroker,
        metadata_request::MetadataRequestTopic,
        metadata_response::{
            MetadataResponseBroker, MetadataResponsePartition, MetadataResponseTopic,
        },
    },
};

/// Answers [`MetadataRequest`]. Topics aren't created automatically: clients that ask before
/// `prepare` has created them get an error and retry.
pub(crate) fn answer(broker: &Broker, request: MetadataRequest, version: i16) -> MetadataResponse {
    // In version 0, an empty list means all topics.
    let wanted = request
        .topics
        .filter(|topics| version > 0 || !topics.is_empty());
    let topics = match wanted {
        None => broker
            .store()
            .topics()
            .into_iter()
            .map(|(name, topic)| known(name, &topic))
            .collect(),
        Some(wanted) => wanted
            .into_iter()
            .map(|topic| described(broker, topic))
            .collect(),
    };
    let node = MetadataResponseBroker::default()
        .with_node_id(NODE)
        .with_host(broker.host().into())
        .with_port(broker.port());
    MetadataResponse::default()
        .with_brokers(vec![node])
        .with_cluster_id(Some(CLUSTER.into()))
        .with_controller_id(NODE)
        .with_topics(topics)
        .with_cluster_authorized_operations(NO_OPERATIONS)
}

/// Answers [`DescribeClusterRequest`].
pub(crate) fn cluster(
    broker: &Broker,
    request: &DescribeClusterRequest,
) -> DescribeClusterResponse {
    let node = DescribeClusterBroker::default()
        .with_broker_id(NODE)
        .with_host(broker.host().into())
        .with_port(broker.port());
    DescribeClusterResponse::default()
        .with_endpoint_type(request.endpoint_type)
        .with_cluster_id(CLUSTER.into())
        .with_controller_id(NODE)
        .with_brokers(vec![node])
        .with_cluster_authorized_operations(NO_OPERATIONS)
}

/// Describes a topic by name, or by id in newer requests.
fn described(broker: &Broker, wanted: MetadataRequestTopic) -> MetadataResponseTopic {
    let store = broker.store();
    let (found, error) = match &wanted.name {
        Some(name) => (
            store.topic(name).map(|topic| (name.to_string(), topic)),
            ResponseError::UnknownTopicOrPartition,
        ),
        None => (
            store.topic_by_id(wanted.topic_id),
            ResponseError::UnknownTopicId,
        ),
    };
    match found {
        Some((name, topic)) => known(name, &topic),
        None => MetadataResponseTopic::default()
            .with_error_code(error.code())
            // Versions without ids always have names.
            .with_name(wanted.name)
            .with_topic_id(wanted.topic_id)
            .with_topic_authorized_operations(NO_OPERATIONS),
    }
}

fn known(name: String, topic: &Topic) -> MetadataResponseTopic {
    let partitions = (0..topic.partitions).map(|partition| {
        MetadataResponsePartition::default()
            .with_partition_index(partition)
            .with_leader_id(NODE)
            .with_leader_epoch(0)
            .with_replica_nodes(vec![NODE])
            .with_isr_nodes(vec![NODE])
    });
    MetadataResponseTopic::default()
        .with_name(Some(TopicName(name.into())))
        .with_topic_id(topic.id)
        .with_partitions(partitions.collect())
        .with_topic_authorized_operations(NO_OPERATIONS)
}
