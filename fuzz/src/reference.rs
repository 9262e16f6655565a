//! A second, naive parser of times to compare with.

use std::ops::Range;

const MS: i64 = 1_000;
const DAY: i64 = 86_400;

/// An RFC 3339 time of the years 2000 to 2099, in milliseconds since 1970.
pub(crate) fn unix_ms(text: &str) -> Option<i64> {
    let number = |range: Range<usize>| {
        let digits = text.get(range)?;
        digits.bytes().all(|b| b.is_ascii_digit()).then_some(())?;
        digits.parse::<i64>().ok()
    };
    let is = |at: usize, accepted: &str| {
        text.get(at..=at)
            .is_some_and(|c| accepted.contains(c))
            .then_some(())
    };
    let (year, month, day) = (number(0..4)?, number(5..7)?, number(8..10)?);
    let (hour, minute, second) = (number(11..13)?, number(14..16)?, number(17..19)?);
    for (at, accepted) in [(4, "-"), (7, "-"), (10, "Tt "), (13, ":"), (16, ":")] {
        is(at, accepted)?;
    }
    let mut rest = text.get(19..)?;
    let mut fraction = String::new();
    if let Some(digits) = rest.strip_prefix('.') {
        fraction = digits.chars().take_while(char::is_ascii_digit).collect();
        rest = digits.get(fraction.len()..)?;
        (!fraction.is_empty()).then_some(())?;
    }
    let ms: i64 = format!("{fraction:0<3}").get(..3)?.parse().ok()?;
    let offset = match rest {
        "Z" | "z" => 0,
        _ => {
            let at = text.len() - rest.len();
            let (hours, minutes) = (number(at + 1..at + 3)?, number(at + 4..at + 6)?);
            is(at + 3, ":")?;
            (rest.len() == 6 && hours < 24 && minutes < 60).then_some(())?;
            let seconds = hours * 3_600 + minutes * 60;
            match rest.get(..1)? {
                "+" => seconds,
                "-" => -seconds,
                _ => return None,
            }
        }
    };
    let is_date = (1..=12).contains(&month) && (1..=days(year, month)).contains(&day);
    (is_date && hour < 24 && minute < 60 && second < 60).then_some(())?;
    // The years and months before this one.
    let years: i64 = (0..year)
        .map(|y| (1..=12).map(|m| days(y, m)).sum::<i64>())
        .sum();
    let months: i64 = (1..month).map(|m| days(year, m)).sum();
    let date = years + months + day - 1 - DAYS_TO_1970;
    let seconds = date * DAY + hour * 3_600 + minute * 60 + second - offset;
    let unix_ms = seconds * MS + ms;
    (946_684_800_000..4_102_444_800_000)
        .contains(&unix_ms)
        .then_some(unix_ms)
}

/// The days since the first day of the year 0.
const DAYS_TO_1970: i64 = 719_528;

fn days(year: i64, month: i64) -> i64 {
    let is_leap = year % 4 == 0 && (year % 100 != 0 || year % 400 == 0);
    match month {
        2 if is_leap => 29,
        2 => 28,
        4 | 6 | 9 | 11 => 30,
        _ => 31,
    }
}
