//! Requests over TCP, as a client sends them.
#![allow(clippy::unwrap_used, reason = "a test that cannot go on ends here")]

use std::{collections::BTreeMap, ops::RangeInclusive, path::Path, time::Duration};

use bytes::{Buf as _, BufMut as _, Bytes, BytesMut};
use kafka_protocol::{
    error::ResponseError,
    messages::{
        ApiVersionsRequest, ConsumerGroupHeartbeatRequest, CreateTopicsRequest,
        DeleteGroupsRequest, DeleteTopicsRequest, DescribeClusterRequest, DescribeConfigsRequest,
        DescribeGroupsRequest, FetchRequest, FindCoordinatorRequest, GroupId, HeartbeatRequest,
        InitProducerIdRequest, JoinGroupRequest, JoinGroupResponse, LeaveGroupRequest,
        ListGroupsRequest, ListOffsetsRequest, MetadataRequest, OffsetCommitRequest,
        OffsetFetchRequest, ProduceRequest, RequestHeader, ResponseHeader, SyncGroupRequest,
        TopicName,
        create_topics_request::{CreatableTopic, CreatableTopicConfig},
        delete_topics_request::DeleteTopicState,
        describe_configs_request::DescribeConfigsResource,
        fetch_request::{FetchPartition, FetchTopic},
        join_group_request::JoinGroupRequestProtocol,
        list_offsets_request::{ListOffsetsPartition, ListOffsetsTopic},
        metadata_request::MetadataRequestTopic,
        offset_commit_request::{OffsetCommitRequestPartition, OffsetCommitRequestTopic},
        offset_fetch_request::OffsetFetchRequestTopic,
        produce_request::{PartitionProduceData, TopicProduceData},
        sync_group_request::SyncGroupRequestAssignment,
    },
    protocol::{
        Decodable as _, HeaderVersion, Message as _, Request, encode_request_header_into_buffer,
    },
};
use tokio::{
    io::{AsyncReadExt as _, AsyncWriteExt as _},
    net::{TcpListener, TcpStream},
    task::JoinHandle,
    time::{Instant, timeout},
};
use uuid::Uuid;

/// Timeout of every request.
const PATIENCE: Duration = Duration::from_secs(20);

/// A member's session timeout, longer than a busy machine may pause a test.
const SESSION: Duration = Duration::from_secs(10);

/// The session timeout of a member that is killed; the test waits for it.
const SHORT_SESSION: Duration = Duration::from_secs(3);

struct Server {
    task: JoinHandle<std::io::Result<()>>,
    port: u16,
}

impl Server {
    async fn start(directory: &Path) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let port = listener.local_addr().unwrap().port();
        let directory = directory.to_owned();
        let task = tokio::spawn(async move { local_kafka::serve(listener, &directory).await });
        Self { task, port }
    }

    async fn stop(self) {
        self.task.abort();
        assert!(self.task.await.unwrap_err().is_cancelled());
    }

    async fn client(&self) -> Client {
        let stream = TcpStream::connect(("127.0.0.1", self.port)).await.unwrap();
        Client {
            stream,
            last: 0,
            session: SESSION,
        }
    }
}

struct Client {
    stream: TcpStream,
    last: i32,
    session: Duration,
}

impl Client {
    async fn call<R: Request>(&mut self, version: i16, request: R) -> R::Response {
        self.send(version, &request).await;
        let mut answer = self.answer().await.unwrap();
        let header = R::Response::header_version(version);
        let header = ResponseHeader::decode(&mut answer, header).unwrap();
        assert_eq!(header.correlation_id, self.last);
        let response = R::Response::decode(&mut answer, version).unwrap();
        assert!(!answer.has_remaining(), "{} bytes left", answer.len());
        response
    }

    async fn send<R: Request>(&mut self, version: i16, request: &R) {
        self.last += 1;
        let header = RequestHeader::default()
            .with_request_api_key(R::KEY)
            .with_request_api_version(version)
            .with_correlation_id(self.last)
            .with_client_id(Some("test".into()));
        let mut body = BytesMut::new();
        encode_request_header_into_buffer(&mut body, &header).unwrap();
        request.encode(&mut body, version).unwrap();
        let mut frame = BytesMut::new();
        frame.put_i32(body.len().try_into().unwrap());
        frame.put(body);
        self.stream.write_all(&frame).await.unwrap();
    }

