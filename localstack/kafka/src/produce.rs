//! Writes records.

use bytes::Bytes;
use kafka_protocol::messages::{
    InitProducerIdRequest, InitProducerIdResponse, ProduceRequest, ProduceResponse, ProducerId,
    produce_response::{PartitionProduceResponse, TopicProduceResponse},
};

use crate::{batch::Batch, broker::Broker, error::Error, groups::requests::TRANSACTION_REFUSED};

/// Answers [`ProduceRequest`]; `None` if the client wants no acknowledgement.
pub(crate) fn answer(broker: &Broker, request: ProduceRequest) -> Option<ProduceResponse> {
    let transactional = request.transactional_id.is_some();
    let responses = request.topic_data.into_iter().map(|topic| {
        let partitions = topic.partition_data.into_iter().map(|partition| {
            let (index, records) = (partition.index, partition.records.unwrap_or_default());
            let outcome = append(broker, transactional, &topic.name, index, records);
            written(index, outcome)
        });
        TopicProduceResponse::default()
            .with_partition_responses(partitions.collect())
            .with_name(topic.name.clone())
    });
    let responses = responses.collect();
    (request.acks != 0).then(|| ProduceResponse::default().with_responses(responses))
}

fn append(
    broker: &Broker,
    transactional: bool,
    topic: &str,
    partition: i32,
    records: Bytes,
) -> Result<(i64, i64), Error> {
    if transactional {
        return Err(TRANSACTION_REFUSED.into());
    }
    broker
        .store()
        .append(topic, partition, Batch::parse(records)?)
}

fn written(index: i32, outcome: Result<(i64, i64), Error>) -> PartitionProduceResponse {
    let response = PartitionProduceResponse::default()
        .with_index(index)
        .with_log_append_time_ms(-1);
    match outcome {
        Ok((offset, start)) => response
            .with_base_offset(offset)
            .with_log_start_offset(start),
        Err(error) => response
            .with_error_code(error.code())
            .with_base_offset(-1)
            .with_log_start_offset(-1),
    }
}

/// Answers [`InitProducerIdRequest`] with an id for an idempotent producer. Transactions
/// aren't supported.
pub(crate) fn identify(broker: &Broker, request: &InitProducerIdRequest) -> InitProducerIdResponse {
    if request.transactional_id.is_some() {
        return InitProducerIdResponse::default()
            .with_error_code(TRANSACTION_REFUSED.code())
            .with_producer_id(ProducerId(-1))
            .with_producer_epoch(-1);
    }
    InitProducerIdResponse::default()
        .with_producer_id(ProducerId(broker.store().new_producer()))
        .with_producer_epoch(0)
}
