//! [`Storage`], which Tansu's services call, over our [`Store`].
//!
//! Transactions, access lists and SCRAM credentials are not served: `routes` leaves their
//! requests out, and clients learn that from the broker's list of versions.

use std::{
    collections::BTreeMap,
    time::{Duration, SystemTime, UNIX_EPOCH},
};

use async_trait::async_trait;
use tansu_sans_io::{
    ConfigResource, ConfigSource, ConfigType, ErrorCode, IsolationLevel, ListOffset,
    ScramMechanism,
    create_topics_request::CreatableTopic,
    delete_groups_response::DeletableGroupResult,
    delete_records_request::DeleteRecordsTopic,
    delete_records_response::DeleteRecordsTopicResult,
    describe_cluster_response::DescribeClusterBroker,
    describe_configs_response::{DescribeConfigsResourceResult, DescribeConfigsResult},
    describe_topic_partitions_response::DescribeTopicPartitionsResponseTopic,
    incremental_alter_configs_request::AlterConfigsResource,
    incremental_alter_configs_response::AlterConfigsResourceResponse,
    list_groups_response::ListedGroup,
    record::deflated::Batch,
    txn_offset_commit_response::TxnOffsetCommitResponseTopic,
};
use tansu_storage::{
    BrokerRegistrationRequest, Error, GroupDetail, ListOffsetResponse, MetadataResponse,
    NamedGroupDetail, OffsetCommitRequest, OffsetStage, ProducerIdResponse, Result,
    ScramCredential, Storage, TopicId, Topition, TxnAddPartitionsRequest, TxnAddPartitionsResponse,
    TxnOffsetCommitRequest, UpdateError, Version,
};
use url::Url;
use uuid::Uuid;

use crate::{
    log::Log,
    store::{Store, lock},
    topics::Topic,
};

/// What this broker does not do.
fn unserved<T>() -> Result<T> {
    Err(Error::Api(ErrorCode::UnsupportedVersion))
}

#[async_trait]
impl Storage for Store {
    async fn register_broker(&self, broker: BrokerRegistrationRequest) -> Result<()> {
        self.base().register_broker(broker).await
    }

    async fn create_topic(&self, topic: CreatableTopic, validate_only: bool) -> Result<Uuid> {
        let id = Uuid::now_v7();
        if !validate_only {
            let config = topic.configs.unwrap_or_default();
            let description = Topic {
                id,
                partitions: topic.num_partitions,
                config: config
                    .into_iter()
                    .map(|entry| (entry.name, entry.value))
                    .collect(),
            };
            self.create(topic.name, topic.num_partitions, description)?;
        }
        Ok(id)
    }

    async fn delete_topic(&self, topic: &TopicId) -> Result<ErrorCode> {
        self.delete(topic)
    }

    async fn brokers(&self) -> Result<Vec<DescribeClusterBroker>> {
        self.base().brokers().await
    }

    async fn produce(
        &self,
        transaction: Option<&str>,
        topition: &Topition,
        batch: Batch,
    ) -> Result<i64> {
        if transaction.is_some() {
            return unserved();
        }
        self.append(topition.topic(), topition.partition(), batch)
    }

    /// Not called: `fetch::Fetch` reads the logs itself.
    async fn fetch(
        &self,
        _topition: &Topition,
        _offset: i64,
        _min_bytes: u32,
        _max_bytes: u32,
        _isolation: IsolationLevel,
    ) -> Result<Vec<Batch>> {
        unserved()
    }

    /// Not called: only Tansu's own fetch does.
    async fn offset_stage(&self, _topition: &Topition) -> Result<OffsetStage> {
        unserved()
    }

    async fn list_offsets(
        &self,
        _isolation: IsolationLevel,
        requests: &[(Topition, ListOffset)],
    ) -> Result<Vec<(Topition, ListOffsetResponse)>> {
        Ok(requests
            .iter()
            .map(|(topition, request)| {
                let found = self
                    .log(topition.topic(), topition.partition())
                    .map_or_else(
                        || ListOffsetResponse {
                            error_code: ErrorCode::UnknownTopicOrPartition,
                            ..ListOffsetResponse::default()
                        },
                        |log| find(&lock(&log), request),
                    );
                (topition.clone(), found)
            })
            .collect())
    }

