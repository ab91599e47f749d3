//! Claims about masked documents.

use super::*;
use proptest::prelude::*;
use serde_json::{Value, json};

fn masked(document: &str, paths: &[&str]) -> Result<String, Error> {
    let paths: Vec<_> = paths.iter().map(|path| Path::parse(path).expect("path")).collect();
    mask(document.as_bytes(), paths.iter(), |rule, value| format!("<{rule}:{}>", value.len()))
        .map(|bytes| String::from_utf8(bytes).expect("UTF-8"))
}

#[test]
fn only_the_fields_that_are_meant_change() {
    let check = |document: &str, paths: &[&str], expected: &str| {
        assert_eq!(masked(document, paths).as_deref(), Ok(expected), "{document}");
    };
    check(r#"{"a": "xyz", "b": 1.10}"#, &["a"], r#"{"a": "<0:3>", "b": 1.10}"#);
    check(r#"{"a": {"t": "x"}, "t": "y"}"#, &["a.t"], r#"{"a": {"t": "<0:1>"}, "t": "y"}"#);
    check(r#"[{"t":"x"},{"t":"yy"}]"#, &["*.t"], r#"[{"t":"<0:1>"},{"t":"<0:2>"}]"#);
    check(r#"{"data":{"k1":"x","k2":"y"}}"#, &["data.*"], r#"{"data":{"k1":"<0:1>","k2":"<0:1>"}}"#);
    check(r#"{"t":"x","a":[{"b":{"t":"y"}}]}"#, &["**.t"], r#"{"t":"<0:1>","a":[{"b":{"t":"<0:1>"}}]}"#);
    check(r#"{"a":"x","b":"y"}"#, &["b", "**.a", "a"], r#"{"a":"<1:1>","b":"<0:1>"}"#);
    check(r#"{"t":null,"u":""}"#, &["t", "u"], r#"{"t":null,"u":""}"#);
    check(" [ 1e400 , -0.0, true ] ", &["x"], " [ 1e400 , -0.0, true ] ");
    // An escape hides no name, and a value's escapes are its own.
    check(r#"{"\u0074":"a\"\\"}"#, &["t"], r#"{"\u0074":"<0:3>"}"#);
    check(r#"{"t":"x","t":"y"}"#, &["t"], r#"{"t":"<0:1>","t":"<0:1>"}"#);
    check("\u{feff}{\"t\":\"x\"}", &["t"], r#"{"t":"<0:1>"}"#);
    check("\"t\"", &["t"], "\"t\"");
}

#[test]
fn what_cannot_be_masked_is_refused() {
    let check = |document: &str, expected: Error| assert_eq!(masked(document, &["t"]), Err(expected), "{document}");
    check("", Error::Malformed);
    check("<html>", Error::Malformed);
    check(r#"{"t":"x"} {"t":"y"}"#, Error::Malformed);
    check(r#"{"t":"x""#, Error::Malformed);
    check(r#"{"t":7}"#, Error::Type("t".into()));
    check(r#"{"t":{"u":"x"}}"#, Error::Type("t".into()));
    check(r#"{"t":["x"]}"#, Error::Type("t".into()));
    check(&format!("{}{}", "[".repeat(120), "]".repeat(120)), Error::Deep);
    assert_eq!(mask(b"{\"t\":\"\xff\"}", [].iter(), |_, _| String::new()), Err(Error::Malformed));
}

#[test]
fn paths_are_checked() {
    for path in ["", "a..b", "a.", ".a", "a.**", "**"] {
        assert!(Path::parse(path).is_err(), "{path}");
    }
    for path in ["a", "a.*.b", "**.a", "a.**.b"] {
        assert_eq!(Path::parse(path).expect("path").to_string(), path);
    }
    assert_eq!(Path::parse("$.a.b").expect("path").to_string(), "a.b");
}

/// The same by a tree.
fn naive(value: &mut Value, secret: bool) {
    match value {
        Value::String(text) if secret && !text.is_empty() => *text = format!("<0:{}>", text.len()),
        Value::Array(items) => items.iter_mut().for_each(|item| naive(item, false)),
        Value::Object(members) => members.iter_mut().for_each(|(name, member)| naive(member, name == "t")),
        _ => {}
    }
}

fn document() -> impl Strategy<Value = Value> {
    let leaf = prop_oneof![
        Just(Value::Null),
        any::<bool>().prop_map(Value::from),
        any::<i64>().prop_map(Value::from),
        "\\PC{0,6}".prop_map(Value::from)
    ];
    let leaf = leaf.prop_recursive(5, 40, 5, |inner| {
        let text = "[\\PC\"\\\\\n]{0,5}".prop_map(Value::from);
        prop_oneof![
            prop::collection::vec(inner.clone(), 0..5).prop_map(Value::from),
            (prop::collection::btree_map("[tuv\"\\\\é]{0,2}", inner, 0..5), prop::option::of(text)).prop_map(
                |(members, secret)| {
                    let members = members.into_iter().filter(|(name, _)| name != "t");
                    members.chain(secret.map(|secret| ("t".to_owned(), secret))).collect()
                }
            ),
        ]
    });
    leaf.prop_map(|value| json!({ "in": value }))
}

proptest! {
    #[test]
    fn a_tree_says_the_same(document in document(), pretty in any::<bool>()) {
        let text = if pretty { serde_json::to_string_pretty(&document) } else { serde_json::to_string(&document) };
        let masked = masked(&text.expect("text"), &["**.t"]).expect("masked");
        let mut expected = document;
        naive(&mut expected, false);
        prop_assert_eq!(serde_json::from_str::<Value>(&masked).expect("JSON"), expected);
    }

    #[test]
    fn bytes_never_panic(bytes in prop::collection::vec(any::<u8>(), 0..64)) {
        let path = Path::parse("**.t").expect("path");
        let _ = mask(&bytes, [path].iter(), |_, _| String::new());
    }
}
