//! Choosing the tables from which totals are computed.
//!
//! Whole hours and days are read from sums, and what is left at the ends of a range from the calls
//! themselves: at most two hours of them.

use time::{Duration, OffsetDateTime};

use crate::{buckets::Buckets, filter::Filter};

/// A range of time: from `since`, included, to `until`, excluded. Without a limit it is open.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Span {
    pub(crate) since: Option<OffsetDateTime>,
    pub(crate) until: Option<OffsetDateTime>,
}

impl Span {
    fn is_empty(self) -> bool {
        self.since
            .zip(self.until)
            .is_some_and(|(since, until)| since >= until)
    }
}

/// A table that has calls, or sums of calls.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Source {
    /// Each call.
    Calls,
    /// Sums of all operations together, by five minutes.
    FiveMinutes,
    /// Sums of all operations together, by hour.
    Hours,
    /// Sums by operation and hour.
    OperationHours,
    /// Sums by operation and day.
    OperationDays,
}

impl Source {
    /// The table's name.
    pub(crate) const fn table(self) -> &'static str {
        match self {
            Self::Calls => "calls",
            Self::FiveMinutes => "calls_by_five_minutes",
            Self::Hours => "calls_by_hour",
            Self::OperationHours => "operations_by_hour",
            Self::OperationDays => "operations_by_day",
        }
    }

    /// The length of time of a row, in seconds.
    const fn seconds(self) -> i64 {
        match self {
            Self::Calls => 1,
            Self::FiveMinutes => 5 * 60,
            Self::Hours | Self::OperationHours => 60 * 60,
            Self::OperationDays => 24 * 60 * 60,
        }
    }
}

/// A part of a range, and the table from which it is read.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Piece {
    pub(crate) source: Source,
    pub(crate) span: Span,
}

/// Which sums answer a filter.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Knowledge {
    /// None: the filter has a user or a status.
    Nothing,
    /// Those by operation.
    Operations,
    /// All.
    Everything,
}

impl Knowledge {
    pub(crate) fn of(filter: &Filter) -> Self {
        if filter.user.is_some() || filter.status.is_some() {
            return Self::Nothing;
        }
        let names = [&filter.service, &filter.method];
        match filter.transport.is_none() && names.iter().all(|name| name.is_none()) {
            true => Self::Everything,
            false => Self::Operations,
        }
    }

    /// The tables for totals by operation, the coarsest first.
    pub(crate) const fn for_operations(self) -> &'static [Source] {
        match self {
            Self::Nothing => &[],
            Self::Operations | Self::Everything => &[Source::OperationDays, Source::OperationHours],
        }
    }

    /// The tables for totals by time, the coarsest first.
    pub(crate) fn for_buckets(self, buckets: &Buckets) -> &'static [Source] {
        let fits = |source: Source| buckets.length().whole_seconds() % source.seconds() == 0;
        match self {
            Self::Everything if fits(Source::Hours) => &[Source::Hours, Source::FiveMinutes],
            Self::Everything if fits(Source::FiveMinutes) => &[Source::FiveMinutes],
            Self::Operations if fits(Source::OperationDays) => self.for_operations(),
            Self::Operations if fits(Source::OperationHours) => &[Source::OperationHours],
            _ => &[],
        }
    }
}

/// Divides a range among tables of sums, the coarsest first, and [`Source::Calls`]. The sums have all
/// calls from `summed_from` on, or all without.
pub(crate) fn cover(
    span: Span,
    summed_from: Option<OffsetDateTime>,
    sums: &[Source],
) -> Vec<Piece> {
    let mut pieces = Vec::new();
    add(&mut pieces, span, summed_from, sums);
    pieces
}

fn add(pieces: &mut Vec<Piece>, span: Span, summed_from: Option<OffsetDateTime>, sums: &[Source]) {
    if span.is_empty() {
        return;
    }
    let Some((&source, finer)) = sums.split_first() else {
        let source = Source::Calls;
        pieces.push(Piece { source, span });
        return;
    };
    let whole = Span {
        since: span.since.max(summed_from).map(|at| ceil(at, source)),
        until: span.until.map(|at| floor(at, source)),
    };
    if whole.is_empty() {
        return add(pieces, span, summed_from, finer);
    }
    if whole.since.is_some() {
        let before = Span {
            until: whole.since,
            ..span
        };
        add(pieces, before, summed_from, finer);
    }
    pieces.push(Piece {
        source,
        span: whole,
    });
    if whole.until.is_some() {
        let after = Span {
            since: whole.until,
            ..span
        };
        add(pieces, after, summed_from, finer);
    }
}

/// The start of the row that has this time.
fn floor(at: OffsetDateTime, source: Source) -> OffsetDateTime {
    let since = at - Buckets::origin();
    let over = since
        .whole_nanoseconds()
        .rem_euclid(i128::from(source.seconds()) * 1_000_000_000);
    at - Duration::nanoseconds(i64::try_from(over).unwrap_or_default())
}

/// The start of the first row that begins at this time or after it.
fn ceil(at: OffsetDateTime, source: Source) -> OffsetDateTime {
    let floor = floor(at, source);
    match floor == at {
        true => at,
        // The last day of the calendar has no next one.
        false => floor
            .checked_add(Duration::seconds(source.seconds()))
            .unwrap_or(at),
    }
}

#[cfg(test)]
mod tests {
    use time::macros::datetime;

    use super::*;

    const SUMS: &[Source] = &[Source::OperationDays, Source::OperationHours];

    fn span(since: Option<OffsetDateTime>, until: Option<OffsetDateTime>) -> Span {
        Span { since, until }
    }

