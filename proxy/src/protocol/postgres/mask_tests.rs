//! Claims about masks, without a server: which results are masked, refused or left alone.

use super::*;
use crate::mask::decoy::Form;
use crate::mask::rule::shape;
use crate::protocol::postgres::action::Analyst;
use crate::protocol::postgres::catalogue;
use crate::{config::Config, mask::Decoys, rig};

const TEXT: u32 = 25;
const USERS: u32 = 20_000;
const VIEW: u32 = 20_001;
const OTHER: u32 = 20_002;

fn masks() -> Masks {
    let column = |table: &str| Field::Column {
        schema: "public".into(),
        table: table.into(),
        column: "password".into(),
        checked_views: vec!["public.harmless".into()],
    };
    let rule = |table: &str| Rule {
        target: "db".into(),
        field: column(table),
        shape: shape(Form::Base62, "", "").expect("shape"),
    };
    let rules: Arc<[Rule]> = [rule("users"), rule("gone")].into();
    let known = |kind: &str, relation, column, name: &str| Known {
        kind: kind.into(),
        relation,
        column,
        rule: 0,
        schema: "public".into(),
        name: name.into(),
    };
    let rows = vec![
        known("column", USERS, 2, "users"),
        known("view", VIEW, 0, "shows"),
        known("view", OTHER + 1, 0, "harmless"),
        known("relation", USERS, 0, ""),
        known("relation", VIEW, 0, ""),
        known("relation", OTHER, 0, ""),
        known("relation", OTHER + 1, 0, ""),
    ];
    Masks::new(rules, rows, planter())
}

fn planter() -> Planter {
    let folder = tempfile::tempdir().expect("folder");
    std::fs::write(folder.path().join("policy.cedar"), "").expect("policy");
    let text = "[identity]\nissuer = \"i\"\njwks_file = \"k\"\naudience = \"a\"\n[policy]\npath = \"policy.cedar\"\n";
    let config = Config::parse(text, &folder.path().join("interdict.toml")).expect("config");
    Decoys::new(&config).expect("decoys").planter("01KB0000000000000000000002", &rig::identity())
}

/// A RowDescription's body of (relation, column, type, format).
fn described(columns: &[(u32, u16, u32, u16)]) -> Vec<u8> {
    let mut body = BytesMut::new();
    body.put_u16(u16::try_from(columns.len()).expect("few"));
    for (relation, column, kind, format) in columns {
        body.extend_from_slice(b"label\0");
        body.put_u32(*relation);
        body.put_u16(*column);
        body.put_u32(*kind);
        body.put_slice(&[0; 6]);
        body.put_u16(*format);
    }
    body.to_vec()
}

fn row(values: &[Option<&[u8]>]) -> Vec<u8> {
    let mut body = BytesMut::new();
    body.put_u16(u16::try_from(values.len()).expect("few"));
    for value in values {
        match value {
            None => body.put_i32(-1),
            Some(value) => {
                body.put_u32(u32::try_from(value.len()).expect("short"));
                body.put_slice(value);
            }
        }
    }
    body.to_vec()
}

#[test]
fn columns_are_masked_by_their_numbers() {
    let mut masks = masks();
    let body = described(&[(USERS, 1, 23, 0), (USERS, 2, TEXT, 0), (OTHER, 2, TEXT, 1), (USERS, 2, BYTEA, 0)]);
    let plan = masks.plan(&body, true).expect("whole").expect("a plan");
    assert!(!plan.is_plain());
    let secret: &[u8] = b"hunter2";
    let body = row(&[Some(b"7"), Some(secret), Some(secret), Some(b"\\x68")]);
    let masked = masks.row(&plan, &body).expect("masked").to_vec();
    assert_eq!(u32::from_be_bytes(masked[1..5].try_into().expect("four")) as usize, masked.len() - 1);
    let at = |needle: &[u8]| masked.windows(needle.len()).filter(|window| *window == needle).count();
    assert_eq!(at(secret), 1, "only the column that is not masked shows it");
    assert_eq!(at(b"\\x"), 1);
    assert_eq!(masks.planter().take().len(), 2);
    let body = row(&[None, None, Some(b""), Some(b"\\x")]);
    assert_eq!(masks.row(&plan, &body).expect("masked")[5..], body, "nothing to replace");
    assert!(masks.row(&plan, &row(&[None])).is_err(), "another number of columns");
    for cut in 0..body.len() {
        assert!(masks.row(&plan, &body[..cut]).is_err());
    }
}

