//! Which requests the broker knows, in which versions: the first thing a client asks.

use kafka_protocol::{
    error::ResponseError,
    messages::{
        ApiKey, ApiVersionsRequest, ApiVersionsResponse, api_versions_response::ApiVersion,
    },
};

/// Request, and its oldest and newest version.
///
/// The groups' requests end before static membership (KIP-345), which is not served. The
/// oldest produce is in the list although it is refused, as in Kafka 4: librdkafka does not
/// compress without it (KAFKA-18659).
const SERVED: [(ApiKey, i16, i16); 20] = [
    (ApiKey::Produce, 0, 11),
    (ApiKey::Fetch, 4, 16),
    (ApiKey::ListOffsets, 1, 7),
    (ApiKey::Metadata, 0, 12),
    (ApiKey::OffsetCommit, 2, 6),
    (ApiKey::OffsetFetch, 1, 7),
    (ApiKey::FindCoordinator, 0, 4),
    (ApiKey::JoinGroup, 0, 4),
    (ApiKey::Heartbeat, 0, 2),
    (ApiKey::LeaveGroup, 0, 2),
    (ApiKey::SyncGroup, 0, 2),
    (ApiKey::DescribeGroups, 0, 3),
    (ApiKey::ListGroups, 0, 4),
    (ApiKey::ApiVersions, 0, 3),
    (ApiKey::CreateTopics, 2, 7),
    (ApiKey::DeleteTopics, 1, 6),
    (ApiKey::InitProducerId, 0, 4),
    (ApiKey::DescribeConfigs, 1, 4),
    (ApiKey::DeleteGroups, 0, 2),
    (ApiKey::DescribeCluster, 0, 1),
];

/// Whether this request is served in this version.
pub(crate) fn served(key: ApiKey, version: i16) -> bool {
    SERVED
        .iter()
        .any(|(known, oldest, newest)| *known == key && (*oldest..=*newest).contains(&version))
}

/// Answers [`ApiVersionsRequest`].
pub(crate) fn answer(_: &ApiVersionsRequest) -> ApiVersionsResponse {
    list(0)
}

/// The answer to a version of [`ApiVersionsRequest`] that is not known. It travels in
/// version 0, and the client asks again with what it finds there (KIP-511).
pub(crate) fn refusal() -> ApiVersionsResponse {
    list(ResponseError::UnsupportedVersion.code())
}

fn list(code: i16) -> ApiVersionsResponse {
    let keys = SERVED.iter().map(|(key, oldest, newest)| {
        ApiVersion::default()
            .with_api_key(*key as i16)
            .with_min_version(*oldest)
            .with_max_version(*newest)
    });
    ApiVersionsResponse::default()
        .with_error_code(code)
        .with_api_keys(keys.collect())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_promised_can_be_read() {
        for (key, oldest, newest) in SERVED {
            let known = key.valid_versions();
            assert!(newest <= known.max, "{key:?}");
            assert!(oldest >= known.min || key == ApiKey::Produce, "{key:?}");
        }
        assert!(served(ApiKey::Fetch, 4) && !served(ApiKey::Fetch, 3));
        assert!(!served(ApiKey::AddPartitionsToTxn, 0));
    }
}
