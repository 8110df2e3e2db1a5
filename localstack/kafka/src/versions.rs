//! The supported requests and versions.

use kafka_protocol::{
    error::ResponseError,
    messages::{
        ApiKey, ApiVersionsRequest, ApiVersionsResponse, api_versions_response::ApiVersion,
    },
};

/// Every supported request with its oldest and newest version.
///
/// The versions of the groups' requests end before static membership (KIP-345), which isn't
/// supported, except for joining: in an older version, a client joins as an ordinary member
/// without saying so. Produce starts at 0 although old versions are refused, as in Kafka 4: otherwise
/// librdkafka doesn't compress (KAFKA-18659).
const SUPPORTED: [(ApiKey, i16, i16); 21] = [
    (ApiKey::Produce, 0, 11),
    (ApiKey::Fetch, 4, 16),
    (ApiKey::ListOffsets, 1, 7),
    (ApiKey::Metadata, 0, 12),
    (ApiKey::OffsetCommit, 2, 6),
    (ApiKey::OffsetFetch, 1, 7),
    (ApiKey::FindCoordinator, 0, 4),
    (ApiKey::JoinGroup, 0, 5),
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
    // Refused in every version: without it, librdkafka waits forever.
    (ApiKey::ConsumerGroupHeartbeat, 0, 1),
];

/// Whether a request is supported in this version.
pub(crate) fn supported(key: ApiKey, version: i16) -> bool {
    SUPPORTED
        .iter()
        .any(|(known, oldest, newest)| *known == key && (*oldest..=*newest).contains(&version))
}

/// Answers [`ApiVersionsRequest`].
pub(crate) fn answer(_: &ApiVersionsRequest) -> ApiVersionsResponse {
    list(0)
}

/// The response to an unsupported version of [`ApiVersionsRequest`]. It is sent in version 0,
/// and the client retries with a version from it (KIP-511).
pub(crate) fn refusal() -> ApiVersionsResponse {
    list(ResponseError::UnsupportedVersion.code())
}

fn list(code: i16) -> ApiVersionsResponse {
    let keys = SUPPORTED.iter().map(|(key, oldest, newest)| {
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
    fn supported_versions_can_be_decoded() {
        for (key, oldest, newest) in SUPPORTED {
            let known = key.valid_versions();
            assert!(newest <= known.max, "{key:?}");
            assert!(oldest >= known.min || key == ApiKey::Produce, "{key:?}");
        }
        assert!(supported(ApiKey::Fetch, 4) && !supported(ApiKey::Fetch, 3));
        assert!(!supported(ApiKey::AddPartitionsToTxn, 0));
    }
}
