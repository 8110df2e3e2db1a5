//! Looks up offsets by position or by time.

use kafka_protocol::{
    error::ResponseError,
    messages::{
        ListOffsetsRequest, ListOffsetsResponse,
        list_offsets_request::ListOffsetsPartition,
        list_offsets_response::{ListOffsetsPartitionResponse, ListOffsetsTopicResponse},
    },
};

use crate::{broker::Broker, log::Log, store::lock};

/// The next offset to be written.
const LATEST: i64 = -1;
/// The oldest record's offset.
const EARLIEST: i64 = -2;
/// The record with the latest timestamp (KIP-734).
const NEWEST: i64 = -3;

/// Answers [`ListOffsetsRequest`].
pub(crate) fn answer(broker: &Broker, request: ListOffsetsRequest) -> ListOffsetsResponse {
    let topics = request.topics.into_iter().map(|topic| {
        let partitions = topic.partitions.iter().map(|partition| {
            match broker.store().log(&topic.name, partition.partition_index) {
                Some(log) => found(partition, place(&lock(&log), partition.timestamp)),
                None => found(partition, (-1, -1))
                    .with_error_code(ResponseError::UnknownTopicOrPartition.code()),
            }
        });
        ListOffsetsTopicResponse::default()
            .with_partitions(partitions.collect())
            .with_name(topic.name.clone())
    });
    ListOffsetsResponse::default().with_topics(topics.collect())
}

/// Offset and timestamp, or -1 for none.
fn place(log: &Log, timestamp: i64) -> (i64, i64) {
    match timestamp {
        EARLIEST => (log.start(), -1),
        LATEST => (log.next(), -1),
        NEWEST => log.newest().unwrap_or((-1, -1)),
        since => log.at(since).unwrap_or((-1, -1)),
    }
}

fn found(
    wanted: &ListOffsetsPartition,
    (offset, timestamp): (i64, i64),
) -> ListOffsetsPartitionResponse {
    ListOffsetsPartitionResponse::default()
        .with_partition_index(wanted.partition_index)
        .with_timestamp(timestamp)
        .with_offset(offset)
}
