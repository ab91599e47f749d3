//! Rows as people and programs get them.

use crate::fixture::story;
use interdict_queries::output::{self, Format, MAX_TABLE};

async fn written(sql: &str, format: Format) -> String {
    let lake = story().await;
    let mut out = Vec::new();
    let rows = lake.engine().sql(sql).await.expect("asks");
    output::write(rows, format, None, &mut out).await.expect("writes");
    String::from_utf8(out).expect("utf-8")
}

#[tokio::test]
async fn hostile_text_reaches_no_terminal() {
    let table =
        written("select text, chr(155) || '2J' as \"\u{1b}name\" from events where action = 'a1'", Format::Table);
    let table = table.await;
    assert!(table.contains("\\u{1b}[2J") && table.contains("\\u{9b}2J") && table.contains("\\u{1b}name"), "{table}");
    assert!(table.chars().all(|character| character == '\n' || !character.is_control()), "{table:?}");
}

#[tokio::test]
async fn json_is_one_object_a_line() {
    let json = written("select session, verdict, chain from sessions order by session", Format::Json).await;
    let lines: Vec<serde_json::Value> =
        json.lines().map(|line| serde_json::from_str(line).expect("an object")).collect();
    assert_eq!(lines.len(), 5);
    assert_eq!(
        lines.last(),
        Some(&serde_json::json!({"session": "s4", "verdict": "v-1", "chain": ["user:dana", "agent:plan"]}))
    );
    assert_eq!(lines.first().map(|line| line["verdict"].is_null()), Some(true), "nulls are written");
}

#[tokio::test]
async fn csv_has_a_header_and_lists_as_json() {
    let csv =
        written("select session, chain from sessions where session >= 's3' order by session", Format::Csv).await;
    assert_eq!(
        csv,
        "session,chain\ns3,\"[\"\"user:dana\"\",\"\"agent:plan\"\"]\"\ns4,\"[\"\"user:dana\"\",\"\"agent:plan\"\"]\"\n"
    );
    assert_eq!(written("select session from sessions where false", Format::Csv).await, "session\n");
    let nested =
        written("select disclosures from events where action = 'a1' and kind = 'resulted'", Format::Csv).await;
    assert!(nested.contains("bastion.example"), "{nested}");
}

#[tokio::test]
async fn table_says_what_it_does_not_show() {
    let count = MAX_TABLE + 5;
    let table = written(&format!("select value from generate_series(1, {count})"), Format::Table).await;
    assert!(table.ends_with("10005 rows, the first 10000 shown; csv and json show all\n"), "no such last line");
    let one = written("select 1 as a", Format::Table).await;
    assert!(one.ends_with("1 row\n"), "{one}");
    assert!(written("select repeat('x', 3000) as a", Format::Table).await.contains('…'));
}

#[test]
fn formats_have_names() {
    for name in Format::NAMES {
        assert!(Format::parse(name).is_some(), "{name}");
    }
    assert_eq!(Format::parse("xml"), None);
}

#[tokio::test]
async fn moments_of_another_zone_say_which() {
    let sql = "select time, time at time zone 'Europe/Berlin' as there from events where id = 's0-open'";
    let table = written(sql, Format::Table).await;
    assert!(table.contains("2026-03-02 08:00:00.000Z") && table.contains("2026-03-02 09:00:00.000+01:00"), "{table}");
}

#[tokio::test]
async fn json_has_no_character_that_a_terminal_acts_on() {
    let json = written("select chr(155) || '2J' || chr(8238) || 'ü' as a", Format::Json).await;
    assert!(json.chars().all(|character| character == '\n' || !character.is_control()), "{json:?}");
    let line: serde_json::Value = serde_json::from_str(&json).expect("JSON");
    assert_eq!(line["a"], "\u{9b}2J\u{202e}ü");
    assert!(json.contains("\\u202e"), "{json}");
}
