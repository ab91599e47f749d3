//! Claims about words in base64: which runs are read, however they are cut, and which bytes are held back meanwhile.

use super::super::alphabet::may_tell;
use super::*;
use base64::Engine as _;
use base64::alphabet::STANDARD as CHARACTERS;
use base64::engine::general_purpose::{GeneralPurposeConfig, STANDARD, URL_SAFE, URL_SAFE_NO_PAD};
use base64::engine::{DecodePaddingMode, GeneralPurpose};

const HOST: &str = "host_name db.internal of orders-db";

fn b64(text: &str) -> String {
    STANDARD.encode(text)
}

fn wrapped(text: &str, columns: usize, between: &str) -> String {
    let lines: Vec<_> = text.as_bytes().chunks(columns).map(|line| std::str::from_utf8(line).unwrap()).collect();
    lines.join(between)
}

/// Whole, in two pieces cut anywhere, and byte by byte.
fn check(text: &str, expected: &[&str]) {
    let inventory = inventory();
    let told = |pieces: &[&[u8]]| {
        let mut scan = inventory.scan();
        pieces.iter().for_each(|piece| scan.feed(piece));
        scan.finish().iter().map(shown).collect::<Vec<_>>()
    };
    let bytes = text.as_bytes();
    assert_eq!(told(&[bytes]), expected, "in {text:?}");
    for cut in 0..bytes.len() {
        let (left, right) = bytes.split_at(cut);
        assert_eq!(told(&[left, right]), expected, "in {text:?} cut at {cut}");
    }
    assert_eq!(told(&bytes.chunks(1).collect::<Vec<_>>()), expected, "in {text:?} byte by byte");
}

