//! Claims about policies, each with the smallest policy that shows it.

use super::{Error, Policies};
use crate::config::{Target, UpstreamTls};
use crate::upstream::{Credential, Sealed};
use interdict_schemas::{
    Action, Class, Decision, Effect, Identity, Principal, PrincipalKind, Protocol, Source, Verb,
};
use std::sync::Arc;

fn target(name: &str) -> Arc<Target> {
    Arc::new(Target {
        name: name.into(),
        protocol: Protocol::Postgres,
        listen: "127.0.0.1:0".parse().expect("address"),
        listen_tls: true,
        host: "db.internal".into(),
        port: 5432,
        aliases: Vec::new(),
        addresses: Vec::new(),
        accounts: Vec::new(),
        tags: vec!["prod".into()],
        fail_open: false,
        escaped_slashes: false,
        account: "app".into(),
        credential: Sealed::new(Credential::None),
        upstream_tls: UpstreamTls::Off,
        host_key: None,
    })
}

fn identity(chain: &[(&str, PrincipalKind)]) -> Identity {
    let chain = chain.iter().map(|(id, kind)| Principal { id: (*id).into(), kind: *kind }).collect();
    let mut identity = Identity::new("https://issuer", chain).expect("chain");
    identity.groups = vec!["sre".into()];
    identity
}

fn load(files: &[(&str, &str)]) -> Result<Policies, Error> {
    let folder = tempfile::tempdir().expect("folder");
    for (name, text) in files {
        std::fs::write(folder.path().join(name), text).expect("file");
    }
    Policies::load(folder.path(), &[target("db")])
}

fn source() -> Source {
    Source { address: Some("10.0.0.9".parse().expect("address")), ..Source::default() }
}

fn admission(policy: &str, chain: &[(&str, PrincipalKind)]) -> Decision {
    load(&[("p.cedar", policy)]).expect("policies").admission(&identity(chain), &target("db"), &source())
}

const PERSON: (&str, PrincipalKind) = ("dana", PrincipalKind::Person);
const AGENT: (&str, PrincipalKind) = ("planner", PrincipalKind::Agent);