    async fn offset_commit(
        &self,
        group: &str,
        _retention: Option<Duration>,
        commits: &[(Topition, OffsetCommitRequest)],
    ) -> Result<Vec<(Topition, ErrorCode)>> {
        let mut results = Vec::with_capacity(commits.len());
        for (topition, commit) in commits {
            let (topic, partition) = (topition.topic(), topition.partition());
            let code = if self.log(topic, partition).is_some() {
                self.offsets()
                    .commit(group, topic, partition, offset_of(commit)?)?;
                ErrorCode::None
            } else {
                ErrorCode::UnknownTopicOrPartition
            };
            results.push((topition.clone(), code));
        }
        Ok(results)
    }

    async fn offset_fetch(
        &self,
        group: Option<&str>,
        topitions: &[Topition],
        _require_stable: Option<bool>,
    ) -> Result<BTreeMap<Topition, i64>> {
        let offsets = self.offsets();
        Ok(topitions
            .iter()
            .map(|topition| {
                let committed = group
                    .and_then(|group| offsets.get(group, topition.topic(), topition.partition()));
                (topition.clone(), committed.unwrap_or(-1))
            })
            .collect())
    }

    async fn committed_offset_topitions(&self, group: &str) -> Result<BTreeMap<Topition, i64>> {
        Ok(self
            .offsets()
            .of_group(group)
            .map(|(topic, partition, offset)| (Topition::new(topic, partition), offset))
            .collect())
    }

    /// Not called: `metadata::Metadata` answers from the topics themselves.
    async fn metadata(&self, topics: Option<&[TopicId]>) -> Result<MetadataResponse> {
        self.base().metadata(topics).await
    }

    async fn describe_config(
        &self,
        name: &str,
        resource: ConfigResource,
        keys: Option<&[String]>,
    ) -> Result<DescribeConfigsResult> {
        let result = self.base().describe_config(name, resource, keys).await?;
        if resource != ConfigResource::Topic {
            return Ok(result);
        }
        let Some((_, topic)) = self.topic(&TopicId::from(name)) else {
            return Ok(result.error_code(ErrorCode::UnknownTopicOrPartition.into()));
        };
        let entries = topic.config.into_iter().map(|(name, value)| {
            DescribeConfigsResourceResult::default()
                .name(name)
                .value(value)
                .config_source(Some(ConfigSource::DynamicTopicConfig.into()))
                .config_type(Some(ConfigType::String.into()))
                .synonyms(Some(Vec::new()))
        });
        Ok(result.configs(Some(entries.collect())))
    }

    async fn list_groups(&self, _states: Option<&[String]>) -> Result<Vec<ListedGroup>> {
        Ok(self
            .groups()
            .keys()
            .map(|group| {
                ListedGroup::default()
                    .group_id(group.clone())
                    .protocol_type("consumer".into())
                    .group_state(Some("Unknown".into()))
                    .group_type(Some("classic".into()))
            })
            .collect())
    }

    async fn delete_groups(&self, groups: Option<&[String]>) -> Result<Vec<DeletableGroupResult>> {
        let mut results = Vec::new();
        for group in groups.unwrap_or_default() {
            self.groups().remove(group);
            self.offsets().forget(group)?;
            results.push(
                DeletableGroupResult::default()
                    .group_id(group.clone())
                    .error_code(ErrorCode::None.into()),
            );
        }
        Ok(results)
    }

    async fn describe_groups(
        &self,
        groups: Option<&[String]>,
        _operations: bool,
    ) -> Result<Vec<NamedGroupDetail>> {
        let known = self.groups();
        Ok(groups
            .unwrap_or_default()
            .iter()
            .map(|group| {
                let detail = known.get(group).map(|(detail, _)| detail.clone());
                NamedGroupDetail::found(group.clone(), detail.unwrap_or_default())
            })
            .collect())
    }

    /// Replaces a group's state if it still is the `version` that the caller changed.
    async fn update_group(
        &self,
        group: &str,
        detail: GroupDetail,
        version: Option<Version>,
    ) -> Result<Version, UpdateError<GroupDetail>> {
        let mut groups = self.groups();
        if let Some((current, known)) = groups.get(group)
            && version.as_ref() != Some(known)
        {
            return Err(UpdateError::Outdated {
                current: Box::new(current.clone()),
                version: known.clone(),
            });
        }
        let version = Version::from(&Uuid::now_v7());
        groups.insert(group.to_owned(), (detail, version.clone()));
        Ok(version)
    }