    /// The next response; `None` if the broker has closed the connection.
    async fn answer(&mut self) -> Option<Bytes> {
        let read = async {
            let length = self.stream.read_i32().await?;
            let mut answer = vec![0; usize::try_from(length).unwrap()];
            self.stream.read_exact(&mut answer).await?;
            Ok::<_, std::io::Error>(Bytes::from(answer))
        };
        timeout(PATIENCE, read).await.unwrap().ok()
    }

    async fn create(&mut self, topic: &str) {
        // The batches of these tests are of 1970.
        let configs = [("max.message.bytes", "1000"), ("retention.ms", "-1")];
        let configs = configs.map(|(name, value)| {
            CreatableTopicConfig::default()
                .with_name(name.into())
                .with_value(Some(value.into()))
        });
        let topic = CreatableTopic::default()
            .with_name(name(topic))
            .with_num_partitions(2)
            .with_replication_factor(1)
            .with_configs(configs.to_vec());
        let request = CreateTopicsRequest::default().with_topics(vec![topic]);
        let response = self.call(5, request).await;
        assert_eq!(response.topics[0].error_code, 0);
    }

    /// Joins as clients do: first to get an id, then with it.
    async fn join(&mut self, group: &str) -> JoinGroupResponse {
        let first = self.call(4, wish(group, "", self.session)).await;
        assert_eq!(first.error_code, ResponseError::MemberIdRequired.code());
        let wish = wish(group, &first.member_id, self.session);
        self.call(4, wish).await
    }

    async fn sync(&mut self, group: &str, joined: &JoinGroupResponse) -> Bytes {
        let shares = joined.members.iter().map(|member| {
            SyncGroupRequestAssignment::default()
                .with_member_id(member.member_id.clone())
                .with_assignment(Bytes::from(format!("share of {}", &*member.member_id)))
        });
        let request = SyncGroupRequest::default()
            .with_group_id(group_id(group))
            .with_generation_id(joined.generation_id)
            .with_member_id(joined.member_id.clone())
            .with_assignments(shares.collect());
        let response = self.call(2, request).await;
        assert_eq!(response.error_code, 0);
        response.assignment
    }

    async fn heartbeat(&mut self, group: &str, joined: &JoinGroupResponse) -> i16 {
        let request = HeartbeatRequest::default()
            .with_group_id(group_id(group))
            .with_generation_id(joined.generation_id)
            .with_member_id(joined.member_id.clone());
        self.call(2, request).await.error_code
    }

    async fn commit(&mut self, group: &str, joined: &JoinGroupResponse, offset: i64) -> i16 {
        let partition = OffsetCommitRequestPartition::default().with_committed_offset(offset);
        let topic = OffsetCommitRequestTopic::default()
            .with_name(name("events"))
            .with_partitions(vec![partition]);
        let request = OffsetCommitRequest::default()
            .with_group_id(group_id(group))
            .with_generation_id_or_member_epoch(joined.generation_id)
            .with_member_id(joined.member_id.clone())
            .with_topics(vec![topic]);
        let response = self.call(6, request).await;
        response.topics[0].partitions[0].error_code
    }

    async fn committed(&mut self, group: &str) -> i64 {
        let topic = OffsetFetchRequestTopic::default()
            .with_name(name("events"))
            .with_partition_indexes(vec![0]);
        let request = OffsetFetchRequest::default()
            .with_group_id(group_id(group))
            .with_topics(Some(vec![topic]));
        let response = self.call(7, request).await;
        response.topics[0].partitions[0].committed_offset
    }

    /// Returns the first offset and the error code.
    async fn produce(&mut self, records: Bytes) -> (i64, i16) {
        let partition = PartitionProduceData::default().with_records(Some(records));
        let topic = TopicProduceData::default()
            .with_name(name("events"))
            .with_partition_data(vec![partition]);
        let request = ProduceRequest::default()
            .with_acks(-1)
            .with_topic_data(vec![topic]);
        let response = self.call(9, request).await;
        let partition = &response.responses[0].partition_responses[0];
        (partition.base_offset, partition.error_code)
    }

