//! Kafka's requests about groups.

use std::time::Duration;

use kafka_protocol::{
    error::ResponseError,
    messages::{
        ConsumerGroupHeartbeatRequest, ConsumerGroupHeartbeatResponse, DeleteGroupsRequest,
        DeleteGroupsResponse, DescribeGroupsRequest, DescribeGroupsResponse,
        FindCoordinatorRequest, FindCoordinatorResponse, GroupId, HeartbeatRequest,
        HeartbeatResponse, JoinGroupRequest, JoinGroupResponse, LeaveGroupRequest,
        LeaveGroupResponse, ListGroupsRequest, ListGroupsResponse, OffsetCommitRequest,
        OffsetCommitResponse, OffsetFetchRequest, OffsetFetchResponse, SyncGroupRequest,
        SyncGroupResponse, TopicName,
        delete_groups_response::DeletableGroupResult,
        describe_groups_response::{DescribedGroup, DescribedGroupMember},
        find_coordinator_response::Coordinator,
        join_group_response::JoinGroupResponseMember,
        list_groups_response::ListedGroup,
        offset_commit_response::{OffsetCommitResponsePartition, OffsetCommitResponseTopic},
        offset_fetch_request::OffsetFetchRequestTopic,
        offset_fetch_response::{OffsetFetchResponsePartition, OffsetFetchResponseTopic},
    },
};

use super::{Description, Join, MemberDescription, Refused};
use crate::{
    broker::{Broker, NO_OPERATIONS, NODE},
    error::{Error, code},
    sender::Sender,
};

/// The key type of consumer groups; the other one is transactions.
const GROUP: i8 = 0;

/// The first version in which a new member joins twice, first to get an id (KIP-394).
const NEEDS_ID: i16 = 4;

/// The first version in which a request asks for several coordinators.
const COORDINATORS: i16 = 4;

/// The offset of a partition without a committed one.
const NOTHING: i64 = -1;

/// Why a transactional producer is refused.
pub(crate) const NO_TRANSACTIONS: &str =
    "the local broker has no transactions; `cargo xtask up --kafka apache` runs Apache Kafka";

/// The error for a transactional producer. It is the one that every client takes as fatal: after
/// others, librdkafka and Java look for a coordinator until they time out.
pub(crate) const TRANSACTION_REFUSED: ResponseError =
    ResponseError::TransactionalIdAuthorizationFailed;

/// Answers [`FindCoordinatorRequest`]: this broker, for any group.
pub(crate) fn find_coordinator(
    broker: &Broker,
    request: FindCoordinatorRequest,
    version: i16,
) -> FindCoordinatorResponse {
    let found = |key| {
        let coordinator = Coordinator::default().with_key(key);
        if request.key_type == GROUP {
            coordinator
                .with_node_id(NODE)
                .with_host(broker.host().into())
                .with_port(broker.port())
        } else {
            eprintln!("{:?} is refused: {NO_TRANSACTIONS}", coordinator.key);
            coordinator
                .with_error_code(TRANSACTION_REFUSED.code())
                .with_error_message(Some(NO_TRANSACTIONS.into()))
                .with_node_id((-1).into())
                .with_port(-1)
        }
    };
    if version < COORDINATORS {
        let one = found(request.key);
        return FindCoordinatorResponse::default()
            .with_error_code(one.error_code)
            .with_error_message(one.error_message)
            .with_node_id(one.node_id)
            .with_host(one.host)
            .with_port(one.port);
    }
    let all = request.coordinator_keys.into_iter().map(found);
    FindCoordinatorResponse::default().with_coordinators(all.collect())
}

/// A duration in milliseconds; negative numbers count as 0.
fn milliseconds(number: i32) -> Duration {
    Duration::from_millis(number.try_into().unwrap_or_default())
}

