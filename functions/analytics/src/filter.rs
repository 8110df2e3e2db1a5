//! Which entries a read returns.

use time::OffsetDateTime;
use trichrome_proto::{analytics::GetLogRequest, wire::Transport};
use uuid::Uuid;

use crate::{
    Error,
    entry::{METHOD_MAX, SERVICE_MAX, known_status, name},
    instant,
};

/// Which entries a read returns: those that match all given fields.
#[derive(Clone, Debug, Default, PartialEq)]
pub(crate) struct Filter {
    pub(crate) transport: Option<Transport>,
    pub(crate) service: Option<String>,
    pub(crate) method: Option<String>,
    pub(crate) status: Option<i16>,
    pub(crate) errors_only: bool,
    /// Only calls of this user.
    pub(crate) user: Option<Uuid>,
    /// Inclusive.
    pub(crate) since: Option<OffsetDateTime>,
    /// Exclusive.
    pub(crate) until: Option<OffsetDateTime>,
}

impl Filter {
    /// The filter of a caller's request.
    ///
    /// # Errors
    ///
    /// `INVALID_ARGUMENT` for a field that no entry can match.
    pub(crate) fn read(request: &GetLogRequest, caller: Option<Uuid>) -> Result<Self, Error> {
        let time = |at: Option<_>, field| {
            at.map(|at| instant::from_proto(at).ok_or(Error::Time { field }))
                .transpose()
        };
        let filter = Self {
            transport: given(&request.transport)
                .map(|transport| transport.parse())
                .transpose()?,
            service: given(&request.service)
                .map(|service| name(service, SERVICE_MAX).ok_or(Error::SERVICE))
                .transpose()?,
            method: given(&request.method)
                .map(|method| name(method, METHOD_MAX).ok_or(Error::METHOD))
                .transpose()?,
            status: match known_status(f64::from(request.status)) {
                Some(0) => None,
                Some(status) => Some(status),
                None => return Err(Error::Status),
            },
            errors_only: request.errors_only,
            // A caller whose id isn't a UUID has no entries.
            user: request.own.then(|| caller.unwrap_or_default()),
            since: time(request.since, "since")?,
            until: time(request.until, "until")?,
        };
        match (filter.since, filter.until) {
            (Some(since), Some(until)) if since >= until => Err(Error::Range),
            _ => Ok(filter),
        }
    }
}

/// The text, or `None` if it is empty because the field was left out.
fn given(text: &str) -> Option<String> {
    (!text.is_empty()).then(|| text.to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn filter(request: GetLogRequest) -> Result<Filter, Error> {
        Filter::read(&request, None)
    }

    #[test]
    fn an_empty_request_matches_everything() {
        assert_eq!(filter(GetLogRequest::default()).unwrap(), Filter::default());
    }

    #[test]
    fn all_fields_are_read() {
        let filter = filter(GetLogRequest {
            transport: "events".to_owned(),
            service: "pictures".to_owned(),
            method: "GetUserPicture".to_owned(),
            status: 404,
            errors_only: true,
            since: Some("2026-10-01T00:00:00Z".parse().unwrap()),
            until: Some("2026-10-02T00:00:00Z".parse().unwrap()),
            ..GetLogRequest::default()
        })
        .unwrap();
        assert_eq!(filter.transport, Some(Transport::Events));
        assert_eq!(filter.status, Some(404));
        assert!(filter.since < filter.until);
    }

    #[test]
    fn only_the_callers_own_calls_are_matched_on_request() {
        let caller = Uuid::from_u128(7);
        let user = |own, caller| {
            let request = GetLogRequest {
                own,
                ..GetLogRequest::default()
            };
            Filter::read(&request, caller).unwrap().user
        };
        assert_eq!(user(true, Some(caller)), Some(caller));
        assert_eq!(user(false, Some(caller)), None);
        assert_eq!(user(true, None), Some(Uuid::nil()));
    }

    #[test]
    fn an_empty_range_is_refused() {
        let range = |since: &str, until: &str| {
            filter(GetLogRequest {
                since: Some(since.parse().unwrap()),
                until: Some(until.parse().unwrap()),
                ..GetLogRequest::default()
            })
        };
        let noon = "2026-10-01T12:00:00Z";
        assert!(matches!(range(noon, noon), Err(Error::Range)));
        assert!(matches!(
            range(noon, "2026-10-01T11:00:00Z"),
            Err(Error::Range)
        ));
        // The same time in another time zone.
        assert!(matches!(
            range(noon, "2026-10-01T14:00:00+02:00"),
            Err(Error::Range)
        ));
        assert!(range(noon, "2026-10-01T12:00:00.001Z").is_ok());
    }

    #[test]
    fn invalid_values_are_refused() {
        let refused = |change: fn(&mut GetLogRequest)| {
            let mut request = GetLogRequest::default();
            change(&mut request);
            filter(request).unwrap_err().to_string()
        };
        assert!(refused(|r| r.transport = "smtp".into()).starts_with("transport must"));
        assert!(refused(|r| r.service = "a\0".into()).starts_with("service must"));
        assert!(refused(|r| r.method = "m".repeat(129)).starts_with("method must"));
        assert!(refused(|r| r.status = 99).starts_with("status must"));
        assert!(
            refused(|r| r.since = Some(prost_types::Timestamp {
                seconds: i64::MAX,
                nanos: 0
            }))
            .starts_with("since must")
        );
    }
}
