//! Reads records. The response waits until there is enough data or the client's timeout is
//! over.

use std::time::Duration;

use bytes::Bytes;
use kafka_protocol::{
    error::ResponseError,
    messages::{
        BrokerId, FetchRequest, FetchResponse,
        fetch_request::{FetchPartition, FetchTopic},
        fetch_response::{FetchableTopicResponse, PartitionData},
    },
};
use tokio::time::{Instant, timeout_at};

use crate::{
    broker::Broker,
    error::Error,
    log::Log,
    store::{Store, lock},
};

/// Data read from all requested partitions.
#[derive(Default)]
struct Data {
    topics: Vec<FetchableTopicResponse>,
    bytes: u64,
    failed: bool,
}

/// Answers [`FetchRequest`]. Fetch sessions aren't supported.
pub(crate) async fn answer(broker: &Broker, request: FetchRequest) -> FetchResponse {
    let store = broker.store();
    let wait = Duration::from_millis(request.max_wait_ms.try_into().unwrap_or_default());
    let deadline = Instant::now() + wait;
    let enough = request.min_bytes.try_into().unwrap_or_default();
    let topics = loop {
        // Subscribe before reading, so that no append in between is missed.
        let appended = store.appended().notified();
        tokio::pin!(appended);
        appended.as_mut().enable();
        let found = read_all(store, &request);
        if found.failed || found.bytes >= enough || timeout_at(deadline, appended).await.is_err() {
            break found.topics;
        }
    };
    FetchResponse::default().with_responses(topics)
}

fn read_all(store: &Store, request: &FetchRequest) -> Data {
    let max = u64::try_from(request.max_bytes).unwrap_or_default();
    let mut found = Data::default();
    for wanted in &request.topics {
        let (name, unknown) = named(store, wanted);
        let partitions = wanted.partitions.iter().map(|partition| {
            let room = max.saturating_sub(found.bytes);
            let outcome = name
                .as_deref()
                .and_then(|name| store.log(name, partition.partition))
                .ok_or(Error::Refused(unknown))
                .and_then(|log| read(&lock(&log), partition, room, found.bytes == 0));
            match outcome {
                Ok(data) => {
                    found.bytes += data.records.as_ref().map_or(0, |it| it.len() as u64);
                    data
                }
                Err(error) => {
                    found.failed = true;
                    failure(partition, &error)
                }
            }
        });
        let response = FetchableTopicResponse::default()
            .with_partitions(partitions.collect())
            .with_topic(wanted.topic.clone())
            .with_topic_id(wanted.topic_id);
        found.topics.push(response);
    }
    found
}

/// The topic's name; newer requests have its id instead.
fn named(store: &Store, wanted: &FetchTopic) -> (Option<String>, ResponseError) {
    if wanted.topic_id.is_nil() {
        let name = wanted.topic.to_string();
        (Some(name), ResponseError::UnknownTopicOrPartition)
    } else {
        let found = store.topic_by_id(wanted.topic_id);
        (found.map(|(name, _)| name), ResponseError::UnknownTopicId)
    }
}

/// Reads one partition. If the response is empty so far (`first`), the first batch is returned
/// whatever its size; otherwise a large batch would block its consumer forever.
fn read(
    log: &Log,
    wanted: &FetchPartition,
    room: u64,
    first: bool,
) -> Result<PartitionData, Error> {
    let offset = wanted.fetch_offset;
    if offset < log.start() || offset > log.next() {
        return Err(ResponseError::OffsetOutOfRange.into());
    }
    let records = if first || room > 0 {
        let limit = wanted.partition_max_bytes.try_into().unwrap_or(0);
        log.read(offset, room.min(limit), first)?
    } else {
        Bytes::new()
    };
    Ok(data(wanted)
        .with_high_watermark(log.next())
        .with_last_stable_offset(log.next())
        .with_log_start_offset(log.start())
        .with_records(Some(records)))
}

fn failure(wanted: &FetchPartition, error: &Error) -> PartitionData {
    data(wanted)
        .with_error_code(error.code())
        .with_high_watermark(-1)
        .with_last_stable_offset(-1)
        .with_log_start_offset(-1)
        .with_records(Some(Bytes::new()))
}

fn data(wanted: &FetchPartition) -> PartitionData {
    PartitionData::default()
        .with_partition_index(wanted.partition)
        .with_aborted_transactions(Some(Vec::new()))
        .with_preferred_read_replica(BrokerId(-1))
}