/// Answers [`JoinGroupRequest`].
pub(crate) async fn join(
    broker: &Broker,
    request: JoinGroupRequest,
    version: i16,
    sender: &Sender,
) -> JoinGroupResponse {
    let session = milliseconds(request.session_timeout_ms);
    let protocols = request
        .protocols
        .into_iter()
        .map(|protocol| (protocol.name.to_string(), protocol.metadata));
    let join = Join {
        member: request.member_id.to_string(),
        needs_id: version >= NEEDS_ID,
        session,
        // Version 0 has one timeout for both.
        rebalance: match request.rebalance_timeout_ms {
            -1 => session,
            wanted => milliseconds(wanted),
        },
        protocol_type: request.protocol_type.to_string(),
        protocols: protocols.collect(),
        client: sender.client.clone(),
        host: sender.host.clone(),
    };
    let outcome = if request.group_id.is_empty() {
        Err(ResponseError::InvalidGroupId.into())
    } else if let Some(instance) = &request.group_instance_id {
        // Of this error, Java's client says that group.instance.id must be unset.
        eprintln!(
            "group {:?}: the static member {instance:?} is refused: the local broker has no static \
             membership; unset group.instance.id",
            &*request.group_id
        );
        Err(ResponseError::UnsupportedVersion.into())
    } else {
        broker.groups().join(&request.group_id, join).await
    };
    match outcome {
        Ok(joined) => {
            let members = joined.members.into_iter().map(|(id, metadata)| {
                JoinGroupResponseMember::default()
                    .with_member_id(id.into())
                    .with_metadata(metadata)
            });
            JoinGroupResponse::default()
                .with_generation_id(joined.generation)
                .with_protocol_name(Some(joined.protocol.into()))
                .with_leader(joined.leader.into())
                .with_member_id(joined.member.into())
                .with_members(members.collect())
        }
        Err(Refused { error, member }) => JoinGroupResponse::default()
            .with_error_code(error.code())
            .with_generation_id(-1)
            .with_protocol_name(Some("".into()))
            .with_member_id(if member.is_empty() {
                request.member_id
            } else {
                member.into()
            }),
    }
}

/// Answers [`SyncGroupRequest`].
pub(crate) async fn sync(broker: &Broker, request: SyncGroupRequest) -> SyncGroupResponse {
    let assignments = request
        .assignments
        .into_iter()
        .map(|assignment| (assignment.member_id.to_string(), assignment.assignment));
    let outcome = broker
        .groups()
        .sync(
            &request.group_id,
            request.generation_id,
            &request.member_id,
            assignments.collect(),
        )
        .await;
    match outcome {
        Ok(assignment) => SyncGroupResponse::default().with_assignment(assignment),
        Err(error) => SyncGroupResponse::default().with_error_code(error.code()),
    }
}

/// Answers [`HeartbeatRequest`].
pub(crate) fn heartbeat(broker: &Broker, request: &HeartbeatRequest) -> HeartbeatResponse {
    let outcome =
        broker
            .groups()
            .heartbeat(&request.group_id, request.generation_id, &request.member_id);
    HeartbeatResponse::default().with_error_code(error_code(outcome))
}

/// Answers [`ConsumerGroupHeartbeatRequest`], the protocol of groups since Kafka 4 (KIP-848).
pub(crate) fn refuse_heartbeat(
    request: &ConsumerGroupHeartbeatRequest,
) -> ConsumerGroupHeartbeatResponse {
    const REASON: &str = "the local broker has classic groups only; unset group.protocol=consumer";
    eprintln!("group {:?} is refused: {REASON}", &*request.group_id);
    ConsumerGroupHeartbeatResponse::default()
        .with_error_code(ResponseError::UnsupportedVersion.code())
        .with_error_message(Some(REASON.into()))
}

/// Answers [`LeaveGroupRequest`].
pub(crate) fn leave(broker: &Broker, request: &LeaveGroupRequest) -> LeaveGroupResponse {
    let outcome = broker.groups().leave(&request.group_id, &request.member_id);
    LeaveGroupResponse::default().with_error_code(error_code(outcome))
}

fn error_code(outcome: Result<(), ResponseError>) -> i16 {
    outcome.err().map_or(0, |error| error.code())
}

/// Answers [`OffsetCommitRequest`].
pub(crate) fn commit(broker: &Broker, request: OffsetCommitRequest) -> OffsetCommitResponse {
    let (group, generation) = (&request.group_id, request.generation_id_or_member_epoch);
    let allowed = broker
        .groups()
        .check_commit(group, generation, &request.member_id);
    let topics = request.topics.into_iter().map(|topic| {
        let partitions = topic.partitions.iter().map(|partition| {
            let (index, offset) = (partition.partition_index, partition.committed_offset);
            let outcome = match allowed {
                Ok(()) => store(broker, group, &topic.name, index, offset),
                Err(error) => Err(error.into()),
            };
            OffsetCommitResponsePartition::default()
                .with_partition_index(index)
                .with_error_code(code(&outcome))
        });
        OffsetCommitResponseTopic::default()
            .with_partitions(partitions.collect())
            .with_name(topic.name.clone())
    });
    OffsetCommitResponse::default().with_topics(topics.collect())
}

fn store(
    broker: &Broker,
    group: &str,
    topic: &str,
    partition: i32,
    offset: i64,
) -> Result<(), Error> {
    let store = broker.store();
    if store.log(topic, partition).is_none() {
        return Err(ResponseError::UnknownTopicOrPartition.into());
    }
    if offset < 0 {
        return Err(ResponseError::InvalidCommitOffsetSize.into());
    }
    Ok(store.offsets().commit(group, topic, partition, offset)?)
}

