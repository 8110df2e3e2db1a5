//! Reading records: an answer as soon as there is enough, or at the end of the client's
//! patience.

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

/// One look at all the partitions that were asked for.
#[derive(Default)]
struct Look {
    topics: Vec<FetchableTopicResponse>,
    bytes: u64,
    failed: bool,
}

/// Answers [`FetchRequest`]. Every answer is a whole one: fetch sessions are not offered.
pub(crate) async fn answer(broker: &Broker, request: FetchRequest) -> FetchResponse {
    let store = broker.store();
    let wait = Duration::from_millis(request.max_wait_ms.try_into().unwrap_or_default());
    let deadline = Instant::now() + wait;
    let enough = request.min_bytes.try_into().unwrap_or_default();
    let topics = loop {
        // Listen first, look second: what is appended in between is not missed.
        let appended = store.appended().notified();
        tokio::pin!(appended);
        appended.as_mut().enable();
        let look = look(store, &request);
        if look.failed || look.bytes >= enough || timeout_at(deadline, appended).await.is_err() {
            break look.topics;
        }
    };
    FetchResponse::default().with_responses(topics)
}

fn look(store: &Store, request: &FetchRequest) -> Look {
    let max = u64::try_from(request.max_bytes).unwrap_or_default();
    let mut look = Look::default();
    for wanted in &request.topics {
        let (name, unknown) = named(store, wanted);
        let partitions = wanted.partitions.iter().map(|partition| {
            let room = max.saturating_sub(look.bytes);
            let outcome = name
                .as_deref()
                .and_then(|name| store.log(name, partition.partition))
                .ok_or(Error::Refused(unknown))
                .and_then(|log| read(&lock(&log), partition, room, look.bytes == 0));
            match outcome {
                Ok(data) => {
                    look.bytes += data.records.as_ref().map_or(0, |it| it.len() as u64);
                    data
                }
                Err(error) => {
                    look.failed = true;
                    failure(partition, &error)
                }
            }
        });
        let response = FetchableTopicResponse::default()
            .with_partitions(partitions.collect())
            .with_topic(wanted.topic.clone())
            .with_topic_id(wanted.topic_id);
        look.topics.push(response);
    }
    look
}

/// Newer requests name a topic by its id, older ones by its name.
fn named(store: &Store, wanted: &FetchTopic) -> (Option<String>, ResponseError) {
    if wanted.topic_id.is_nil() {
        let name = wanted.topic.to_string();
        (Some(name), ResponseError::UnknownTopicOrPartition)
    } else {
        let found = store.topic_by_id(wanted.topic_id);
        (found.map(|(name, _)| name), ResponseError::UnknownTopicId)
    }
}

/// `first`: nothing is in the answer yet, so the first record goes out however large it is,
/// or its consumer would stand still for ever.
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
