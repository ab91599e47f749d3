//! Values of JSON records by path, and times as logs write them.

use super::Skip;
use interdict_schemas::Time;
use serde_json::Value;

/// The longest name of somebody or something that is believed, in bytes. Texts of actions may be longer.
const NAME: usize = 1024;

/// One JSON object.
pub(super) fn object(text: &[u8]) -> Result<Value, Skip> {
    let value: Value = serde_json::from_slice(text).map_err(|error| Skip::json(&error))?;
    if value.is_object() { Ok(value) } else { Err(Skip::wrong("the line", "an object")) }
}

/// The value at a path of keys with dots between them.
pub(super) fn at<'a>(value: &'a Value, path: &str) -> Option<&'a Value> {
    path.split('.').try_fold(value, |value, key| value.get(key)).filter(|value| !value.is_null())
}

/// The text at a path; empty if there is none.
pub(super) fn text<'a>(value: &'a Value, path: &str) -> &'a str {
    at(value, path).and_then(Value::as_str).unwrap_or_default()
}

/// The name at a path, if there is one that is not empty.
pub(super) fn name<'a>(value: &'a Value, path: &str) -> Result<Option<&'a str>, Skip> {
    match at(value, path) {
        None => Ok(None),
        Some(Value::String(text)) => checked(text, path),
        Some(_) => Err(Skip::wrong(path, "a string")),
    }
}

/// The name at a path, which must be there.
pub(super) fn required<'a>(value: &'a Value, path: &str) -> Result<&'a str, Skip> {
    name(value, path)?.ok_or_else(|| Skip::missing(path))
}

pub(super) fn checked<'a>(text: &'a str, path: &str) -> Result<Option<&'a str>, Skip> {
    if text.len() > NAME {
        return Err(Skip::wrong(path, "at most 1024 bytes long"));
    }
    Ok(Some(text).filter(|text| !text.is_empty()))
}

/// A time with its zone, as RFC 3339 has it.
pub(super) fn time(text: &str, path: &str) -> Result<Time, Skip> {
    let parsed = if text.len() > 64 { None } else { text.parse::<jiff::Timestamp>().ok() };
    parsed.map(Time::from).ok_or_else(|| Skip::wrong(path, "a time such as 2026-03-02T12:00:00Z"))
}

/// Seconds since the epoch with a fraction, without a detour over floating point.
pub(super) fn epoch(text: &str, path: &str) -> Result<Time, Skip> {
    /// The last second of the year 9999.
    const LAST: i64 = 253_402_300_799;
    let wrong = || Skip::wrong(path, "seconds since the epoch");
    let (whole, fraction) = text.split_once('.').unwrap_or((text, ""));
    if let Some((_, exponent)) = fraction.split_once(['e', 'E'])
        && exponent.len() < 4
    {
        return float(text, LAST).ok_or_else(wrong);
    }
    let is_digits = |text: &str| text.bytes().all(|byte| byte.is_ascii_digit());
    if whole.is_empty() || whole.len() > 12 || !is_digits(whole) || !is_digits(fraction) {
        return Err(wrong());
    }
    let seconds: i64 = whole.parse().ok().filter(|seconds| *seconds <= LAST).ok_or_else(wrong)?;
    let micros = fraction.bytes().chain(std::iter::repeat(b'0')).take(6);
    let micros = micros.fold(0_i64, |sum, digit| sum * 10 + i64::from(digit - b'0'));
    Ok(Time(seconds * 1_000_000 + micros))
}

fn float(text: &str, last: i64) -> Option<Time> {
    let seconds: f64 = text.parse().ok()?;
    #[expect(clippy::cast_precision_loss, reason = "compared, not kept")]
    let fits = (0.0..=last as f64).contains(&seconds);
    #[expect(clippy::cast_possible_truncation, reason = "in range")]
    fits.then_some(Time((seconds * 1e6) as i64))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn seconds_keep_their_microseconds() {
        let check = |text: &str, expected: Option<i64>| {
            assert_eq!(epoch(text, "ts").ok(), expected.map(Time), "{text}");
        };
        check("0", Some(0));
        check("150885", Some(150_885_000_000));
        check("1588205199.82437", Some(1_588_205_199_824_370));
        check("1588205199.8243709999", Some(1_588_205_199_824_370));
        check("1.5882e9", Some(1_588_200_000_000_000));
        for wrong in
            ["", "-1", ".5", "1.-5", "9999999999999", "999999999999", "1 ", "x", "1e309", "1.0e400", "1.e9999"]
        {
            check(wrong, None);
        }
    }
}
