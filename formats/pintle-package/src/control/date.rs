//! The archive's dates (`Sat, 12 Sep 2026 07:55:41 UTC`) and RFC 3339, both in UTC, as seconds since 1970.
//!
//! Reference: Debian Policy 4.4 and RFC 5322 3.3 for the first form (an archive always writes UTC), RFC 3339 5.6.

pub use pintle_model::rfc3339;

const MONTHS: [&str; 12] =
    ["Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"];
const DAYS: [&str; 7] = ["Mon", "Tue", "Wed", "Thu", "Fri", "Sat", "Sun"];

/// The text is no date.
#[derive(Clone, Debug, thiserror::Error, PartialEq, Eq)]
#[error("`{0}` is not a date like `Sat, 12 Sep 2026 07:55:41 UTC`")]
pub struct BadDate(pub String);

/// Reads an archive's date.
///
/// # Errors
/// [`BadDate`] for anything else, other time zones included.
pub fn parse(text: &str) -> Result<i64, BadDate> {
    read(text).ok_or_else(|| BadDate(super::deb822::excerpt(text)))
}

/// Reads a date of mail (RFC 5322 3.3), as changelogs have it: `Fri, 07 Nov 2025 10:00:00 +0100`.
#[must_use]
pub fn parse_mail(text: &str) -> Option<i64> {
    let (local, zone) = text.trim_ascii_end().rsplit_once(' ')?;
    let (sign, digits) = match zone.split_at_checked(1)? {
        ("+", digits) => (1, digits),
        ("-", digits) => (-1, digits),
        _ => return read(text),
    };
    let number = number(digits, 4, 4)?;
    Some(read(&format!("{local} UTC"))? - sign * (number / 100 * 3600 + number % 100 * 60))
}

fn read(text: &str) -> Option<i64> {
    let mut words = text.split_ascii_whitespace();
    let weekday = words.next()?.strip_suffix(',')?;
    DAYS.contains(&weekday).then_some(())?;
    let day = number(words.next()?, 1, 2)?;
    let month = words.next()?;
    let month = 1 + MONTHS.iter().position(|&name| name == month)? as i64;
    let year = number(words.next()?, 4, 4)?;
    let mut clock = words.next()?.split(':').map(|part| number(part, 2, 2));
    let (hour, minute, second) = (clock.next()??, clock.next()??, clock.next()??);
    let zone = words.next()?;
    let valid = (1..=days_in_month(year, month)).contains(&day)
        && hour < 24
        && minute < 60
        && second <= 60
        && matches!(zone, "UTC" | "GMT" | "Z" | "+0000")
        && clock.next().is_none()
        && words.next().is_none();
    valid.then(|| days_from_civil(year, month, day) * 86400 + hour * 3600 + minute * 60 + second)
}

fn number(text: &str, min: usize, max: usize) -> Option<i64> {
    let fits = (min..=max).contains(&text.len()) && text.bytes().all(|b| b.is_ascii_digit());
    fits.then(|| text.parse().ok()).flatten()
}

fn days_in_month(year: i64, month: i64) -> i64 {
    match month {
        2 if year % 4 == 0 && (year % 100 != 0 || year % 400 == 0) => 29,
        2 => 28,
        4 | 6 | 9 | 11 => 30,
        _ => 31,
    }
}

/// Days from 1970-01-01 to a date of the Gregorian calendar, counted in years that begin in March so that the leap day
/// comes last.
fn days_from_civil(year: i64, month: i64, day: i64) -> i64 {
    let year = year - i64::from(month <= 2);
    let era = year.div_euclid(400);
    let year_of_era = year.rem_euclid(400);
    let day_of_year = (153 * ((month + 9) % 12) + 2) / 5 + day - 1;
    era * 146_097 + year_of_era * 365 + year_of_era / 4 - year_of_era / 100 + day_of_year - 719_468
}

/// Reads `2026-09-12T07:55:41Z` back, as [`rfc3339`] writes it.
#[must_use]
pub fn parse_rfc3339(text: &str) -> Option<i64> {
    let (date, clock) = text.strip_suffix('Z')?.split_once('T')?;
    let mut date = date.split('-');
    let year = number(date.next()?, 4, 4)?;
    let (month, day) = (number(date.next()?, 2, 2)?, number(date.next()?, 2, 2)?);
    let mut clock = clock.split(':').map(|part| number(part, 2, 2));
    let (hour, minute, second) = (clock.next()??, clock.next()??, clock.next()??);
    let valid = (1..=12).contains(&month)
        && (1..=days_in_month(year, month)).contains(&day)
        && hour < 24
        && minute < 60
        && second <= 60
        && date.next().is_none()
        && clock.next().is_none();
    valid.then(|| days_from_civil(year, month, day) * 86400 + hour * 3600 + minute * 60 + second)
}