/// Answers [`OffsetFetchRequest`] with the requested offsets, or all of the group's.
pub(crate) fn committed(broker: &Broker, request: OffsetFetchRequest) -> OffsetFetchResponse {
    let offsets = broker.store().offsets();
    let group = &request.group_id;
    let wanted = request.topics.unwrap_or_else(|| {
        let mut all: Vec<OffsetFetchRequestTopic> = Vec::new();
        for (topic, partition, _) in offsets.of_group(group) {
            match all.last_mut().filter(|last| **last.name == *topic) {
                Some(last) => last.partition_indexes.push(partition),
                None => all.push(
                    OffsetFetchRequestTopic::default()
                        .with_name(TopicName(topic.to_owned().into()))
                        .with_partition_indexes(vec![partition]),
                ),
            }
        }
        all
    });
    let topics = wanted.into_iter().map(|topic| {
        let partitions = topic.partition_indexes.iter().map(|partition| {
            let offset = offsets.get(group, &topic.name, *partition);
            OffsetFetchResponsePartition::default()
                .with_partition_index(*partition)
                .with_committed_offset(offset.unwrap_or(NOTHING))
                .with_committed_leader_epoch(-1)
                .with_metadata(Some("".into()))
        });
        OffsetFetchResponseTopic::default()
            .with_partitions(partitions.collect())
            .with_name(topic.name.clone())
    });
    OffsetFetchResponse::default().with_topics(topics.collect())
}

/// Answers [`ListGroupsRequest`] with the groups that have members or offsets.
pub(crate) fn list(broker: &Broker, request: &ListGroupsRequest) -> ListGroupsResponse {
    let mut groups = broker.groups().list();
    let offsets = broker.store().offsets();
    for name in offsets.groups() {
        if !groups.iter().any(|(known, _, _)| known == name) {
            groups.push((name.to_owned(), "consumer".to_owned(), "Empty"));
        }
    }
    let filter = &request.states_filter;
    groups.retain(|(_, _, state)| filter.is_empty() || filter.iter().any(|it| **it == **state));
    let listed = groups.into_iter().map(|(name, protocol_type, state)| {
        ListedGroup::default()
            .with_group_id(GroupId(name.into()))
            .with_protocol_type(protocol_type.into())
            .with_group_state(state.into())
    });
    ListGroupsResponse::default().with_groups(listed.collect())
}

/// Answers [`DescribeGroupsRequest`].
pub(crate) fn describe(broker: &Broker, request: DescribeGroupsRequest) -> DescribeGroupsResponse {
    let groups = request.groups.into_iter().map(|id| {
        let description = broker.groups().describe(&id).unwrap_or_else(|| {
            let left_offsets = broker.store().offsets().of_group(&id).next().is_some();
            Description {
                state: if left_offsets { "Empty" } else { "Dead" },
                protocol_type: String::new(),
                protocol: String::new(),
                members: Vec::new(),
            }
        });
        let members = description.members.into_iter().map(described);
        DescribedGroup::default()
            .with_group_id(id)
            .with_group_state(description.state.into())
            .with_protocol_type(description.protocol_type.into())
            .with_protocol_data(description.protocol.into())
            .with_members(members.collect())
            .with_authorized_operations(NO_OPERATIONS)
    });
    DescribeGroupsResponse::default().with_groups(groups.collect())
}

fn described(member: MemberDescription) -> DescribedGroupMember {
    DescribedGroupMember::default()
        .with_member_id(member.id.into())
        .with_client_id(member.client.into())
        .with_client_host(member.host.into())
        .with_member_metadata(member.metadata)
        .with_member_assignment(member.assignment)
}

/// Answers [`DeleteGroupsRequest`]: deletes the offsets of groups without members.
pub(crate) fn delete(broker: &Broker, request: DeleteGroupsRequest) -> DeleteGroupsResponse {
    let results = request.groups_names.into_iter().map(|id| {
        let outcome = forget(broker, &id);
        DeletableGroupResult::default()
            .with_error_code(code(&outcome))
            .with_group_id(id)
    });
    DeleteGroupsResponse::default().with_results(results.collect())
}

fn forget(broker: &Broker, group: &str) -> Result<(), Error> {
    if broker.groups().describe(group).is_some() {
        return Err(ResponseError::NonEmptyGroup.into());
    }
    let mut offsets = broker.store().offsets();
    if offsets.of_group(group).next().is_none() {
        return Err(ResponseError::GroupIdNotFound.into());
    }
    Ok(offsets.forget(group)?)
}
