//! `Retry-After` (RFC 9110, section 10.2.3): a number of seconds, or one of the three HTTP dates of
//! section 5.6.7. Pure; what cannot be read counts as absent.

/// The longest wait that a server may impose, in seconds: a day. More is cut to it.
const LONGEST: u64 = 86_400;

const MONTHS: [&str; 12] =
    ["jan", "feb", "mar", "apr", "may", "jun", "jul", "aug", "sep", "oct", "nov", "dec"];

/// Seconds from `now` (seconds since 1970 UTC) that `value` asks to wait; 0 for a date that has passed.
pub(super) fn seconds(value: &str, now: u64) -> Option<u64> {
    let value = value.trim();
    if !value.is_empty() && value.bytes().all(|byte| byte.is_ascii_digit()) {
        return Some(value.parse().unwrap_or(LONGEST).min(LONGEST));
    }
    Some(date(value)?.saturating_sub(now).min(LONGEST))
}

/// An HTTP date in any of its three forms, as seconds since 1970 UTC. They differ in order and separators
/// only: day before year in all of them, so each part is known by its look.
fn date(value: &str) -> Option<u64> {
    let (mut month, mut time, mut numbers) = (None, None, Vec::new());
    for part in value.split([' ', ',', '-']).filter(|part| !part.is_empty()) {
        if part.contains(':') {
            time = Some(clock_time(part)?);
        } else if let Ok(number) = part.parse::<u64>() {
            numbers.push(number);
        } else if let Some(index) = MONTHS.iter().position(|name| part.eq_ignore_ascii_case(name)) {
            month = Some(index as u64 + 1);
        }
    }
    let [day, year] = numbers[..] else { return None };
    let year = if year < 100 { year + 2000 } else { year };
    Some(days(year, month?, day)? * 86_400 + time?)
}

fn clock_time(text: &str) -> Option<u64> {
    let parts: Vec<u64> = text.split(':').map(|part| part.parse().ok()).collect::<Option<_>>()?;
    let [hour, minute, second] = parts[..] else { return None };
    (hour < 24 && minute < 60 && second <= 60).then_some(hour * 3600 + minute * 60 + second)
}

/// Days from 1970-01-01 to a date of the Gregorian calendar.
fn days(year: u64, month: u64, day: u64) -> Option<u64> {
    if !(1970..=9999).contains(&year) || !(1..=31).contains(&day) {
        return None;
    }
    // Years are counted from March, so that the leap day ends them.
    let (year, month) = if month > 2 { (year, month - 3) } else { (year - 1, month + 9) };
    let day_of_year = (153 * month + 2) / 5 + day - 1;
    (year * 365 + year / 4 - year / 100 + year / 400 + day_of_year).checked_sub(719_468)
}

#[cfg(test)]
mod tests {
    use super::*;

    const NOVEMBER_2026: u64 = 1_793_954_977; // 2026-11-06T08:49:37Z

    #[test]
    fn a_wait_is_read_as_seconds_or_as_any_of_the_three_dates() {
        assert_eq!(seconds(" 120 ", 0), Some(120));
        for date in
            ["Fri, 06 Nov 2026 08:49:37 GMT", "Friday, 06-Nov-26 08:49:37 GMT", "Fri Nov  6 08:49:37 2026"]
        {
            assert_eq!(seconds(date, NOVEMBER_2026 - 90), Some(90), "{date}");
        }
    }

    #[test]
    fn a_wait_is_bounded_and_a_passed_date_is_now() {
        assert_eq!(seconds("99999999999999999999999", 0), Some(LONGEST));
        assert_eq!(seconds("Fri, 31 Dec 9999 23:59:59 GMT", NOVEMBER_2026), Some(LONGEST));
        assert_eq!(seconds("Fri, 06 Nov 2026 08:49:37 GMT", NOVEMBER_2026 + 5), Some(0));
    }

    #[test]
    fn junk_is_no_wait() {
        for junk in [
            "",
            "-1",
            "soon",
            "1.5",
            "06 Nov",
            "Fri, 06 Nov 2026 25:00:00 GMT",
            "1 2 3 : :",
            "99 Nov 1 1:1:1",
        ] {
            assert_eq!(seconds(junk, 0), None, "{junk}");
        }
    }
}
