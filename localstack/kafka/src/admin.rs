//! Creates, deletes and describes topics.

use kafka_protocol::{
    error::ResponseError,
    messages::{
        CreateTopicsRequest, CreateTopicsResponse, DeleteTopicsRequest, DeleteTopicsResponse,
        DescribeConfigsRequest, DescribeConfigsResponse, TopicName,
        create_topics_request::CreatableTopic,
        create_topics_response::CreatableTopicResult,
        delete_topics_request::DeleteTopicState,
        delete_topics_response::DeletableTopicResult,
        describe_configs_request::DescribeConfigsResource,
        describe_configs_response::{DescribeConfigsResourceResult, DescribeConfigsResult},
    },
};
use uuid::Uuid;

use crate::{
    broker::Broker,
    error::{Error, code},
    topics::Topic,
};

/// The resource type of topics.
const TOPIC: i8 = 2;
/// The source of a value that was set on the topic.
const TOPIC_CONFIG: i8 = 1;
/// The type of string values.
const TEXT: i8 = 2;
/// Requests the broker's default number of partitions or replicas (KIP-464).
const DEFAULT: i32 = -1;

/// Answers [`CreateTopicsRequest`].
pub(crate) fn create_topics(broker: &Broker, request: CreateTopicsRequest) -> CreateTopicsResponse {
    let topics = request.topics.into_iter().map(|topic| {
        let partitions = match topic.num_partitions {
            DEFAULT => 1,
            wanted => wanted,
        };
        let outcome = create(broker, &topic, partitions, request.validate_only);
        let message = match &outcome {
            Err(Error::Config(message)) => Some(message.clone().into()),
            _ => None,
        };
        CreatableTopicResult::default()
            .with_error_code(code(&outcome))
            .with_error_message(message)
            .with_topic_id(outcome.unwrap_or_default())
            .with_num_partitions(partitions)
            .with_replication_factor(1)
            .with_configs(Some(Vec::new()))
            .with_name(topic.name)
    });
    CreateTopicsResponse::default().with_topics(topics.collect())
}

fn create(
    broker: &Broker,
    topic: &CreatableTopic,
    partitions: i32,
    validate_only: bool,
) -> Result<Uuid, Error> {
    if !matches!(i32::from(topic.replication_factor), 1 | DEFAULT) {
        return Err(ResponseError::InvalidReplicationFactor.into());
    }
    let configs = topic.configs.iter().map(|entry| {
        let value = entry.value.as_ref().map(ToString::to_string);
        (entry.name.to_string(), value)
    });
    let description = Topic {
        id: Uuid::now_v7(),
        partitions,
        config: configs.collect(),
    };
    description.check().map_err(Error::Config)?;
    let id = description.id;
    broker
        .store()
        .create(&topic.name, description, validate_only)?;
    Ok(id)
}

/// Answers [`DeleteTopicsRequest`].
pub(crate) fn delete_topics(broker: &Broker, request: DeleteTopicsRequest) -> DeleteTopicsResponse {
    // Older requests have a list of names.
    let named = request
        .topic_names
        .into_iter()
        .map(|name| DeleteTopicState::default().with_name(Some(name)));
    let responses = named.chain(request.topics).map(|topic| {
        let (name, unknown) = match topic.name {
            Some(name) => (Some(name), ResponseError::UnknownTopicOrPartition),
            None => (
                broker
                    .store()
                    .topic_by_id(topic.topic_id)
                    .map(|(name, _)| TopicName(name.into())),
                ResponseError::UnknownTopicId,
            ),
        };
        let outcome = match &name {
            Some(name) => broker.store().delete(name),
            None => Err(unknown.into()),
        };
        DeletableTopicResult::default()
            .with_error_code(code(&outcome))
            .with_topic_id(topic.topic_id)
            .with_name(name)
    });
    DeleteTopicsResponse::default().with_responses(responses.collect())
}

/// Answers [`DescribeConfigsRequest`] with a topic's configuration; a broker has none.
pub(crate) fn describe_configs(
    broker: &Broker,
    request: DescribeConfigsRequest,
) -> DescribeConfigsResponse {
    let results = request
        .resources
        .into_iter()
        .map(|resource| described(broker, resource));
    DescribeConfigsResponse::default().with_results(results.collect())
}

fn described(broker: &Broker, resource: DescribeConfigsResource) -> DescribeConfigsResult {
    let result = DescribeConfigsResult::default().with_resource_type(resource.resource_type);
    let result = if resource.resource_type != TOPIC {
        result
    } else if let Some(topic) = broker.store().topic(&resource.resource_name) {
        let asked = resource.configuration_keys;
        let entries = topic
            .config
            .into_iter()
            .filter(|(name, _)| {
                asked
                    .as_ref()
                    .is_none_or(|keys| keys.iter().any(|key| **key == **name))
            })
            .map(|(name, value)| {
                DescribeConfigsResourceResult::default()
                    .with_name(name.into())
                    .with_value(value.map(Into::into))
                    .with_config_source(TOPIC_CONFIG)
                    .with_config_type(TEXT)
            });
        result.with_configs(entries.collect())
    } else {
        result.with_error_code(ResponseError::UnknownTopicOrPartition.code())
    };
    result.with_resource_name(resource.resource_name)
}
