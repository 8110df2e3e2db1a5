//! `google.protobuf.Timestamp` as RFC 3339 text, proto3's JSON mapping.

use std::ops::RangeInclusive;

use prost_types::Timestamp;
use serde::{Deserialize as _, Deserializer, Serializer, de::Error as _};

/// The seconds from 1970 of the years 0001 to 9999, the range of a `Timestamp`.
const SECONDS: RangeInclusive<i64> = -62_135_596_800..=253_402_300_799;

/// Why text isn't a time. The messages end a sentence that starts with a field's name.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub(crate) enum TimeError {
    /// Not a time, or a date that no calendar has.
    #[error("must be a time as in RFC 3339, 2026-01-31T12:00:00Z")]
    Invalid,
    /// A date without a time of day.
    #[error("must be a time as in RFC 3339, 2026-01-31T12:00:00Z, not a date alone")]
    DateAlone,
    /// A time that could be anywhere in the world.
    #[error(
        "must be a time with its offset as in RFC 3339, 2026-01-31T12:00:00Z or \
         2026-01-31T13:00:00+01:00"
    )]
    NoOffset,
    /// An offset whose `+` became a space.
    #[error(
        "must be a time as in RFC 3339; it has a space where its offset begins: was `+` lost? \
         A URL's query needs %2B for it"
    )]
    LostPlus,
}

/// Parses RFC 3339 text: date, `T`, time of day, and `Z` or an offset. `T` and `Z` may be in lower
/// case (section 5.6). Digits after the ninth of a fraction are ignored; a leap second becomes the
/// second before it.
///
/// # Errors
///
/// See [`TimeError`].
pub(crate) fn parse(text: &str) -> Result<Timestamp, TimeError> {
    let (time, offset) = split(text)?;
    if matches!(offset.as_bytes(), [b' ', b'0'..=b'9', ..])
        && is_offset(&offset.replacen(' ', "+", 1))
    {
        return Err(TimeError::LostPlus);
    }
    if offset.is_empty() {
        return Err(TimeError::NoOffset);
    }
    if !is_offset(offset) {
        return Err(TimeError::Invalid);
    }
    let parsed: Timestamp = format!("{time}{offset}")
        .parse()
        .map_err(|_| TimeError::Invalid)?;
    if SECONDS.contains(&parsed.seconds) {
        Ok(parsed)
    } else {
        Err(TimeError::Invalid)
    }
}

/// Splits text after the time of day, `2026-01-31T12:00:00` with an optional fraction.
fn split(text: &str) -> Result<(&str, &str), TimeError> {
    const DATE: &str = "0000-00-00";
    const TIME: &str = "0000-00-00t00:00:00";
    if has_shape(text, DATE) {
        return Err(TimeError::DateAlone);
    }
    let head = text.get(..TIME.len()).ok_or(TimeError::Invalid)?;
    if !has_shape(head, TIME) {
        return Err(TimeError::Invalid);
    }
    let mut end = TIME.len();
    if let Some(fraction) = text[end..].strip_prefix('.') {
        let digits = fraction.bytes().take_while(u8::is_ascii_digit).count();
        if digits == 0 {
            return Err(TimeError::Invalid);
        }
        end += 1 + digits;
    }
    Ok(text.split_at(end))
}

/// Whether a text is `Z` or an offset in hours and minutes, `+01:00`.
fn is_offset(text: &str) -> bool {
    text.eq_ignore_ascii_case("z")
        || matches!(text.as_bytes().first(), Some(b'+' | b'-')) && has_shape(&text[1..], "00:00")
}

/// Whether a text has a digit for each `0` of a shape, and otherwise the same characters in any
/// case.
fn has_shape(text: &str, shape: &str) -> bool {
    let fits = |(found, expected): (u8, u8)| match expected {
        b'0' => found.is_ascii_digit(),
        _ => found.eq_ignore_ascii_case(&expected),
    };
    text.len() == shape.len() && text.bytes().zip(shape.bytes()).all(fits)
}

pub(crate) fn serialize<S: Serializer>(time: &Option<Timestamp>, to: S) -> Result<S::Ok, S::Error> {
    match time {
        Some(time) => to.collect_str(time),
        None => to.serialize_none(),
    }
}

pub(crate) fn deserialize<'de, D: Deserializer<'de>>(
    from: D,
) -> Result<Option<Timestamp>, D::Error> {
    Option::<String>::deserialize(from)?
        .map(|text| parse(&text).map_err(D::Error::custom))
        .transpose()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rfc_3339_is_parsed() {
        for (text, normal) in [
            ("2026-01-31T12:00:00Z", "2026-01-31T12:00:00Z"),
            ("2026-01-31t12:00:00z", "2026-01-31T12:00:00Z"),
            ("2026-01-31T12:00:00+01:30", "2026-01-31T10:30:00Z"),
            ("2026-01-31T12:00:00-00:30", "2026-01-31T12:30:00Z"),
            ("2026-01-31T12:00:00.5Z", "2026-01-31T12:00:00.500Z"),
            (
                "2026-01-31T12:00:00.1234567899Z",
                "2026-01-31T12:00:00.123456789Z",
            ),
            ("2016-12-31T23:59:60Z", "2016-12-31T23:59:59Z"),
            ("0001-01-01T00:00:00Z", "0001-01-01T00:00:00Z"),
            ("9999-12-31T23:59:59Z", "9999-12-31T23:59:59Z"),
        ] {
            assert_eq!(parse(text).unwrap().to_string(), normal, "{text}");
        }
    }

    #[test]
    fn nothing_else_is_parsed() {
        use TimeError::{DateAlone, Invalid, LostPlus, NoOffset};
        for (text, error) in [
            ("", Invalid),
            ("yesterday", Invalid),
            ("2026-01-31", DateAlone),
            ("2026-01-31T12:00:00", NoOffset),
            ("2026-01-31T12:00:00.5", NoOffset),
            ("2026-01-31T12:00:00 01:00", LostPlus),
            ("2026-01-31T12:00:00.25 01:00", LostPlus),
            ("2026-01-31T12:00:00 Z", Invalid),
            ("2026-01-31T12:00:00 +01:00", Invalid),
            ("2026-01-31 12:00:00Z", Invalid),
            ("2026-01-31T12:00Z", Invalid),
            ("2026-01-31T12:00:00.Z", Invalid),
            ("2026-01-31T12:00:00+01", Invalid),
            ("2026-01-31T12:00:00+0100", Invalid),
            ("2026-01-31T12:00:00+24:00", Invalid),
            ("2026-01-31T24:00:00Z", Invalid),
            ("2026-02-30T12:00:00Z", Invalid),
            ("2026-13-01T12:00:00Z", Invalid),
            ("0000-12-31T12:00:00Z", Invalid),
            ("0001-01-01T00:00:00+01:00", Invalid),
            ("9999-12-31T23:59:59-01:00", Invalid),
            ("+12026-01-31T12:00:00Z", Invalid),
            ("2026-01-31T12:00:00ZZ", Invalid),
            ("２026-01-31T12:00:00Z", Invalid),
            ("2026-01-31T12:00:00é", Invalid),
        ] {
            assert_eq!(parse(text), Err(error), "{text}");
            assert!(error.to_string().contains("RFC 3339"));
        }
    }
}