    fn covered(span: Span, summed_from: Option<OffsetDateTime>) -> Vec<(Source, Span)> {
        cover(span, summed_from, SUMS)
            .into_iter()
            .map(|piece| (piece.source, piece.span))
            .collect()
    }

    #[test]
    fn a_ragged_range_reads_calls_at_its_ends_only() {
        let since = datetime!(2026-10-01 21:59:59.5 UTC);
        let until = datetime!(2026-10-03 01:30 UTC);
        let at = |at| Some(at);
        let expected = [
            (Source::Calls, since, datetime!(2026-10-01 22:00 UTC)),
            (
                Source::OperationHours,
                datetime!(2026-10-01 22:00 UTC),
                datetime!(2026-10-02 00:00 UTC),
            ),
            (
                Source::OperationDays,
                datetime!(2026-10-02 00:00 UTC),
                datetime!(2026-10-03 00:00 UTC),
            ),
            (
                Source::OperationHours,
                datetime!(2026-10-03 00:00 UTC),
                datetime!(2026-10-03 01:00 UTC),
            ),
            (Source::Calls, datetime!(2026-10-03 01:00 UTC), until),
        ]
        .map(|(source, since, until)| (source, span(at(since), at(until))));
        assert_eq!(covered(span(at(since), at(until)), None), expected);
    }

    #[test]
    fn an_open_range_is_read_from_the_coarsest_sums() {
        let everything = span(None, None);
        assert_eq!(
            covered(everything, None),
            [(Source::OperationDays, everything)]
        );
        assert_eq!(
            cover(everything, None, &[]),
            [Piece {
                source: Source::Calls,
                span: everything
            }]
        );
    }

    #[test]
    fn calls_that_are_not_summed_yet_are_read_themselves() {
        let summed_from = Some(datetime!(2026-10-02 23:00 UTC));
        let midnight = Some(datetime!(2026-10-03 00:00 UTC));
        assert_eq!(
            covered(span(None, None), summed_from),
            [
                (Source::Calls, span(None, summed_from)),
                (Source::OperationHours, span(summed_from, midnight)),
                (Source::OperationDays, span(midnight, None)),
            ]
        );
        let earlier = Some(datetime!(2026-10-02 12:00 UTC));
        assert_eq!(
            covered(span(None, earlier), summed_from),
            [(Source::Calls, span(None, earlier))]
        );
    }

    #[test]
    fn pieces_meet_and_have_whole_rows() {
        let mut since = datetime!(2026-10-01 00:00 UTC);
        let step = Duration::seconds(2531);
        for lengths in 0..60 {
            since += Duration::minutes(7);
            let length = Duration::SECOND + step * lengths;
            let range = span(Some(since), Some(since + length));
            let pieces = cover(range, Some(datetime!(2026-10-01 02:00 UTC)), SUMS);
            assert_eq!(pieces[0].span.since, range.since);
            assert_eq!(pieces[pieces.len() - 1].span.until, range.until);
            for pair in pieces.windows(2) {
                assert_eq!(pair[0].span.until, pair[1].span.since);
            }
            for piece in pieces {
                let Span { since, until } = piece.span;
                assert!(since < until);
                for end in [since, until].into_iter().flatten() {
                    let whole = piece.source == Source::Calls || floor(end, piece.source) == end;
                    assert!(whole, "{piece:?}");
                }
            }
        }
    }

    #[test]
    fn the_ends_of_the_calendar_are_no_problem() {
        let range = span(
            Some(datetime!(0001-01-01 00:00:01 UTC)),
            Some(datetime!(9999-12-31 23:59:59 UTC)),
        );
        assert_eq!(covered(range, None).len(), 5);
        let last = span(Some(datetime!(9999-12-31 23:30 UTC)), None);
        assert!(!covered(last, None).is_empty());
    }

    #[test]
    fn charts_are_read_from_sums_that_fit_their_buckets() {
        let first = datetime!(2026-10-01 00:00 UTC);
        let sources = |length, knowledge: Knowledge| {
            knowledge.for_buckets(&Buckets::spanning(first, first + length, Duration::ZERO))
        };
        let (everything, operations) = (Knowledge::Everything, Knowledge::Operations);
        let none: &[Source] = &[];
        assert_eq!(sources(Duration::HOUR, everything), none);
        assert_eq!(sources(Duration::DAY, everything), [Source::FiveMinutes]);
        assert_eq!(sources(Duration::DAY, operations), none);
        assert_eq!(
            sources(Duration::WEEK, operations),
            [Source::OperationHours]
        );
        let of_all = [Source::Hours, Source::FiveMinutes];
        assert_eq!(sources(Duration::WEEK, everything), of_all);
        assert_eq!(sources(Duration::days(90), everything), of_all);
        assert_eq!(sources(Duration::days(90), operations), SUMS);
        assert_eq!(sources(Duration::days(90), Knowledge::Nothing), none);
    }

    #[test]
    fn sums_know_operations_and_errors() {
        let knowledge = |change: fn(&mut Filter)| {
            let mut filter = Filter::default();
            change(&mut filter);
            Knowledge::of(&filter)
        };
        assert_eq!(knowledge(|_| {}), Knowledge::Everything);
        assert_eq!(knowledge(|f| f.errors_only = true), Knowledge::Everything);
        let operation = knowledge(|f| f.method = Some("Login".to_owned()));
        assert_eq!(operation, Knowledge::Operations);
        assert_eq!(knowledge(|f| f.status = Some(404)), Knowledge::Nothing);
        assert_eq!(
            knowledge(|f| f.user = Some(uuid::Uuid::nil())),
            Knowledge::Nothing
        );
    }
}