    async fn fetch(&mut self, offset: i64, wait: Duration) -> (Bytes, i16) {
        let partition = FetchPartition::default()
            .with_fetch_offset(offset)
            .with_partition_max_bytes(1_000_000);
        let topic = FetchTopic::default()
            .with_topic(name("events"))
            .with_partitions(vec![partition]);
        let request = FetchRequest::default()
            .with_max_wait_ms(wait.as_millis().try_into().unwrap())
            .with_min_bytes(1)
            .with_max_bytes(1_000_000)
            .with_topics(vec![topic]);
        let response = self.call(12, request).await;
        let partition = &response.responses[0].partitions[0];
        (
            partition.records.clone().unwrap_or_default(),
            partition.error_code,
        )
    }

    async fn offset(&mut self, timestamp: i64) -> i64 {
        let partition = ListOffsetsPartition::default().with_timestamp(timestamp);
        let topic = ListOffsetsTopic::default()
            .with_name(name("events"))
            .with_partitions(vec![partition]);
        let request = ListOffsetsRequest::default().with_topics(vec![topic]);
        self.call(5, request).await.topics[0].partitions[0].offset
    }
}

fn name(topic: &str) -> TopicName {
    TopicName(topic.to_owned().into())
}

fn group_id(group: &str) -> GroupId {
    GroupId(group.to_owned().into())
}

fn wish(group: &str, member: &str, session: Duration) -> JoinGroupRequest {
    let protocol = JoinGroupRequestProtocol::default()
        .with_name("range".into())
        .with_metadata(Bytes::from_static(b"events"));
    JoinGroupRequest::default()
        .with_group_id(group_id(group))
        .with_session_timeout_ms(session.as_millis().try_into().unwrap())
        .with_rebalance_timeout_ms(60_000)
        .with_member_id(member.to_owned().into())
        .with_protocol_type("consumer".into())
        .with_protocols(vec![protocol])
}

/// A record batch with this record count.
fn batch(records: i32, length: usize) -> Bytes {
    let mut checked = BytesMut::new();
    checked.put_i16(0);
    checked.put_i32(records - 1);
    checked.put_i64(1_000);
    checked.put_i64(1_000);
    checked.put_i64(-1);
    checked.put_i16(-1);
    checked.put_i32(-1);
    checked.put_i32(records);
    checked.put_bytes(7, length);
    let mut batch = BytesMut::new();
    batch.put_i64(0);
    batch.put_i32((9 + checked.len()).try_into().unwrap());
    batch.put_i32(-1);
    batch.put_u8(2);
    batch.put_u32(crc32c::crc32c(&checked));
    batch.put(checked);
    batch.freeze()
}

#[tokio::test]
async fn a_killed_member_is_replaced() {
    let directory = tempfile::tempdir().unwrap();
    let server = Server::start(directory.path()).await;
    let mut killed = server.client().await;
    killed.session = SHORT_SESSION;
    killed.create("events").await;
    let first = killed.join("readers").await;
    assert_eq!((first.error_code, first.generation_id), (0, 1));
    let share = killed.sync("readers", &first).await;
    assert_eq!(share, format!("share of {}", &*first.member_id));
    assert_eq!(killed.heartbeat("readers", &first).await, 0);
    assert_eq!(killed.commit("readers", &first, 7).await, 0);
    // The kernel closes a killed client's socket; no LeaveGroup is sent.
    drop(killed);

    let mut next = server.client().await;
    let begun = Instant::now();
    let second = next.join("readers").await;
    let took = begun.elapsed();
    assert_eq!((second.error_code, second.generation_id), (0, 2));
    assert_eq!(second.leader, second.member_id);
    // This is sooner than the rebalance timeout of a minute.
    assert!(took < PATIENCE, "{took:?}");
    let share = next.sync("readers", &second).await;
    assert_eq!(share, format!("share of {}", &*second.member_id));
    assert_eq!(next.committed("readers").await, 7, "it goes on from there");
    assert_eq!(next.commit("readers", &second, 8).await, 0);
    let unknown = ResponseError::UnknownMemberId.code();
    assert_eq!(next.heartbeat("readers", &first).await, unknown);
    assert_eq!(next.commit("readers", &first, 3).await, unknown);
    assert_eq!(next.committed("readers").await, 8);
    server.stop().await;
}

