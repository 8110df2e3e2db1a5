//! When a picture was taken: EXIF's local time, with its zone only if it is known. The day of a
//! picture is the day where it was taken, wherever it is looked at.

use std::fmt::Write as _;

use exif::{Exif, In, Tag, Value};
use time::{Date, Month, Time};

/// The first photograph was taken in 1826.
const FIRST_YEAR: i32 = 1826;

/// The most digits of a fraction of a second: nanoseconds.
const MAX_FRACTION: usize = 9;

/// The largest UTC offset, in hours. Real ones are from -12 to +14.
const MAX_OFFSET: u8 = 15;

/// The time in ISO 8601: `2026-07-14T18:03:21`, with a fraction and an offset if they are known.
pub(crate) fn of(exif: &Exif) -> Option<String> {
    let text = |tag| {
        exif.get_field(tag, In::PRIMARY)
            .and_then(|field| ascii(&field.value))
    };
    let (mut taken_at, own_zone) = local_time(&text(Tag::DateTimeOriginal)?)?;
    if let Some(fraction) = text(Tag::SubSecTimeOriginal).as_deref().and_then(fraction) {
        let _ = write!(taken_at, ".{fraction}");
    }
    let zone = own_zone
        .or_else(|| zone(&text(Tag::OffsetTimeOriginal)?))
        .or_else(|| zone(&text(Tag::OffsetTime)?));
    taken_at.extend(zone);
    Some(taken_at)
}

/// A text, without padding.
fn ascii(value: &Value) -> Option<String> {
    let Value::Ascii(lines) = value else {
        return None;
    };
    let line = str::from_utf8(lines.first()?).ok()?;
    Some(
        line.trim_matches(|c: char| c == '\0' || c.is_whitespace())
            .to_owned(),
    )
}

/// Reads `2026:07:14 18:03:21`, as EXIF demands it, or with the separators of ISO 8601. Some writers
/// add the zone.
fn local_time(text: &str) -> Option<(String, Option<String>)> {
    let (digits, rest) = text.split_at_checked(19)?;
    let bytes = digits.as_bytes();
    let separators = [4, 7, 10, 13, 16].map(|at| bytes[at]);
    let [
        b':' | b'-' | b'/',
        b':' | b'-' | b'/',
        b' ' | b'T',
        b':',
        b':',
    ] = separators
    else {
        return None;
    };
    let number = |from: usize, until: usize| {
        let part = digits.get(from..until)?;
        let is_number = part.bytes().all(|byte| byte.is_ascii_digit());
        is_number.then(|| part.parse::<u16>().ok())?
    };
    let small = |from| u8::try_from(number(from, from + 2)?).ok();
    let (year, month, day) = (i32::from(number(0, 4)?), small(5)?, small(8)?);
    let (hour, minute, second) = (small(11)?, small(14)?, small(17)?);
    Date::from_calendar_date(year, Month::try_from(month).ok()?, day).ok()?;
    Time::from_hms(hour, minute, second).ok()?;
    if year < FIRST_YEAR {
        return None;
    }
    let time = format!("{year:04}-{month:02}-{day:02}T{hour:02}:{minute:02}:{second:02}");
    Some((time, zone(rest.trim())))
}

/// Reads `+02:00`, `-05:30` or `Z`.
fn zone(text: &str) -> Option<String> {
    if text == "Z" {
        return Some("+00:00".to_owned());
    }
    let (sign, rest) = text.split_at_checked(1)?;
    let (hours, minutes) = match rest.len() {
        5 => rest.split_once(':')?,
        4 => rest.split_at_checked(2)?,
        _ => return None,
    };
    let number = |text: &str| {
        let is_number = text.len() == 2 && text.bytes().all(|byte| byte.is_ascii_digit());
        is_number.then(|| text.parse::<u8>().ok())?
    };
    let (hours, minutes) = (number(hours)?, number(minutes)?);
    let is_valid = matches!(sign, "+" | "-") && hours <= MAX_OFFSET && minutes < 60;
    is_valid.then(|| format!("{sign}{hours:02}:{minutes:02}"))
}

