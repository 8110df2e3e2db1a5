//! A filter as SQL.

use sqlx::{Postgres, QueryBuilder};

use super::sources::Span;
use crate::filter::Filter;

/// Appends the filter as a WHERE clause, with only the fields that are given, so that each
/// combination has its own plan.
pub(crate) fn push(filter: &Filter, query: &mut QueryBuilder<Postgres>) {
    let span = Span {
        since: filter.since,
        until: filter.until,
    };
    push_within(filter, span, query);
}

/// Appends the filter with another range of time.
pub(crate) fn push_within(filter: &Filter, span: Span, query: &mut QueryBuilder<Postgres>) {
    push_operation(filter, query);
    if let Some(status) = filter.status {
        query.push(" AND status = ").push_bind(status);
    }
    // Also for a single status, so that the partial index is used.
    if filter.errors_only || filter.status.is_some_and(|status| status >= 400) {
        query.push(" AND status >= 400");
    }
    if let Some(user) = filter.user {
        query.push(" AND user_id = ").push_bind(user);
    }
    push_span("at", span, query);
}

/// Appends the filter for a table of sums, which know neither users nor single statuses.
pub(crate) fn push_sums(filter: &Filter, span: Span, query: &mut QueryBuilder<Postgres>) {
    push_operation(filter, query);
    if filter.errors_only {
        query.push(" AND errors > 0");
    }
    push_span("start", span, query);
}

fn push_operation(filter: &Filter, query: &mut QueryBuilder<Postgres>) {
    query.push(" WHERE true");
    if let Some(transport) = filter.transport {
        query
            .push(" AND transport = ")
            .push_bind(transport.as_str());
    }
    if let Some(service) = &filter.service {
        query.push(" AND service = ").push_bind(service);
    }
    if let Some(method) = &filter.method {
        query.push(" AND method = ").push_bind(method);
    }
}

fn push_span(column: &str, span: Span, query: &mut QueryBuilder<Postgres>) {
    if let Some(since) = span.since {
        query
            .push(format_args!(" AND {column} >= "))
            .push_bind(since);
    }
    if let Some(until) = span.until {
        query
            .push(format_args!(" AND {column} < "))
            .push_bind(until);
    }
}

#[cfg(test)]
mod tests {
    use trichrome_proto::wire::Transport;

    use super::*;

    fn sql(filter: &Filter) -> String {
        let mut query = QueryBuilder::new("");
        push(filter, &mut query);
        query.into_string()
    }

    #[test]
    fn only_given_fields_are_conditions() {
        assert_eq!(sql(&Filter::default()), " WHERE true");
        let filter = Filter {
            transport: Some(Transport::Grpc),
            method: Some("'; DROP TABLE call_logs; --".to_owned()),
            errors_only: true,
            ..Filter::default()
        };
        assert_eq!(
            sql(&filter),
            " WHERE true AND transport = $1 AND method = $2 AND status >= 400"
        );
    }

    #[test]
    fn the_status_of_an_error_uses_the_partial_index() {
        let status = |status| {
            sql(&Filter {
                status: Some(status),
                ..Filter::default()
            })
        };
        assert_eq!(status(404), " WHERE true AND status = $1 AND status >= 400");
        assert_eq!(status(399), " WHERE true AND status = $1");
    }
}