#[tokio::test]
async fn partitions_move_between_members() {
    let directory = tempfile::tempdir().unwrap();
    let server = Server::start(directory.path()).await;
    let (mut one, mut two) = (server.client().await, server.client().await);
    let alone = one.join("readers").await;
    one.sync("readers", &alone).await;
    let (leading, following) = tokio::join!(
        async {
            let busy = ResponseError::RebalanceInProgress.code();
            let beats = async {
                while one.heartbeat("readers", &alone).await != busy {
                    tokio::task::yield_now().await;
                }
            };
            timeout(PATIENCE, beats).await.unwrap();
            one.call(4, wish("readers", &alone.member_id, SESSION))
                .await
        },
        two.join("readers"),
    );
    assert_eq!((leading.generation_id, following.generation_id), (2, 2));
    assert_eq!((leading.members.len(), following.members.len()), (2, 0));
    let (first, second) = tokio::join!(
        one.sync("readers", &leading),
        two.sync("readers", &following)
    );
    assert_eq!(first, format!("share of {}", &*leading.member_id));
    assert_eq!(second, format!("share of {}", &*following.member_id));
    let old = one.heartbeat("readers", &alone).await;
    assert_eq!(old, ResponseError::IllegalGeneration.code());
    server.stop().await;
}

#[tokio::test]
async fn records_topics_and_offsets_survive_a_restart() {
    let directory = tempfile::tempdir().unwrap();
    let server = Server::start(directory.path()).await;
    let mut client = server.client().await;
    client.create("events").await;
    assert_eq!(client.produce(batch(3, 10)).await, (0, 0));
    assert_eq!(client.produce(batch(1, 20)).await, (3, 0));
    let joined = client.join("readers").await;
    client.sync("readers", &joined).await;
    assert_eq!(client.commit("readers", &joined, 3).await, 0);
    server.stop().await;

    let server = Server::start(directory.path()).await;
    let mut client = server.client().await;
    assert_eq!((client.offset(-2).await, client.offset(-1).await), (0, 4));
    assert_eq!(client.committed("readers").await, 3);
    let (records, _) = client.fetch(3, Duration::ZERO).await;
    assert_eq!(records.len(), batch(1, 20).len());
    assert_eq!(client.produce(batch(1, 10)).await, (4, 0));
    let lost = client.heartbeat("readers", &joined).await;
    assert_eq!(lost, ResponseError::UnknownMemberId.code());
    let again = client.join("readers").await;
    assert_eq!(again.error_code, 0);
    server.stop().await;
}

#[tokio::test]
async fn a_fetch_returns_as_soon_as_there_is_a_record() {
    let directory = tempfile::tempdir().unwrap();
    let server = Server::start(directory.path()).await;
    let (mut reader, mut writer) = (server.client().await, server.client().await);
    reader.create("events").await;
    let begun = Instant::now();
    let (records, _) = reader.fetch(0, Duration::from_millis(100)).await;
    assert!(records.is_empty() && begun.elapsed() >= Duration::from_millis(100));
    let begun = Instant::now();
    let ((records, code), written) =
        tokio::join!(reader.fetch(0, PATIENCE), writer.produce(batch(1, 10)));
    assert_eq!((records.len(), code), (batch(1, 10).len(), 0));
    assert_eq!(written, (0, 0));
    assert!(begun.elapsed() < PATIENCE / 2);
    let (_, code) = reader.fetch(9, PATIENCE).await;
    assert_eq!(code, ResponseError::OffsetOutOfRange.code());
    server.stop().await;
}

#[tokio::test]
async fn bad_records_are_refused() {
    let directory = tempfile::tempdir().unwrap();
    let server = Server::start(directory.path()).await;
    let mut client = server.client().await;
    let unknown = ResponseError::UnknownTopicOrPartition.code();
    assert_eq!(client.produce(batch(1, 10)).await, (-1, unknown));
    client.create("events").await;
    let large = ResponseError::MessageTooLarge.code();
    assert_eq!(client.produce(batch(1, 1000)).await, (-1, large));
    let mut damaged = BytesMut::from(batch(1, 10));
    damaged[65] ^= 1;
    let corrupt = ResponseError::CorruptMessage.code();
    assert_eq!(client.produce(damaged.freeze()).await, (-1, corrupt));
    assert_eq!(client.offset(-1).await, 0);
    server.stop().await;
}