/// The digits of a fraction of a second.
fn fraction(text: &str) -> Option<&str> {
    let is_number = !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit());
    is_number.then(|| &text[..text.len().min(MAX_FRACTION)])
}

#[cfg(test)]
mod tests {
    use exif::{Field, experimental::Writer};
    use std::io::Cursor;

    use super::*;
    use crate::metadata;

    /// The result for EXIF with these texts.
    fn taken_at(texts: &[(Tag, &str)]) -> Option<String> {
        let fields: Vec<_> = texts
            .iter()
            .map(|(tag, text)| Field {
                tag: *tag,
                ifd_num: In::PRIMARY,
                value: Value::Ascii(vec![text.as_bytes().to_vec()]),
            })
            .collect();
        let mut writer = Writer::new();
        fields.iter().for_each(|field| writer.push_field(field));
        let mut tiff = Cursor::new(Vec::new());
        writer.write(&mut tiff, false).unwrap();
        of(&metadata::parse(&tiff.into_inner()).unwrap())
    }

    #[test]
    fn the_local_time_is_kept_with_its_zone_if_known() {
        let date = (Tag::DateTimeOriginal, "2026:07:14 18:03:21");
        let own = (Tag::OffsetTimeOriginal, "+02:00");
        let other = (Tag::OffsetTime, "-05:30");
        for (texts, expected) in [
            (&[date][..], "2026-07-14T18:03:21"),
            (&[date, own], "2026-07-14T18:03:21+02:00"),
            (&[date, other], "2026-07-14T18:03:21-05:30"),
            (&[date, own, other], "2026-07-14T18:03:21+02:00"),
            (
                &[date, own, (Tag::SubSecTimeOriginal, "25 ")],
                "2026-07-14T18:03:21.25+02:00",
            ),
            (
                &[date, (Tag::OffsetTimeOriginal, "   :  "), other],
                "2026-07-14T18:03:21-05:30",
            ),
            (
                &[(Tag::DateTimeOriginal, "2026:07:14 18:03:21-03:30")],
                "2026-07-14T18:03:21-03:30",
            ),
            (
                &[(Tag::DateTimeOriginal, "2026-07-14T18:03:21Z"), own],
                "2026-07-14T18:03:21+00:00",
            ),
            (
                &[(Tag::DateTimeOriginal, "2026:07:14 18:03:21+0200")],
                "2026-07-14T18:03:21+02:00",
            ),
            (
                &[date, (Tag::SubSecTimeOriginal, "1234567890123")],
                "2026-07-14T18:03:21.123456789",
            ),
        ] {
            assert_eq!(taken_at(texts).as_deref(), Some(expected), "{texts:?}");
        }
    }

    #[test]
    fn nonsense_is_unknown() {
        for text in [
            "0000:00:00 00:00:00",
            "    :  :     :  :  ",
            "2026:02:30 12:00:00",
            "2026:07:14 24:00:00",
            "2026:07:14 18:03",
            "2026:07:14",
            "0001:01:01 00:00:00",
            "+026:07:14 18:03:21",
            "2026年07月14日18:03:21",
            "",
        ] {
            assert_eq!(taken_at(&[(Tag::DateTimeOriginal, text)]), None, "{text:?}");
        }
        // Neither the time of the last change nor a zone alone says when it was taken.
        assert_eq!(taken_at(&[(Tag::DateTime, "2026:07:14 18:03:21")]), None);
        assert_eq!(taken_at(&[(Tag::OffsetTimeOriginal, "+02:00")]), None);
        // The time counts without its invalid zone and fraction.
        for (tag, text) in [
            (Tag::OffsetTimeOriginal, "+99:00"),
            (Tag::OffsetTimeOriginal, "+02:60"),
            (Tag::OffsetTimeOriginal, "02:00"),
            (Tag::SubSecTimeOriginal, "1/2"),
        ] {
            let texts = [(Tag::DateTimeOriginal, "2026:07:14 18:03:21"), (tag, text)];
            let found = taken_at(&texts);
            assert_eq!(found.as_deref(), Some("2026-07-14T18:03:21"), "{text:?}");
        }
    }
}