#[test]
fn results_that_could_show_it_are_refused() {
    let masks = masks();
    let check = |column: (u32, u16, u32, u16), watch: bool, refused: &str| {
        let plan = masks.plan(&described(&[column]), watch).expect("whole");
        match plan {
            Ok(plan) => assert!(refused.is_empty() && plan.is_plain(), "{column:?}"),
            Err(why) => assert!(!refused.is_empty() && why.contains(refused), "{column:?}: {why}"),
        }
    };
    check((USERS, 1, TEXT, 0), true, "");
    check((USERS, 2, 23, 0), true, "type");
    check((USERS, 2, 3802, 0), false, "type");
    check((USERS, 0, 16_500, 0), false, "whole row");
    check((0, 0, TEXT, 0), true, "computed");
    check((0, 0, 114, 0), true, "computed");
    check((0, 0, 20, 0), true, "");
    check((0, 0, TEXT, 0), false, "");
    check((VIEW, 1, TEXT, 0), true, "public.shows");
    check((VIEW, 1, 23, 0), true, "");
    check((OTHER + 1, 1, TEXT, 0), true, "");
    check((OTHER + 9, 1, TEXT, 0), true, "after the session began");
    check((1_259, 2, 19, 0), true, "");
}

#[test]
fn statements_that_would_carry_it_elsewhere_are_refused() {
    let analyst = Analyst::default();
    let mut masks = masks();
    let mut guard = |text: &str| masks.guard(&analyst.statements(text).expect("SQL")[0]);
    assert_eq!(guard("fetch all in c"), Guard::Pass);
    for text in [
        "select * from users",
        "select password from public.users as u",
        "with a as (select * from users) select * from a",
        "update users set password = 'x' where id = 1 returning id",
        "update users set name = lower(name) where id = 1",
        "insert into users values (1, 'x')",
        "delete from users",
        "copy users to stdout",
        "select * from shows",
        "declare c cursor for select upper(password) from users",
        "insert into users select 1, 'x'",
    ] {
        assert_eq!(guard(text), Guard::Watch, "{text}");
    }
    assert_eq!(guard("explain analyze select * from users"), Guard::Watch);
    assert_eq!(guard("fetch all in c"), Guard::Watch, "it may be the cursor on users");
    for text in [
        "create table t as select * from users",
        "select * into t from users",
        "create view v as select password from users",
        "alter table users rename to u",
        "insert into t select password from users",
        "update t set v = (select password from users)",
        "with a as (insert into t select * from users) select 1",
        "insert into users (name) select password from users",
        "insert into users (name) table users",
        "insert into users (id, name) values (1, 'x') on conflict (id) do update set name = excluded.password",
        "insert into users (id, name) values (1, 'x') on conflict (id) do update set name = excluded::text",
        "update users set name = password",
        "update users u set name = u::text",
        "update users set name = s.b from users as s(a, b, c)",
        "with s(a, b) as (table users) update users set name = (select b from s)",
        "select pg_notify('c', password) from users",
        "select set_config('a.b', password, false) from users",
        "select query_to_xml('select * from users', true, false, '')",
        "select most_common_vals from pg_stats",
        "explain analyze select pg_notify('c', password) from users",
        "select * from gone",
    ] {
        assert!(matches!(guard(text), Guard::Refuse(_)), "{text}");
    }
    for text in
        ["select 1", "select * from t", "explain select * from users", "select 'users'", "select * from harmless"]
    {
        assert_eq!(guard(text), Guard::Pass, "{text}");
    }
}

#[test]
fn the_question_names_every_masked_column() {
    let question = catalogue::question(&masks().rules).expect("a question");
    for words in ["(0, 'public'::text, 'users'::text, 'password'::text)", "(1, 'public'::text, 'gone'::text"] {
        assert!(question.contains(words), "{question}");
    }
    assert_eq!(catalogue::question(&[]), None);
}