/// Sends each request in each version that the broker reports.
#[tokio::test]
async fn every_reported_version_is_answered() {
    let directory = tempfile::tempdir().unwrap();
    let server = Server::start(directory.path()).await;
    let mut client = server.client().await;
    client.create("events").await;
    assert_eq!(client.produce(batch(1, 10)).await, (0, 0));
    let versions = client.call(0, ApiVersionsRequest::default()).await;
    let mut promised: BTreeMap<i16, RangeInclusive<i16>> = versions
        .api_keys
        .iter()
        .map(|key| (key.api_key, key.min_version..=key.max_version))
        .collect();
    macro_rules! each {
        ($request:ty, $make:expr) => {
            let make: fn(i16) -> $request = $make;
            for version in promised.remove(&<$request>::KEY).unwrap() {
                // The oldest versions are refused: see `versions`.
                if version >= <$request>::VERSIONS.min {
                    client.call(version, make(version)).await;
                }
            }
        };
    }
    each!(ApiVersionsRequest, |_| ApiVersionsRequest::default());
    each!(MetadataRequest, |_| MetadataRequest::default().with_topics(
        Some(vec![
            MetadataRequestTopic::default().with_name(Some(name("events"))),
            MetadataRequestTopic::default().with_name(Some(name("none"))),
        ])
    ));
    each!(DescribeClusterRequest, |_| DescribeClusterRequest::default(
    ));
    each!(ProduceRequest, |_| {
        let of = |topic: &str| {
            let data = PartitionProduceData::default().with_records(Some(batch(1, 10)));
            TopicProduceData::default()
                .with_name(name(topic))
                .with_partition_data(vec![data])
        };
        ProduceRequest::default()
            .with_acks(-1)
            .with_topic_data(vec![of("events"), of("none")])
    });
    each!(InitProducerIdRequest, |_| InitProducerIdRequest::default());
    each!(FetchRequest, |version| {
        let of = |topic: &str, offset| {
            let partition = FetchPartition::default()
                .with_fetch_offset(offset)
                .with_partition_max_bytes(1000);
            let wanted = FetchTopic::default().with_partitions(vec![partition]);
            if version < 13 {
                wanted.with_topic(name(topic))
            } else {
                wanted.with_topic_id(Uuid::from_u128(7))
            }
        };
        FetchRequest::default()
            .with_max_bytes(1000)
            .with_topics(vec![of("events", 0), of("events", 99), of("none", 0)])
    });
    each!(ListOffsetsRequest, |_| {
        let of = |topic: &str, time| {
            let partition = ListOffsetsPartition::default().with_timestamp(time);
            ListOffsetsTopic::default()
                .with_name(name(topic))
                .with_partitions(vec![partition])
        };
        let topics = vec![of("events", -1), of("events", 5), of("none", -2)];
        ListOffsetsRequest::default().with_topics(topics)
    });
    each!(CreateTopicsRequest, |version| {
        let of = |topic: &str| {
            CreatableTopic::default()
                .with_name(name(topic))
                .with_num_partitions(1)
                .with_replication_factor(1)
        };
        let new = format!("new-{version}");
        CreateTopicsRequest::default().with_topics(vec![of(&new), of("events"), of("a b")])
    });
    each!(DescribeConfigsRequest, |_| {
        let of = |topic: &'static str| {
            DescribeConfigsResource::default()
                .with_resource_type(2)
                .with_resource_name(topic.into())
                .with_configuration_keys(None)
        };
        DescribeConfigsRequest::default().with_resources(vec![of("events"), of("none")])
    });
    each!(DeleteTopicsRequest, |version| {
        let gone = [name(&format!("new-{version}")), name("none")];
        if version < 6 {
            return DeleteTopicsRequest::default().with_topic_names(gone.to_vec());
        }
        let by_name = gone.map(|name| DeleteTopicState::default().with_name(Some(name)));
        let by_id = DeleteTopicState::default().with_topic_id(Uuid::from_u128(7));
        let topics = by_name.into_iter().chain([by_id]).collect();
        DeleteTopicsRequest::default().with_topics(topics)
    });
    each!(FindCoordinatorRequest, |version| if version < 4 {
        FindCoordinatorRequest::default().with_key("readers".into())
    } else {
        FindCoordinatorRequest::default().with_coordinator_keys(vec!["readers".into()])
    });
    each!(JoinGroupRequest, |version| {
        let request = wish(&format!("readers-{version}"), "", SESSION);
        let rebalance = if version == 0 { -1 } else { 1000 };
        request.with_rebalance_timeout_ms(rebalance)
    });
    each!(SyncGroupRequest, |_| SyncGroupRequest::default());
    each!(HeartbeatRequest, |_| HeartbeatRequest::default());
    each!(LeaveGroupRequest, |_| LeaveGroupRequest::default());
    each!(ConsumerGroupHeartbeatRequest, |_| {
        ConsumerGroupHeartbeatRequest::default()
    });
    each!(OffsetCommitRequest, |_| {
        let of = |topic: &str| {
            OffsetCommitRequestTopic::default()
                .with_name(name(topic))
                .with_partitions(vec![OffsetCommitRequestPartition::default()])
        };
        OffsetCommitRequest::default()
            .with_group_id(group_id("alone"))
            .with_generation_id_or_member_epoch(-1)
            .with_topics(vec![of("events"), of("none")])
    });
    each!(OffsetFetchRequest, |version| {
        let topic = OffsetFetchRequestTopic::default()
            .with_name(name("events"))
            .with_partition_indexes(vec![0, 1]);
        OffsetFetchRequest::default()
            .with_group_id(group_id("alone"))
            .with_topics((version < 2).then(|| vec![topic]))
    });
    each!(ListGroupsRequest, |_| ListGroupsRequest::default());
    each!(DescribeGroupsRequest, |_| DescribeGroupsRequest::default()
        .with_groups(vec![
            group_id("readers-0"),
            group_id("alone"),
            group_id("none")
        ]));
    each!(DeleteGroupsRequest, |_| DeleteGroupsRequest::default()
        .with_groups_names(vec![
            group_id("readers-0"),
            group_id("alone")
        ]));
    assert!(promised.is_empty(), "not tried: {promised:?}");
    server.stop().await;
}

