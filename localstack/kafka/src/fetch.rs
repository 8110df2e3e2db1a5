//! Reading records.
//!
//! Ours instead of Tansu's, which sleeps out the client's whole `fetch.wait.max.ms` even
//! when records are there. This one answers as soon as there is something to answer.

use std::time::Duration;

use rama::{Context, Service};
use tansu_sans_io::{
    ErrorCode, FetchRequest, FetchResponse, NULL_TOPIC_ID,
    fetch_request::{FetchPartition, FetchTopic},
    fetch_response::{FetchableTopicResponse, PartitionData},
    record::deflated::Frame,
};
use tansu_storage::{Error, TopicId};
use tokio::time::{Instant, timeout_at};
use uuid::Uuid;

use crate::store::{Store, lock};

/// What one answer holds at most when the client does not say, in bytes.
const DEFAULT_MAX_BYTES: u64 = 50 * 1024 * 1024;

/// Answers [`FetchRequest`].
#[derive(Clone, Copy, Debug)]
pub struct Fetch;

/// One look at all the partitions that were asked for.
struct Look {
    topics: Vec<FetchableTopicResponse>,
    bytes: u64,
    failed: bool,
}

impl Service<Store, FetchRequest> for Fetch {
    type Response = FetchResponse;
    type Error = Error;

    async fn serve(
        &self,
        context: Context<Store>,
        request: FetchRequest,
    ) -> Result<FetchResponse, Error> {
        let store = context.state();
        let wait = Duration::from_millis(request.max_wait_ms.try_into().unwrap_or_default());
        let deadline = Instant::now() + wait;
        let enough = request.min_bytes.try_into().unwrap_or_default();
        let topics = loop {
            // Listen first, look second: what is appended in between is not missed.
            let appended = store.appended().notified();
            tokio::pin!(appended);
            appended.as_mut().enable();
            let look = look(store, &request)?;
            if look.failed || look.bytes >= enough || timeout_at(deadline, appended).await.is_err()
            {
                break look.topics;
            }
        };
        Ok(FetchResponse::default()
            .throttle_time_ms(Some(0))
            .error_code(Some(ErrorCode::None.into()))
            .session_id(Some(0))
            .node_endpoints(Some(Vec::new()))
            .responses(Some(topics)))
    }
}

fn look(store: &Store, request: &FetchRequest) -> Result<Look, Error> {
    let max = request
        .max_bytes
        .and_then(|bytes| u64::try_from(bytes).ok());
    let max = max.unwrap_or(DEFAULT_MAX_BYTES);
    let mut look = Look {
        topics: Vec::new(),
        bytes: 0,
        failed: false,
    };
    for wanted in request.topics.iter().flatten() {
        let id = topic_id(wanted);
        let name = store.topic(&id).map(|(name, _)| name);
        let mut partitions = Vec::new();
        for partition in wanted.partitions.iter().flatten() {
            let log = name
                .as_deref()
                .and_then(|name| store.log(name, partition.partition));
            partitions.push(match log {
                Some(log) => {
                    let room = max.saturating_sub(look.bytes);
                    read(&lock(&log), partition, room, &mut look)?
                }
                None => failure(
                    &mut look,
                    partition,
                    match id {
                        TopicId::Name(_) => ErrorCode::UnknownTopicOrPartition,
                        TopicId::Id(_) => ErrorCode::UnknownTopicId,
                    },
                ),
            });
        }
        look.topics.push(
            FetchableTopicResponse::default()
                .topic(wanted.topic.clone())
                .topic_id(wanted.topic_id)
                .partitions(Some(partitions)),
        );
    }
    Ok(look)
}

/// Newer requests name a topic by its id, older ones by its name.
fn topic_id(wanted: &FetchTopic) -> TopicId {
    match wanted.topic_id {
        Some(id) if id != NULL_TOPIC_ID => TopicId::Id(Uuid::from_bytes(id)),
        _ => TopicId::Name(wanted.topic.clone().unwrap_or_default()),
    }
}

fn read(
    log: &crate::log::Log,
    wanted: &FetchPartition,
    room: u64,
    look: &mut Look,
) -> Result<PartitionData, Error> {
    let offset = wanted.fetch_offset;
    if offset < log.start() || offset > log.next() {
        return Ok(failure(look, wanted, ErrorCode::OffsetOutOfRange));
    }
    // Once the answer is full the other partitions wait for the next one; the first record
    // goes out however large it is, or its consumer would stand still for ever.
    let full = look.bytes > 0 && room == 0;
    let batches = if full {
        Vec::new()
    } else {
        let limit = wanted.partition_max_bytes.try_into().unwrap_or(0);
        log.read(offset, room.min(limit))?
    };
    look.bytes += batches
        .iter()
        .map(|batch| batch.record_data.len() as u64)
        .sum::<u64>();
    Ok(partition(wanted, ErrorCode::None)
        .high_watermark(log.next())
        .last_stable_offset(Some(log.next()))
        .log_start_offset(Some(log.start()))
        .records((!batches.is_empty()).then_some(Frame { batches })))
}

fn failure(look: &mut Look, wanted: &FetchPartition, code: ErrorCode) -> PartitionData {
    look.failed = true;
    partition(wanted, code)
        .high_watermark(-1)
        .last_stable_offset(Some(-1))
        .log_start_offset(Some(-1))
}

fn partition(wanted: &FetchPartition, code: ErrorCode) -> PartitionData {
    PartitionData::default()
        .partition_index(wanted.partition)
        .error_code(code.into())
        .aborted_transactions(Some(Vec::new()))
        .preferred_read_replica(Some(-1))
}
