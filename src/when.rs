//! Points in time as a person gives them on the command line, and the spans between them.

use crate::cli::Usage;
use interdict_schemas::Time;

/// As it was given.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum When {
    /// This moment.
    At(Time),
    /// So many seconds before now.
    Ago(i64),
}

impl When {
    /// The moment, as seen from `now`.
    pub(crate) fn time(self, now: Time) -> Time {
        match self {
            Self::At(time) => time,
            Self::Ago(seconds) => now.plus_seconds(-seconds),
        }
    }
}

/// Reads RFC 3339, a date (its first moment in UTC), or how long ago: `45s`, `30m`, `12h`, `7d`, `2w`.
pub(crate) fn parse(text: &str) -> Result<When, String> {
    if let Some(seconds) = ago(text) {
        return Ok(When::Ago(seconds));
    }
    if let Ok(time) = text.parse::<jiff::Timestamp>() {
        return Ok(When::At(time.into()));
    }
    // A date is read out of a longer text too, which would leave its time out.
    let date = Some(text).filter(|text| !text.contains([':', 'T', 't', ' ']));
    let date = date.and_then(|text| text.parse::<jiff::civil::Date>().ok());
    let date = date.and_then(|date| date.to_zoned(jiff::tz::TimeZone::UTC).ok());
    let date = date.ok_or(
        "write 2026-03-01T08:00:00Z (Z is UTC; it must be there), 2026-03-01, or how long ago: 45s, 30m, 12h, 7d, 2w",
    )?;
    Ok(When::At(date.timestamp().into()))
}

fn ago(text: &str) -> Option<i64> {
    let (number, unit) = text.split_at_checked(text.len().checked_sub(1)?)?;
    let unit = match unit {
        "s" => 1,
        "m" => 60,
        "h" => 3600,
        "d" => 86_400,
        "w" => 604_800,
        _ => return None,
    };
    number.parse::<u32>().ok().map(|number| i64::from(number) * unit)
}

/// Microseconds.
const DAY: i64 = 86_400_000_000;

/// From a moment to a moment, both included.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Span {
    pub(crate) from: Time,
    pub(crate) to: Time,
}

impl Span {
    /// The span between two moments; an end that is left out has no bound. `names` are the options' names.
    pub(crate) fn between(from: Option<When>, to: Option<When>, names: [&str; 2]) -> Result<Self, Usage> {
        let now = Time::from(jiff::Timestamp::now());
        let from = from.map_or(Time(i64::MIN), |when| when.time(now));
        let to = to.map_or(Time(i64::MAX), |when| when.time(now));
        if from > to {
            let [first, last] = names;
            return Err(Usage(format!("{first} is {from} and {last} is {to}: {first} must not be after {last}")));
        }
        if from == to && from.0.rem_euclid(DAY) == 0 {
            let next = Time(to.0.saturating_add(DAY)).to_string();
            let [first, last] = names;
            return Err(Usage(format!(
                "{first} and {last} are both the first moment of a day; for all of that day, {last} is {}",
                next.get(..10).unwrap_or_default()
            )));
        }
        Ok(Self { from, to })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn moments_are_read_in_three_forms() {
        let check = |text: &str, expected: Option<When>| assert_eq!(parse(text).ok(), expected, "{text}");
        let at = |seconds: i64| Some(When::At(Time(seconds * 1_000_000)));
        check("1970-01-02T00:00:00Z", at(86_400));
        check("1970-01-02T02:00:00+02:00", at(86_400));
        check("1970-01-02", at(86_400));
        check("90s", Some(When::Ago(90)));
        check("30m", Some(When::Ago(1800)));
        check("12h", Some(When::Ago(43_200)));
        check("7d", Some(When::Ago(604_800)));
        check("2w", Some(When::Ago(1_209_600)));
        for wrong in [
            "",
            "d",
            "7",
            "-1d",
            "7 d",
            "yesterday",
            "2026-13-01",
            "99999999999d",
            "7ü",
            "ü",
            "2026-11-29T18:00",
            "2026-11-29 18:00",
        ] {
            check(wrong, None);
        }
    }

    #[test]
    fn a_span_runs_forward() {
        let names = ["--from", "--to"];
        assert!(Span::between(Some(When::Ago(1)), Some(When::Ago(2)), names).is_err());
        assert!(Span::between(Some(When::Ago(2)), Some(When::Ago(1)), names).is_ok());
        let day = parse("2026-03-01").ok();
        assert!(Span::between(day, day, names).is_err_and(|error| error.to_string().contains("2026-03-02")));
        let all = Span::between(None, None, names).expect("all of time");
        assert_eq!((all.from, all.to), (Time(i64::MIN), Time(i64::MAX)));
    }
}