#[test]
fn what_no_policy_permits_is_denied() {
    let check = |policy: &str, chain: &[(&str, PrincipalKind)], expected: Effect| {
        assert_eq!(admission(policy, chain).effect, expected, "{policy}");
    };
    let other = r#"permit(principal == Principal::"erin", action, resource);"#;
    check(other, &[PERSON], Effect::Deny);
    check("permit(principal, action, resource);", &[PERSON], Effect::Allow);
    check(r#"permit(principal, action == Action::"shell", resource);"#, &[PERSON], Effect::Deny);
    check(r#"permit(principal in Group::"sre", action, resource in Tag::"prod");"#, &[PERSON], Effect::Allow);
    check(r#"permit(principal in Group::"dba", action, resource);"#, &[PERSON], Effect::Deny);
    check(r#"permit(principal, action, resource in Tag::"test");"#, &[PERSON], Effect::Deny);
    check(r#"permit(principal, action, resource == Target::"web");"#, &[PERSON], Effect::Deny);
}

#[test]
fn every_principal_of_a_chain_must_be_permitted() {
    let check = |policy: &str, expected: Effect| {
        assert_eq!(admission(policy, &[PERSON, AGENT]).effect, expected, "{policy}");
    };
    check(r#"permit(principal == Principal::"dana", action, resource);"#, Effect::Deny);
    check(r#"permit(principal == Principal::"planner", action, resource);"#, Effect::Deny);
    check(r#"permit(principal in Group::"sre", action, resource);"#, Effect::Deny);
    check(r#"permit(principal, action, resource) when { context.root in Group::"sre" };"#, Effect::Allow);
    check(r#"permit(principal, action, resource) when { context.depth < 2 };"#, Effect::Deny);
    let mixed = r#"permit(principal in Group::"sre", action, resource);
        permit(principal, action, resource) when { principal.kind == "agent" && context.root in Group::"sre" };"#;
    check(mixed, Effect::Allow);
}

#[test]
fn forbid_wins_and_says_why() {
    let policy = r#"@id("all") permit(principal, action, resource);
        @id("no-agents") @reason("agents do not enter production")
        forbid(principal, action, resource in Tag::"prod") when { principal.kind == "agent" };"#;
    let denied = admission(policy, &[PERSON, AGENT]);
    assert_eq!(denied.effect, Effect::Deny);
    assert_eq!(denied.reason, "agents do not enter production");
    assert_eq!(denied.policies, ["no-agents"]);
    let allowed = admission(policy, &[PERSON]);
    assert_eq!((allowed.effect, allowed.policies), (Effect::Allow, vec!["all".to_owned()]));
}

#[test]
fn default_denial_names_who_what_and_where() {
    let denied = admission(r#"permit(principal == Principal::"dana", action, resource);"#, &[PERSON, AGENT]);
    assert_eq!(denied.reason, "no policy permits planner to connect on db");
}

#[test]
fn actions_are_decided_by_their_facts() {
    let policy = r#"permit(principal, action, resource);
        @id("no-define") forbid(principal, action == Action::"statement", resource) when { context.verb == "define" };
        @id("no-salaries") forbid(principal, action, resource) when { context has objects && context.objects.contains("salaries") };
        @id("no-admin") forbid(principal, action == Action::"request", resource) when { context has path && context.path like "/admin*" };"#;
    let policies = load(&[("p.cedar", policy)]).expect("policies");
    let check = |class: Class, verb: Verb, text: &str, object: &str, expected: &[&str]| {
        let action = Action {
            id: "a".into(),
            class,
            verb,
            text: text.into(),
            objects: vec![object.into()],
            parameters_digest: None,
            database: Some("app".into()),
        };
        let decision = policies.action(&identity(&[PERSON]), &target("db"), &source(), &action);
        let denied: &[String] = if decision.effect == Effect::Deny { &decision.policies } else { &[] };
        assert_eq!(denied, expected, "{text}");
    };
    check(Class::Statement, Verb::Read, "select 1", "t", &[]);
    check(Class::Statement, Verb::Define, "drop table t", "t", &["no-define"]);
    check(Class::Statement, Verb::Read, "select * from salaries", "salaries", &["no-salaries"]);
    check(Class::Request, Verb::Read, "GET /admin/users", "/admin/users", &["no-admin"]);
    check(Class::Request, Verb::Read, "GET /public", "/public", &[]);
    check(Class::Shell, Verb::Execute, "", "", &[]);
}

#[test]
fn permits_say_which_rows_they_let_see() {
    let action = Action {
        id: "a".into(),
        class: Class::Statement,
        verb: Verb::Read,
        text: "select * from events".into(),
        objects: vec!["events".into()],
        parameters_digest: None,
        database: None,
    };
    let check = |policy: &str, chain: &[(&str, PrincipalKind)], expected: Option<&[&[&str]]>| {
        let policies = load(&[("p.cedar", policy)]).expect("policies");
        let rows = policies.rows(&identity(chain), &target("db"), &source(), &action).ok();
        let rows: Option<Vec<Vec<&str>>> =
            rows.as_ref().map(|rows| rows.iter().map(|any| any.iter().map(String::as_str).collect()).collect());
        let expected: Option<Vec<Vec<&str>>> = expected.map(|rows| rows.iter().map(|any| any.to_vec()).collect());
        assert_eq!(rows, expected, "{policy}");
    };
    let own = r#"@rows("root = $root") permit(principal, action, resource);"#;
    check(own, &[PERSON], Some(&[&["root = $root"]]));
    check(own, &[PERSON, AGENT], Some(&[&["root = $root"], &["root = $root"]]));
    let team = r#"@id("team") @rows("target = 'db'") permit(principal in Group::"sre", action, resource);"#;
    check(&format!("@id(\"own\") {own}{team}"), &[PERSON], Some(&[&["root = $root", "target = 'db'"]]));
    check(&format!("{team} permit(principal, action, resource);"), &[PERSON], Some(&[]));
    check(&format!("{team} permit(principal, action, resource);"), &[PERSON, AGENT], Some(&[]));
    check(team, &[PERSON, AGENT], None);
    let tables =
        r#"permit(principal, action, resource) when { context has objects && context.objects.contains("alerts") };"#;
    check(tables, &[PERSON], None);
}

#[test]
fn a_policy_that_fails_denies() {
    // Integer overflow is the one failure that validation cannot foresee.
    let policy = r#"permit(principal, action, resource);
        forbid(principal, action, resource) when { context.depth + 9223372036854775807 > 0 };"#;
    let denied = admission(policy, &[PERSON]);
    assert_eq!(denied.effect, Effect::Deny);
    assert!(denied.reason.contains("cannot be evaluated"), "{}", denied.reason);
}

#[test]
fn mistakes_are_told_with_their_place() {
    let check = |files: &[(&str, &str)], expected: &[&str]| {
        let error = load(files).expect_err("a mistake").to_string();
        for words in expected {
            assert!(error.contains(words), "{error:?} lacks {words:?}");
        }
    };
    check(
        &[("a.cedar", "permit(principal, action, resource);\n\npermit(principal action, resource);")],
        &["a.cedar:3:18: "],
    );
    check(
        &[("a.cedar", "permit(principal, action, resource)\nwhen { principal.shoe == 3 };")],
        &["a.cedar:2:", "shoe"],
    );
    check(&[("a.cedar", "permit(principal, action == Action::\"conect\", resource);")], &["a.cedar:1:", "conect"]);
    check(&[("a.cedar", "permit(principal == ?principal, action, resource);")], &["a.cedar:1:1: ", "template"]);
    let twice = "\n@id(\"x\") permit(principal, action, resource);";
    check(&[("a.cedar", twice), ("b.cedar", twice)], &["b.cedar:2:5: ", "\"x\"", "a.cedar"]);
    check(&[("a.txt", twice)], &["no .cedar file"]);
    check(&[("a.cedar", "nonsense"), ("b.cedar", "more nonsense")], &["a.cedar:1:", "b.cedar:1:"]);
}

#[test]
fn a_missing_folder_is_told() {
    let error = Policies::load(std::path::Path::new("/nowhere/at/all"), &[]).expect_err("missing");
    assert!(matches!(error, Error::Unreadable { .. }), "{error}");
}