#[tokio::test]
async fn unknown_topics_and_versions_get_errors() {
    let directory = tempfile::tempdir().unwrap();
    let server = Server::start(directory.path()).await;
    let mut client = server.client().await;
    let topic = MetadataRequestTopic::default().with_name(Some(name("events")));
    let request = MetadataRequest::default().with_topics(Some(vec![topic]));
    let response = client.call(9, request.clone()).await;
    let unknown = ResponseError::UnknownTopicOrPartition.code();
    assert_eq!(response.topics[0].error_code, unknown);
    client.create("events").await;
    for version in [1, 9, 12] {
        let response = client.call(version, request.clone()).await;
        assert_eq!(response.topics[0].error_code, 0);
        assert_eq!(response.topics[0].partitions.len(), 2);
        assert_eq!(response.brokers[0].port, i32::from(server.port));
    }
    let versions = client.call(3, ApiVersionsRequest::default()).await;
    assert_eq!(versions.error_code, 0);
    assert!(versions.api_keys.iter().any(|key| key.api_key == 11));
    // A newer client gets the supported versions in version 0 (KIP-511).
    let mut newer = BytesMut::new();
    for part in [
        &[0, 0, 0, 11, 0, 18, 0, 99][..],
        &[0, 0, 0, 5, 0xff, 0xff, 0],
    ] {
        newer.put_slice(part);
    }
    client.stream.write_all(&newer).await.unwrap();
    let mut answer = client.answer().await.unwrap();
    assert_eq!(answer.get_i32(), 5);
    assert_eq!(answer.get_i16(), ResponseError::UnsupportedVersion.code());
    // Any other unknown request closes the connection.
    client.send(17, &FetchRequest::default()).await;
    assert_eq!(client.answer().await, None);
    server.stop().await;
}
