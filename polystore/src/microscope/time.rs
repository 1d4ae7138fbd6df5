//! Times in metadata: ISO 8601 to seconds since 1970.

/// Seconds since 1970-01-01 UTC of a time such as `2022-12-19T10:18:52.2439831+01:00`; UTC
/// when it names no zone. `None` for anything else.
pub(crate) fn epoch_seconds(text: &str) -> Option<i64> {
    let (date, time) = text.trim().split_once(['T', ' '])?;
    let mut date = date.splitn(3, '-').map(|part| part.parse::<i64>().ok());
    let (year, month, day) = (date.next()??, date.next()??, date.next()??);
    let (clock, zone_s) = split_zone(time)?;
    let mut clock = clock.splitn(3, ':');
    let (hour, minute) = (clock.next()?.parse::<i64>().ok()?, clock.next()?.parse::<i64>().ok()?);
    let second = clock.next().unwrap_or("0").split('.').next()?.parse::<i64>().ok()?;
    let is_time =
        (0..24).contains(&hour) && (0..60).contains(&minute) && (0..=60).contains(&second);
    let is_date =
        (1..10_000).contains(&year) && (1..=12).contains(&month) && (1..=31).contains(&day);
    (is_time && is_date).then(|| {
        days_since_1970(year, month, day) * 86_400 + hour * 3600 + minute * 60 + second - zone_s
    })
}

/// The time without its zone, and the zone in seconds east of UTC.
fn split_zone(time: &str) -> Option<(&str, i64)> {
    if let Some(time) = time.strip_suffix(['Z', 'z']) {
        return Some((time, 0));
    }
    let Some(at) = time.rfind(['+', '-']) else { return Some((time, 0)) };
    let sign = if time[at..].starts_with('-') { -1 } else { 1 };
    let (hours, minutes) = time[at + 1..].split_once(':').unwrap_or((&time[at + 1..], "0"));
    let (hours, minutes) = (hours.parse::<i64>().ok()?, minutes.parse::<i64>().ok()?);
    ((0..24).contains(&hours) && (0..60).contains(&minutes))
        .then_some((&time[..at], sign * (hours * 3600 + minutes * 60)))
}

/// Days from 1970-01-01 in the Gregorian calendar, counting years from March.
fn days_since_1970(year: i64, month: i64, day: i64) -> i64 {
    let year = if month <= 2 { year - 1 } else { year };
    let (era, year_of_era) = (year.div_euclid(400), year.rem_euclid(400));
    let day_of_year = (153 * ((month + 9) % 12) + 2) / 5 + day - 1;
    era * 146_097 + year_of_era * 365 + year_of_era / 4 - year_of_era / 100 + day_of_year - 719_468
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn known_times() {
        for (text, expected) in [
            ("1970-01-01T00:00:00Z", Some(0)),
            ("2000-02-29T12:00:00", Some(951_825_600)),
            ("2022-12-19T10:18:52.2439831+01:00", Some(1_671_441_532)),
            ("2023-09-18T13:58:44.438-02:30", Some(1_695_054_524)),
            ("1969-12-31 23:59:59", Some(-1)),
            ("2022-13-01T00:00:00", None),
            ("yesterday", None),
            ("2022-12-19", None),
        ] {
            assert_eq!(epoch_seconds(text), expected, "{text}");
        }
    }

    proptest! {
        #[test]
        fn parsing_never_panics(text in "[0-9T:.+Z é-]{0,40}") {
            let _ = epoch_seconds(&text);
        }
    }
}
