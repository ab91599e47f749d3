//! Claims about SQL: what a statement does and touches, what of its text is recorded, and what is refused.

use super::*;

fn analyse(sql: &str) -> String {
    match Analyst::default().statements(sql) {
        Ok(statements) => statements
            .iter()
            .map(|statement| format!("{} [{}]", statement.verb, statement.objects.join(" ")))
            .collect::<Vec<_>>()
            .join("; "),
        Err(opaque) => format!("opaque: {}", opaque.reason),
    }
}

#[test]
fn statements_are_understood() {
    for (sql, expected) in [
        ("", ""),
        (" ; -- nothing", ""),
        ("select 1", "read []"),
        ("select * from a, b.c join d on true", "read [a b.c d]"),
        ("SELECT * FROM \"Mixed\".T", "read [Mixed.t]"),
        ("table a", "read [a]"),
        ("select * into b from a", "define [a b]"),
        ("select pg_catalog.pg_read_file('x')", "read [pg_read_file()]"),
        ("select * from pg_catalog.pg_authid", "read [pg_authid]"),
        ("select case when exists (select 1 from a) then f(array[g(1)]) end", "read [a f() g()]"),
        ("select (select max(x) from a limit (select count(*) from b))", "read [a b count() max()]"),
        ("insert into a select * from b on conflict do nothing", "create [a b]"),
        ("insert into a values ((select x from b)) returning f(x)", "create [a b f()]"),
        ("update a set x = (select y from b) from c where a.i = c.i", "update [a b c]"),
        ("delete from a using b where f(a.x)", "delete [a b f()]"),
        ("merge into a using b on a.i = b.i when matched then delete", "delete [a b]"),
        ("merge into a using b on a.i = b.i when matched then update set i = 1", "update [a b]"),
        ("with d as (delete from t returning a) insert into u select a from d", "delete [t u]"),
        ("with d as (delete from t returning a) update u set a = 1 from d", "delete [t u]"),
        ("truncate a, b", "delete [a b]"),
        ("with x as (select * from a) select * from x", "read [a]"),
        ("with a as (select * from a) select * from a", "read [a]"),
        ("with recursive a as (select 1 union select * from a) select * from a", "read []"),
        ("with x as (delete from a returning *) select * from x", "delete [a]"),
        ("with x as (select 1) insert into x select 1", "create [x]"),
        ("with x as (select 1) select * from s.x", "read [s.x]"),
        ("select * from a for update of a", "read [a]"),
        ("copy a from stdin", "create [a]"),
        ("copy a to stdout", "read [a]"),
        ("copy (select * from a) to stdout", "read [a]"),
        ("copy a from program 'id'", "execute [a id]"),
        ("copy a to '/tmp/x'", "read [/tmp/x a]"),
        ("explain select * from a", "read [a]"),
        ("explain delete from a", "read [a]"),
        ("explain analyze delete from a", "delete [a]"),
        ("prepare p as delete from a", "delete [a]"),
        ("execute p", "execute [p]"),
        ("declare c cursor for select * from a", "read [a]"),
        ("create table a (i int)", "define [a]"),
        ("create table a as select * from b", "define [a b]"),
        ("create view v as select * from a", "define [a v]"),
        ("drop table a, s.b", "define [a s.b]"),
        ("drop function f(int)", "define [f()]"),
        ("alter table a add column b int", "define [a]"),
        ("grant select on a to bob", "define [a bob]"),
        ("create role bob password 'x'", "define [bob]"),
        ("drop role bob", "define [bob]"),
        ("create database d", "define [d]"),
        ("create extension dblink", "define [dblink]"),
        ("do 'begin end'", "execute []"),
        ("call p(1)", "execute [p()]"),
        ("begin; select * from a; commit", "other []; read [a]; other []"),
        ("set role bob", "other [role]"),
        ("vacuum a", "other [a]"),
        ("lock table a", "other [a]"),
        ("refresh materialized view m", "update [m]"),
    ] {
        assert_eq!(analyse(sql), expected, "{sql}");
    }
}

#[test]
fn what_is_not_sql_is_opaque() {
    for sql in ["selec 1", "select 'a", "select 1; selec 2", "select \u{0}1"] {
        assert!(analyse(sql).starts_with("opaque: the statement cannot be parsed"), "{sql}: {}", analyse(sql));
    }
}

#[test]
fn deep_statements_are_summarised_or_opaque_and_never_crash() {
    assert_eq!(analyse(&format!("select a{} from t", " + f(1)".repeat(200))), "read [f() t]");
    assert_eq!(analyse(&format!("select 1 from a{}", " union all select 1 from b".repeat(150))), "read [a b]");
    for sql in [
        format!("select {}1{}", "(".repeat(100_000), ")".repeat(100_000)),
        format!("select {}1{}", "(select ".repeat(3_000), ")".repeat(3_000)),
        format!("select 1{}", "+1".repeat(200_000)),
        format!("merge into a using b on true{} when matched then delete", " and not (1+1=2)".repeat(2)),
    ] {
        analyse(&sql);
    }
}

#[test]
fn texts_are_recorded_without_secrets() {
    let analyst = Analyst::default();
    for (sql, expected) in [
        (" select 'a' ; ", &["select 'a'"][..]),
        ("select 1; select 'é'; select 3;", &["select 1", "select 'é'", "select 3"]),
        ("alter role bob password 'hunter2'", &["alter role bob password '***'"]),
        ("begin; create user x PASSWORD 'a''b'; commit", &["begin", "create user x PASSWORD '***'", "commit"]),
        (
            "create user mapping for x server s options (user 'a', secret 'b')",
            &["create user mapping for x server s options (user '***', secret '***')"],
        ),
        ("select dblink_connect('host=x password=y')", &["select dblink_connect('***')"]),
    ] {
        let texts: Vec<String> =
            analyst.statements(sql).unwrap().into_iter().map(|statement| statement.text).collect();
        assert_eq!(texts, expected);
    }
    let opaque = analyst.statements("alter rol bob password 'hunter2'").unwrap_err();
    assert_eq!(opaque.text, "alter rol bob password ***");
}

#[test]
fn statements_alike_are_parsed_once_and_told_apart() {
    let analyst = Analyst::default();
    for id in 0..10 {
        let sql = format!("select a from t where id = {id} and b = '{id}'");
        let statements = analyst.statements(&sql).unwrap();
        assert_eq!(
            (statements[0].text.as_str(), statements[0].objects.as_slice()),
            (sql.as_str(), &["t".to_owned()][..])
        );
    }
    assert_eq!(analyst.kept.lock().unwrap().young.len(), 1);
    for file in ["/a", "/b"] {
        assert_eq!(analyst.statements(&format!("copy t to '{file}'")).unwrap()[0].objects[0], file);
    }
    for id in 0..MAX_KEPT * 2 {
        analyst.statements(&format!("select a{id}")).unwrap();
    }
    let kept = analyst.kept.lock().unwrap();
    assert!(kept.young.len() + kept.old.len() <= MAX_KEPT);
}

#[test]
fn long_texts_are_cut_and_digested() {
    let text = format!("select '{}'", "é".repeat(MAX_TEXT));
    let recorded = &Analyst::default().statements(&text).unwrap()[0].text;
    assert!(recorded.len() < MAX_TEXT + 200 && recorded.contains("SHA-256"), "{}", recorded.len());
}