#[test]
fn words_are_found_in_values() {
    let value = b64("db.internal");
    assert_eq!(value, "ZGIuaW50ZXJuYWw=");
    check(&value, &[HOST]);
    check(r#"{"kind":"Secret","data":{"host":"ZGIuaW50ZXJuYWw=","port":"NTQzMg=="}}"#, &[HOST]);
    check("kind: Secret\ndata:\n  host: ZGIuaW50ZXJuYWw=\n  port: NTQzMg==\n", &[HOST]);
    check("HOST=ZGIuaW50ZXJuYWw=\n", &[HOST]);
    check("host,ZGIuaW50ZXJuYWw=,5432", &[HOST]);
    check("b'ZGIuaW50ZXJuYWw='", &[HOST]);
    check("data:text/plain;base64,ZGIuaW50ZXJuYWw", &[HOST]);
    check(r#"{"file":"host:\nZGIuaW50ZXJuYWw=\n"}"#, &[HOST]);
    check(r#""{\"host\":\"ZGIuaW50ZXJuYWw=\"}""#, &[HOST]);
    check(r#""\u003ch1\u003eZGIuaW50ZXJuYWw""#, &[HOST]);
    check("?next=%2fZGIuaW50ZXJuYWw%3D", &[HOST]);
    check(r"C:\ZGIuaW50ZXJuYWw", &[HOST]);
    check(&format!("[{},{}]", b64("unrelated text"), b64("host: DB.Internal\n")), &[HOST]);
    check(
        &format!("Authorization: Basic {}\r\n", b64("app_rw@db1:secret")),
        &["account app_rw of orders-db", "account app_rw of bastion-3", "alias db1 of orders-db"],
    );
    check(
        &format!("{}.{}.c2lnbmF0dXJl", b64("{}"), URL_SAFE_NO_PAD.encode(r#"{"iss":"https://db.internal"}"#)),
        &[HOST],
    );
}

#[test]
fn both_alphabets_are_read_with_padding_or_without() {
    for text in
        ["~~~???>>> db.internal", "~~~???>>> db.internal ", "~~~???>>> db.internal  ", "\u{3ff}\u{fff} db.internal,"]
    {
        for encoded in [STANDARD.encode(text), URL_SAFE.encode(text)] {
            assert!(encoded.contains(['+', '/', '-', '_']), "{encoded} shows nothing");
            check(&encoded, &[HOST]);
            check(&format!("{} ", encoded.trim_end_matches('=')), &[HOST]);
        }
    }
}

#[test]
fn addresses_and_accounts_are_found() {
    check("MTAuMC4wLjU=", &["address 10.0.0.5 of orders-db"]);
    check(&b64("10.0.0.55"), &["address 10.0.0.55 of bastion-3"]);
    check(&b64("[fd00::5]:22"), &["address fd00::5 of orders-db"]);
    check(&b64("user: svc$deploy"), &["account svc$deploy of bastion-3"]);
}

#[test]
fn what_does_not_stand_alone_is_not_found() {
    check(&b64("x.db.internal.example.com"), &[]);
    check(&b64("db.internal.example.com"), &[]);
    check(&b64("my-db.internal and 10.0.0.56"), &[]);
    check(&b64("110.0.0.5 app_rwx"), &[]);
}

#[test]
fn what_is_no_run_is_not_decoded() {
    // Eleven characters without their padding; eight.
    check("MTAuMC4wLjU", &[]);
    check("MTAuMC4wLjU,=", &[]);
    check("ZGIx YXBwX3J3", &[]);
    check("ZGIuaW50!ZXJuYWw=", &[]);
    check("ZGIuaW50 ZXJuYWw=", &[]);
    check("xZGIuaW50ZXJuYWw=", &[]);
    check("=Z=G=I=u=a=W=5=0=Z=X=J=u=Y=W=w=", &[]);
    check(&b64(&b64("db.internal")), &[]);
    check("an ordinary-but-long/identifier_of_no_interest", &[]);
}

#[test]
fn wrapped_lines_go_on() {
    let config =
        format!("apiVersion: v1\nclusters:\n- name: {}\n  server: https://db.internal:6443\n", "x".repeat(86));
    for shift in 0..40 {
        // The word stands at every place around the third break.
        let encoded = b64(&format!("{}{config}", " ".repeat(shift)));
        for columns in [60, 64, 70, 76] {
            for between in ["\n", "\r\n", "\\n", "\\r\\n", "\\\\n", "\n    ", "\n\t"] {
                assert_eq!(found(wrapped(&encoded, columns, between).as_bytes()), [HOST], "{columns} {between:?}");
            }
        }
    }
    let encoded = b64(&config);
    check(&format!("-----BEGIN X-----\n{}\n-----END X-----\n", wrapped(&encoded, 64, "\n")), &[HOST]);
    check(&format!(r#"{{"key":"{}\n"}}"#, wrapped(&encoded, 70, "\\n")), &[HOST]);
    check(&format!("key: |\n{}{}", " ".repeat(8), wrapped(&encoded, 76, &format!("\n{}", " ".repeat(8)))), &[HOST]);
}

#[test]
fn lines_that_are_not_full_do_not_go_on() {
    let encoded = b64(&format!("{} db.internal", "-".repeat(40)));
    let check = |columns, between| check(&wrapped(&encoded, columns, between), &[]);
    check(59, "\n");
    check(61, "\n");
    check(60, "\n\n");
    check(60, " ");
    check(60, "\\t");
    check(60, &format!("\n{}", " ".repeat(32)));
}

#[test]
fn words_are_found_wherever_they_stand() {
    let inventory = Inventory::new(strange()).unwrap();
    let ordinary = super::inventory();
    let told = |inventory: &Inventory, text: &str| {
        let mut scan = inventory.scan();
        scan.feed(text.as_bytes());
        scan.finish().iter().map(|disclosure| disclosure.value.clone()).collect::<Vec<_>>()
    };
    // Blocks of 64 bytes are looked at together.
    let rest = " and so on".repeat(10);
    for length in 0..200 {
        let filler: String = "; ü-x= ".chars().cycle().take(length).collect();
        let check = |words: &[&str], joint: &str, inventory: &Inventory| {
            for word in words {
                for text in [(*word).to_owned(), b64(&format!("«{word}»"))] {
                    let text = format!("{filler}{joint}{text}{rest}");
                    assert_eq!(told(inventory, &text), [*word], "in {text:?}");
                }
            }
        };
        for joint in [";", "\\n", "\\u003c", "%2f"] {
            check(&["db.internal", "svc$deploy"], joint, &ordinary);
            check(&["db.internal", "svc$deploy", "$ops", "база"], joint, &inventory);
        }
        let joined = format!("{filler};x{} xdb.internal{rest}", b64("db.internal"));
        assert_eq!(told(&ordinary, &joined), [""; 0], "in {joined:?}");
    }
}

#[test]
fn encoded_words_are_pending_until_told() {
    let inventory = inventory();
    for shift in 0..70 {
        for between in ["\n", "\\r\\n", "\n      "] {
            let text = wrapped(&b64(&format!("{}db.internal ", "; ".repeat(40).split_at(shift).0)), 60, between);
            // Where the character begins that has the word's first bits.
            let start = 4 * shift / 3 + 4 * shift / 3 / 60 * between.len();
            let mut scan = inventory.scan();
            let mut told = false;
            for (at, byte) in text.bytes().enumerate() {
                scan.feed(&[byte]);
                told |= !scan.take().is_empty();
                let released = at + 1 - scan.pending();
                assert!(told || released <= start, "{released} of {text:?} were released, {start} may be");
            }
            assert!(told, "{text:?}");
        }
    }
}

#[test]
fn few_ordinary_bytes_are_pending() {
    let mut scan = inventory().scan();
    let mut check = |text: &str, pending| {
        scan.feed(text.as_bytes());
        assert_eq!(scan.pending(), pending, "after {text:?}");
    };
    check("Everything is fine", 0);
    check(" ", 0);
    check("ZGIu", 4);
    check("aW50ZXJuYWw", 15);
    check("=", 0);
    check("\n", 0);
    scan.feed(b"ZGIuaW50ZXJuYWw");
    let _ = scan.take();
    scan.settle();
    assert_eq!(scan.take(), [], "told already");
}

#[test]
fn settled_run_goes_on() {
    let mut scan = inventory().scan();
    scan.feed(b64("10.0.0.5").trim_end_matches('=').as_bytes());
    scan.settle();
    assert_eq!(scan.take(), [], "it is no run yet");
    scan.feed(b"=");
    assert_eq!(scan.take().len(), 1);
    let (released, rest) = "ICAgICAxMC4wLjAuNSB4".split_at(18);
    scan = inventory().scan();
    scan.feed(released.as_bytes());
    assert_eq!(scan.take(), []);
    scan.settle();
    assert_eq!(scan.take().len(), 1, "a released word was taught");
    scan.feed(rest.as_bytes());
    assert_eq!(scan.finish(), []);
}

#[test]
fn what_is_held_back_is_bounded() {
    let encoded = "ZGIu".repeat(1 << 12);
    for text in
        [encoded.clone(), wrapped(&encoded, 76, "\n    "), wrapped(&encoded, 64, "\\r\\n"), "=ZGIu".repeat(1 << 12)]
    {
        let inventory = inventory();
        for cut in 0..160 {
            let mut scan = inventory.scan();
            scan.feed(&text.as_bytes()[..text.len() - cut]);
            assert!(scan.pending() < 32, "{} bytes are held back", scan.pending());
        }
    }
    // The longest word there can be, in the narrowest lines with the widest breaks.
    let word = "w".repeat(MAX_WORD);
    let mut scan = Inventory::new([entry("longest", None, &[&word], &[], &[])]).unwrap().scan();
    let text = wrapped(&b64(&format!("{word}; ").repeat(9)), 60, &format!("\n{}", " ".repeat(31)));
    for byte in text.bytes() {
        scan.feed(&[byte]);
        assert!(scan.pending() < 700, "{} bytes are held back", scan.pending());
    }
    assert_eq!(scan.finish().len(), 1);
}

/// The runs of a text, decoded: the rule itself.
fn runs(text: &[u8]) -> Vec<Vec<u8>> {
    let is = |at: usize| text.get(at).is_some_and(|byte| byte.is_ascii_alphanumeric() || b"+/-_".contains(byte));
    let mut runs = Vec::new();
    let mut at = 0;
    while at < text.len() {
        if !is(at) {
            at += 1;
            continue;
        }
        let escaped = match (text[..at].last(), text[at]) {
            (Some(b'\\'), b'u') => 5,
            (Some(b'\\'), b'n' | b'r' | b't' | b'b' | b'f' | b'/') => 1,
            (Some(b'%'), _) => 2,
            _ => 0,
        };
        at = (at..at + escaped).find(|at| !is(*at)).unwrap_or(at + escaped);
        let mut run = Vec::new();
        let mut next = Some(at);
        while let Some(start) = next {
            at = (start..).find(|at| !is(*at)).unwrap();
            run.extend_from_slice(&text[start..at]);
            next = [60, 64, 70, 76].contains(&(at - start)).then(|| after_break(text, at)).flatten();
        }
        if run.len() >= 12 || (run.len() >= 10 && text.get(at) == Some(&b'=')) {
            // A last character alone encodes nothing.
            run.truncate(if run.len() % 4 == 1 { run.len() - 1 } else { run.len() });
            for byte in &mut run {
                *byte = match byte {
                    b'-' => b'+',
                    b'_' => b'/',
                    _ => *byte,
                };
            }
            let config = GeneralPurposeConfig::new().with_decode_allow_trailing_bits(true);
            let config = config.with_decode_padding_mode(DecodePaddingMode::Indifferent);
            runs.push(GeneralPurpose::new(&CHARACTERS, config).decode(run).unwrap());
        }
    }
    runs
}

/// Where the line after a full one begins.
fn after_break(text: &[u8], from: usize) -> Option<usize> {
    let escaped = |at: usize, letter: u8| {
        let length = text[at..].iter().take_while(|byte| **byte == b'\\').count();
        (length > 0 && text.get(at + length) == Some(&letter)).then_some(at + length + 1)
    };
    let end = |at: usize, byte: u8, letter: u8| {
        if text.get(at) == Some(&byte) { Some(at + 1) } else { escaped(at, letter) }
    };
    let mut at = from;
    while let Some(next) = end(at, b'\r', b'r') {
        at = next;
    }
    at = end(at, b'\n', b'n')?;
    at += text[at..].iter().take_while(|byte| b" \t".contains(byte)).count();
    let goes_on = text.get(at).is_some_and(|byte| byte.is_ascii_alphanumeric() || b"+/-_".contains(byte));
    (goes_on && at - from <= 32).then_some(at)
}

/// Plain text and encoded text, wrapped or not, side by side.
fn mixed() -> impl Strategy<Value = Vec<u8>> {
    let between = prop::sample::select(vec!["\n", "\r\n", "\\n", "\\\\r\\n", "\n   ", "\n\n", " ", "\\"]);
    let columns = prop::sample::select(vec![40, 59, 60, 64, 70, 76, 77, 1000]);
    let encoded =
        (text(), 0..4usize, columns, between, 0..3usize).prop_map(|(text, repeat, columns, between, kind)| {
            let engine = [&STANDARD, &URL_SAFE, &URL_SAFE_NO_PAD][kind];
            wrapped(&engine.encode(text.repeat(repeat)), columns, between).into_bytes()
        });
    let joint = prop::sample::select(vec!["", "", " ", "\"", "\\", "\\n", "%", "%2", "\\u00", "=", "\n", "A", "/"]);
    let joint = joint.prop_map(|joint| joint.as_bytes().to_vec());
    let part = prop_oneof![2 => encoded, 2 => text(), 3 => joint];
    prop::collection::vec(part, 0..8).prop_map(|parts| parts.concat())
}

/// As everybody's, and with words that begin with no letter or are not ASCII, which takes other paths.
fn strange() -> Vec<Entry> {
    let mut entries = entries();
    entries.push(entry("база", None, &["-x.ops"], &[], &["$ops"]));
    entries
}

proptest! {
    #[test]
    fn no_row_that_may_tell_is_passed_over(
        bytes in prop::collection::vec(prop_oneof![0x20..0x80u8, any::<u8>()], 0..40),
        least in 1..6usize,
    ) {
        let visible = |window: &[u8]| window.iter().all(|byte| (0x21..0x7f).contains(byte));
        let expected = bytes.windows(least).any(visible);
        let text = format!("{}, ...", URL_SAFE_NO_PAD.encode(&bytes));
        prop_assert!(!expected || may_tell(text.as_bytes(), least), "{}", text);
    }

    #[test]
    fn however_it_is_split_the_same_runs_are_read(
        text in mixed(),
        cuts in prop::collection::vec(any::<u16>(), 0..12),
        is_strange in any::<bool>(),
    ) {
        let entries = if is_strange { strange() } else { entries() };
        let mut expected = naive(&entries, &text);
        expected.extend(runs(&text).iter().flat_map(|run| naive(&entries, run)));
        expected.sort();
        expected.dedup();
        let mut scan = Inventory::new(entries).unwrap().scan();
        for piece in pieces(&text, cuts) {
            scan.feed(piece);
        }
        prop_assert_eq!(told(scan), expected);
    }

    #[test]
    fn settling_loses_nothing(text in mixed(), cuts in prop::collection::vec(any::<u16>(), 0..12)) {
        let mut scan = inventory().scan();
        scan.feed(&text);
        let whole = told(scan);
        let mut scan = inventory().scan();
        for piece in pieces(&text, cuts) {
            scan.feed(piece);
            prop_assert!(scan.pending() <= text.len() + 64);
            scan.settle();
        }
        let settled = told(scan);
        prop_assert!(whole.iter().all(|one| settled.contains(one)), "{:?} of {:?}", settled, whole);
    }

    #[test]
    fn released_runs_were_told_of(text in mixed(), cuts in prop::collection::vec(any::<u16>(), 0..12)) {
        let inventory = inventory();
        let mut scan = inventory.scan();
        let (mut fed, mut told) = (0, Vec::new());
        for piece in pieces(&text, cuts) {
            scan.feed(piece);
            fed += piece.len();
            told.extend(scan.take().iter().map(shown));
            let released = fed.saturating_sub(scan.pending());
            let mut cut = inventory.scan();
            cut.feed(&text[..released]);
            for disclosure in cut.take() {
                prop_assert!(told.contains(&shown(&disclosure)));
            }
        }
    }
}