    async fn init_producer(
        &self,
        transaction: Option<&str>,
        _timeout_ms: i32,
        _producer: Option<i64>,
        _epoch: Option<i16>,
    ) -> Result<ProducerIdResponse> {
        Ok(if transaction.is_some() {
            ProducerIdResponse {
                error: ErrorCode::UnsupportedVersion,
                id: -1,
                epoch: -1,
            }
        } else {
            ProducerIdResponse {
                error: ErrorCode::None,
                id: self.new_producer(),
                epoch: 0,
            }
        })
    }

    async fn cluster_id(&self) -> Result<String> {
        self.base().cluster_id().await
    }

    async fn node(&self) -> Result<i32> {
        self.base().node().await
    }

    async fn advertised_listener(&self) -> Result<Url> {
        self.base().advertised_listener().await
    }

    async fn ping(&self) -> Result<()> {
        Ok(())
    }

    async fn incremental_alter_resource(
        &self,
        _resource: AlterConfigsResource,
    ) -> Result<AlterConfigsResourceResponse> {
        unserved()
    }

    async fn delete_records(
        &self,
        _topics: &[DeleteRecordsTopic],
    ) -> Result<Vec<DeleteRecordsTopicResult>> {
        unserved()
    }

    async fn describe_topic_partitions(
        &self,
        _topics: Option<&[TopicId]>,
        _limit: i32,
        _cursor: Option<Topition>,
    ) -> Result<Vec<DescribeTopicPartitionsResponseTopic>> {
        unserved()
    }

    async fn upsert_user_scram_credential(
        &self,
        _user: &str,
        _mechanism: ScramMechanism,
        _credential: ScramCredential,
    ) -> Result<()> {
        unserved()
    }

    async fn delete_user_scram_credential(
        &self,
        _user: &str,
        _mechanism: ScramMechanism,
    ) -> Result<()> {
        unserved()
    }

    async fn user_scram_credential(
        &self,
        _user: &str,
        _mechanism: ScramMechanism,
    ) -> Result<Option<ScramCredential>> {
        unserved()
    }

    async fn txn_add_offsets(
        &self,
        _transaction: &str,
        _producer: i64,
        _epoch: i16,
        _group: &str,
    ) -> Result<ErrorCode> {
        unserved()
    }

    async fn txn_add_partitions(
        &self,
        _partitions: TxnAddPartitionsRequest,
    ) -> Result<TxnAddPartitionsResponse> {
        unserved()
    }

    async fn txn_offset_commit(
        &self,
        _offsets: TxnOffsetCommitRequest,
    ) -> Result<Vec<TxnOffsetCommitResponseTopic>> {
        unserved()
    }

    async fn txn_end(
        &self,
        _transaction: &str,
        _producer: i64,
        _epoch: i16,
        _committed: bool,
    ) -> Result<ErrorCode> {
        unserved()
    }
}

/// The offset that a client asks for by its place or its time.
fn find(log: &Log, request: &ListOffset) -> ListOffsetResponse {
    let (offset, timestamp) = match request {
        ListOffset::Earliest => (log.start(), None),
        ListOffset::Latest => (log.next(), None),
        ListOffset::Timestamp(time) => {
            let since = time.duration_since(UNIX_EPOCH).unwrap_or(Duration::ZERO);
            match log.at(i64::try_from(since.as_millis()).unwrap_or(i64::MAX)) {
                Some((offset, milliseconds)) => (
                    offset,
                    u64::try_from(milliseconds)
                        .ok()
                        .map(|milliseconds| UNIX_EPOCH + Duration::from_millis(milliseconds)),
                ),
                // Kafka's answer for "nothing that late".
                None => (-1, None::<SystemTime>),
            }
        }
    };
    ListOffsetResponse {
        error_code: ErrorCode::None,
        timestamp,
        offset: Some(offset),
    }
}

/// Tansu keeps the committed offset private, and serialises it.
fn offset_of(commit: &OffsetCommitRequest) -> Result<i64> {
    serde_json::to_value(commit)?["offset"]
        .as_i64()
        .ok_or(Error::Api(ErrorCode::InvalidRequest))
}
