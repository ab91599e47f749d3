//! Where a session is replayed: the place that the configuration names, or the form that says what it is.

/// Where sessions are replayed if nothing else is said: no address, but what `interdict replay` is to be given.
pub const REPLAY: &str = "interdict://replay/{session}";

/// What stands for the session in the place.
const SESSION: &str = "{session}";

/// The place with the session in it, or behind it. Its id is encoded as RFC 3986 has it for a part of a path, so that it
/// cannot become another address, whatever it is.
pub(super) fn replay_url(place: &str, session: &str) -> String {
    let mut id = String::with_capacity(session.len());
    for byte in session.bytes() {
        match byte {
            b'A'..=b'Z' | b'a'..=b'z' | b'0'..=b'9' | b'-' | b'.' | b'_' | b'~' => id.push(char::from(byte)),
            byte => id.push_str(&format!("%{byte:02X}")),
        }
    }
    // A part of dots alone would be another place.
    if id.bytes().all(|byte| byte == b'.') {
        id = id.replace('.', "%2E");
    }
    if place.contains(SESSION) { place.replace(SESSION, &id) } else { format!("{place}{id}") }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_session_stays_a_part_of_its_place() {
        let check = |place: &str, session: &str, expected: &str| assert_eq!(replay_url(place, session), expected);
        check(REPLAY, "01JD-x_9~.", "interdict://replay/01JD-x_9~.");
        check("https://gateway/r/", "s1", "https://gateway/r/s1");
        check("https://gateway/r?id={session}&at=0", "a&b=c d", "https://gateway/r?id=a%26b%3Dc%20d&at=0");
        check(REPLAY, "../../x", "interdict://replay/..%2F..%2Fx");
        check(REPLAY, "..", "interdict://replay/%2E%2E");
        check(REPLAY, "ü\n", "interdict://replay/%C3%BC%0A");
    }
}
