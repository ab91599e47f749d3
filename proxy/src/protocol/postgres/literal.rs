//! Literals in SQL text: found without parsing where that is safe. Owns what makes two texts the same statement, what
//! is blotted out of a record, and which texts two settings would read differently.

use pg_query::protobuf::Token;
use std::borrow::Cow;

/// Stands for a literal that is not recorded.
const BLOT: &str = "'***'";

/// The text with numbers and plain strings replaced, so that statements that differ in these alone are the same. Texts
/// with anything that makes quoting hard to follow stay as they are.
pub(super) fn generalise(text: &str) -> Cow<'_, str> {
    let bytes = text.as_bytes();
    let hard = |pair: &[u8]| matches!(pair, b"--" | b"/*");
    if bytes.iter().any(|byte| matches!(byte, b'\\' | b'"' | b'$')) || bytes.windows(2).any(hard) {
        return Cow::Borrowed(text);
    }
    let mut out = String::with_capacity(text.len());
    let mut rest = text;
    // Whether the character before may belong to the same token as a digit or quote: `a1`, `1.5`, `E'...'`.
    let mut joined = false;
    while let Some(c) = rest.chars().next() {
        let length = match c {
            '\'' if joined => return Cow::Borrowed(text),
            '\'' => match rest.get(1..).and_then(|inner| inner.find('\'')) {
                Some(end) => end + 2,
                None => return Cow::Borrowed(text),
            },
            '0'..='9' if !joined => rest.find(|c: char| !c.is_ascii_digit()).unwrap_or(rest.len()),
            _ => c.len_utf8(),
        };
        let (token, after) = rest.split_at(length);
        let number_ends = || !after.starts_with(|c: char| c.is_alphanumeric() || matches!(c, '.' | '_'));
        match c {
            // A doubled quote reads as two strings side by side: both texts of a pair must have it in one place.
            '\'' => out.push_str("''"),
            '0'..='9' if !joined && number_ends() => out.push('0'),
            _ => out.push_str(token),
        }
        joined = c != '\'' && (c.is_alphanumeric() || matches!(c, '.' | '_') || !c.is_ascii() || c == '&');
        rest = after;
    }
    Cow::Owned(out)
}

/// Whether standard_conforming_strings or client_encoding decides where a literal ends: a backslash stands before a
/// quote, or after a byte that some encodings pair with it.
pub(super) fn is_ambiguous(text: &[u8]) -> bool {
    text.contains(&b'\\')
        && text.windows(2).any(|pair| match pair {
            [b'\\', after] => *after == b'\'',
            [before, b'\\'] => !before.is_ascii(),
            _ => false,
        })
}

/// Whether the text speaks of a password, so that its literals may be one.
pub(super) fn mentions_password(text: &str) -> bool {
    const WORD: &[u8] = b"password";
    text.as_bytes().windows(WORD.len()).any(|window| window.eq_ignore_ascii_case(WORD))
}

/// The text with every string literal blotted out.
pub(super) fn redact(text: &str) -> String {
    let Ok(tokens) = pg_query::scan_tokens(text) else { return redact_unparsed(text) };
    let mut out = String::with_capacity(text.len());
    let mut at = 0;
    for token in tokens {
        let literal = [Token::Sconst, Token::Usconst, Token::Bconst, Token::Xconst].map(|token| token as i32);
        if !literal.contains(&token.token) {
            continue;
        }
        let (Ok(start), Ok(end)) = (usize::try_from(token.start), usize::try_from(token.end)) else { continue };
        let Some(before) = text.get(at..start) else { return redact_unparsed(text) };
        out.push_str(before);
        out.push_str(BLOT);
        at = end;
    }
    match text.get(at..) {
        Some(rest) => out + rest,
        None => redact_unparsed(text),
    }
}

/// What may be recorded of a text whose tokens are unknown: all of it, or its beginning up to a password.
pub(super) fn redact_unparsed(text: &str) -> String {
    const WORD: &[u8] = b"password";
    let place = text.as_bytes().windows(WORD.len()).position(|window| window.eq_ignore_ascii_case(WORD));
    match place.and_then(|place| text.get(..place + WORD.len())) {
        Some(head) => format!("{head} ***"),
        None => text.to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn texts_that_differ_in_literals_alone_are_the_same() {
        let same = [
            ("select a from t where b = 17;", "select a from t where b = 4711;"),
            ("select 'a', 1", "select 'bcd', 22"),
            ("select '' , 5", "select 'x;drop table t' , 6"),
            ("select é, 'ü' from t", "select é, 'ö' from t"),
        ];
        for (a, b) in same {
            assert_eq!(generalise(a), generalise(b), "{a} / {b}");
            assert_ne!(generalise(a), a);
        }
        let different = [
            ("select a1", "select a2"),
            ("select 'a''b'", "select 'a'"),
            ("select E'a'", "select E'b'"),
            ("select 1 -- 2", "select 1 -- 3"),
            ("select \"1\"", "select \"2\""),
            ("select $1", "select $2"),
            ("select 'a", "select 'b"),
            ("select 1a", "select 2a"),
            ("select U&'a'", "select U&'b'"),
        ];
        for (a, b) in different {
            assert_ne!(generalise(a), generalise(b), "{a} / {b}");
        }
    }

    #[test]
    fn ambiguous_quoting_is_seen() {
        for text in [r"select 'a\'", r"select '\''; drop table t; --'", "select E'\u{3042}\\' x'"] {
            assert!(is_ambiguous(text.as_bytes()), "{text}");
        }
        for text in [r"select 'C:\temp'", "select 'it''s'", r"select E'a\n'"] {
            assert!(!is_ambiguous(text.as_bytes()), "{text}");
        }
    }

    #[test]
    fn secrets_are_blotted_out() {
        assert_eq!(
            redact("alter role a password 'x''y' valid until 'z'"),
            "alter role a password '***' valid until '***'"
        );
        assert_eq!(redact("create role é password $$s$$"), "create role é password '***'");
        assert_eq!(redact_unparsed("alter rol a PASSWORD 'x"), "alter rol a PASSWORD ***");
        assert_eq!(redact_unparsed("selec 1"), "selec 1");
    }
}
