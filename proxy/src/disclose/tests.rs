//! Claims about the scan: what is found, however the bytes are cut, and what is no word of the inventory.

mod encoded;

use super::bound::Edge;
use super::*;
use proptest::prelude::*;

fn entry(name: &str, host: Option<&str>, aliases: &[&str], addresses: &[&str], accounts: &[&str]) -> Entry {
    let own = |words: &[&str]| words.iter().map(|&word| word.to_owned()).collect();
    Entry {
        name: name.to_owned(),
        host: host.map(str::to_owned),
        aliases: own(aliases),
        addresses: addresses.iter().map(|address| address.parse().unwrap()).collect(),
        accounts: own(accounts),
    }
}

fn entries() -> Vec<Entry> {
    vec![
        entry("orders-db", Some("db.internal"), &["orders.svc", "db1"], &["10.0.0.5", "fd00::5"], &["app_rw"]),
        entry("bastion-3", None, &["bastion-3.internal"], &["10.0.0.55"], &["app_rw", "svc$deploy"]),
    ]
}

fn inventory() -> Inventory {
    Inventory::new(entries()).unwrap()
}

fn found(text: &[u8]) -> Vec<String> {
    let mut scan = inventory().scan();
    scan.feed(text);
    scan.finish().iter().map(shown).collect()
}

fn shown(disclosure: &Disclosure) -> String {
    format!("{} {} of {}", disclosure.kind, disclosure.value, disclosure.target.as_deref().unwrap_or_default())
}

#[test]
fn words_are_found_where_they_stand_alone() {
    let check = |text: &str, expected: &[&str]| assert_eq!(found(text.as_bytes()), expected, "in {text:?}");
    let host = "host_name db.internal of orders-db";
    let v4 = "address 10.0.0.5 of orders-db";
    let v6 = "address fd00::5 of orders-db";
    check("db.internal", &[host]);
    check("DB.Internal:5432", &[host]);
    check("postgres://app:x@db.internal/orders", &[host]);
    check("it is db.internal.", &[host]);
    check("it is db.internal. And", &[host]);
    check("db.internal.example.com", &[]);
    check("x.db.internal", &[]);
    check("x-db.internal", &[]);
    check("db.internals", &[]);
    check(r#"{"f":"a\ndb.internal\nb"}"#, &[host]);
    check(r#"{"f":"\u003cdb.internal\u003e"}"#, &[host]);
    check("?next=%2Fdb.internal", &[host]);
    check("10.0.0.5", &[v4]);
    check("10.0.0.5/24, 10.0.0.5-10.0.0.9", &[v4]);
    check("10.0.0.5.", &[v4]);
    check("10.0.0.5.1 1.10.0.0.5 110.0.0.5 10.0.0.56 v10.0.0.5", &[]);
    check("10.0.0.55", &["address 10.0.0.55 of bastion-3"]);
    check("[fd00::5]:22", &[v6]);
    check("FD00::5", &[v6]);
    check("fd00::5:1 fd00::51 2001:fd00::5", &[]);
    check("bastion-3", &["host_name bastion-3 of bastion-3"]);
    check("bastion-3.internal", &["alias bastion-3.internal of bastion-3"]);
    check("bastion-3.internal.example", &[]);
    check("bastion-30", &[]);
    check("svc$deploy", &["account svc$deploy of bastion-3"]);
    check("db1 db1 DB1", &["alias db1 of orders-db"]);
    check("", &[]);
    check("db", &[]);
}

#[test]
fn word_of_two_systems_is_told_for_both() {
    let mut told = found(b"login app_rw@x");
    told.sort();
    assert_eq!(told, ["account app_rw of bastion-3", "account app_rw of orders-db"]);
}

#[test]
fn mistaken_words_are_refused() {
    let check = |aliases: &[&str], accounts: &[&str], expected: &str| {
        let error = Inventory::new([entry("system-1", None, aliases, &[], accounts)]).unwrap_err();
        assert!(error.to_string().contains(expected), "{error}");
    };
    check(&["db"], &[], "inventory entry system-1: the alias \"db\" is shorter than 3 bytes");
    check(&[""], &[], "shorter");
    check(&[], &["ab"], "the account \"ab\"");
    check(&["two words"], &[], "white space");
    check(&[], &["a\u{0}bc"], "control characters");
    check(&["x".repeat(254).as_str()], &[], "longer than 253 bytes");
}

#[test]
fn ordinary_words_are_left_out_with_a_warning() {
    let inventory = Inventory::new([entry("db", Some("localhost"), &[], &["127.0.0.1"], &["Postgres"])]).unwrap();
    let warned: Vec<_> = inventory.warnings().iter().map(|warning| warning.word.as_str()).collect();
    assert_eq!(warned, ["127.0.0.1", "localhost", "db", "Postgres"]);
    let mut scan = inventory.scan();
    scan.feed(b"db localhost 127.0.0.1 postgres");
    assert_eq!(scan.finish(), []);
    assert!(COMMON.is_sorted(), "the list is searched by halves");
}

#[test]
fn address_names_its_system() {
    let inventory = inventory();
    let check = |address: &str, expected| {
        assert_eq!(inventory.target_of_address(address.parse().unwrap()), expected, "{address}");
    };
    check("10.0.0.5", Some("orders-db"));
    check("::ffff:10.0.0.5", Some("orders-db"));
    check("fd00:0::5", Some("orders-db"));
    check("10.0.0.6", None);
    check("127.0.0.1", None);
}

#[test]
fn scan_is_bounded() {
    let many = (0..2 * MAX_DISCLOSURES).map(|i| entry(&format!("host-{i}"), None, &[], &[], &[]));
    let mut scan = Inventory::new(many).unwrap().scan();
    for i in 0..2 * MAX_DISCLOSURES {
        scan.feed(format!("host-{i} ").as_bytes());
    }
    assert!(scan.is_full());
    assert_eq!(scan.pending(), 0);
    assert_eq!(scan.finish().len(), MAX_DISCLOSURES);
}

#[test]
fn undecided_bytes_are_pending_until_settled() {
    let mut scan = inventory().scan();
    let mut check = |text: &str, pending, expected: &[&str]| {
        scan.feed(text.as_bytes());
        assert_eq!(scan.pending(), pending, "after {text:?}");
        assert_eq!(scan.take().iter().map(shown).collect::<Vec<_>>(), expected, "after {text:?}");
    };
    check("nothing here ", 0, &[]);
    check("db.int", 6, &[]);
    check("ernal", 11, &[]);
    check(".", 12, &[]);
    check(" ", 0, &["host_name db.internal of orders-db"]);
    check("10.0.0.5", 8, &[]);
    scan.settle();
    assert_eq!(scan.take().len(), 1, "a released word was taught");
    scan.feed(b"5 ");
    assert_eq!(scan.take().iter().map(shown).collect::<Vec<_>>(), ["address 10.0.0.55 of bastion-3"]);
}

/// The rule itself: at each position the longest word that stands alone; then on after it.
fn naive(entries: &[Entry], text: &[u8]) -> Vec<String> {
    let mut words = Words::default();
    entries.iter().for_each(|entry| words.add(entry).unwrap());
    let mut told = Vec::new();
    let mut at = 0;
    while at < text.len() {
        let standing = words.owners.iter().filter(|(word, _)| {
            text[at..].len() >= word.len() && text[at..at + word.len()].eq_ignore_ascii_case(word.as_bytes())
        });
        let alone = standing.map(|(word, owners)| {
            let alone = owners.iter().filter(|(shape, _)| {
                shape.begins(&text[..at]) && shape.ends(&text[at + word.len()..], true) == Edge::Free
            });
            (word.len(), alone.map(|(_, disclosure)| shown(disclosure)).collect::<Vec<_>>())
        });
        match alone.filter(|(_, owners)| !owners.is_empty()).max_by_key(|(length, _)| *length) {
            Some((length, owners)) => {
                told.extend(owners);
                at += length;
            }
            None => at += 1,
        }
    }
    told.sort();
    told.dedup();
    told
}

fn text() -> impl Strategy<Value = Vec<u8>> {
    let parts = [
        "db.internal",
        "orders.svc",
        "db1",
        "10.0.0.5",
        "10.0.0.55",
        "fd00::5",
        "app_rw",
        "bastion-3",
        "svc$deploy",
        "bastion-3.internal",
        "orders-db",
        " ",
        ".",
        ":",
        "-",
        "\\n",
        "%2f",
        "\\u00",
        "3c",
        "x",
        "5",
        "1",
        "db",
        "é",
        ",",
    ];
    let part = prop_oneof![
        6 => prop::sample::select(parts.map(|part| part.as_bytes().to_vec()).to_vec()),
        1 => prop::collection::vec(any::<u8>(), 0..4),
    ];
    prop::collection::vec(part, 0..24).prop_map(|parts| parts.concat())
}

fn pieces(text: &[u8], cuts: Vec<u16>) -> Vec<&[u8]> {
    let mut cuts: Vec<_> = cuts.into_iter().map(|cut| usize::from(cut) % (text.len() + 1)).collect();
    cuts.extend([0, text.len()]);
    cuts.sort_unstable();
    cuts.windows(2).map(|pair| &text[pair[0]..pair[1]]).collect()
}

/// All that is told to the end, in order.
fn told(scan: Scan) -> Vec<String> {
    let mut told: Vec<_> = scan.finish().iter().map(shown).collect();
    told.sort();
    told
}

proptest! {
    #[test]
    fn however_it_is_split_the_naive_matcher_agrees(
        text in text(),
        cuts in prop::collection::vec(any::<u16>(), 0..8),
    ) {
        let mut scan = inventory().scan();
        for piece in pieces(&text, cuts) {
            scan.feed(piece);
        }
        prop_assert_eq!(told(scan), naive(&entries(), &text));
    }

    #[test]
    fn released_bytes_were_told_of(text in text()) {
        let inventory = inventory();
        let mut scan = inventory.scan();
        let mut told = Vec::new();
        for (at, byte) in text.iter().enumerate() {
            scan.feed(&[*byte]);
            told.extend(scan.take().iter().map(shown));
            // What stands in the released bytes for certain is told before they go.
            let released = at + 1 - scan.pending();
            let mut cut = inventory.scan();
            cut.feed(&text[..released]);
            for disclosure in cut.take() {
                prop_assert!(told.contains(&shown(&disclosure)));
            }
        }
    }
}

#[test]
fn a_host_is_known_by_its_first_label_where_that_means_no_other() {
    let host = |name: &str, host: &str| entry(name, Some(host), &[], &[], &[]);
    let inventory = Inventory::new([
        host("jump", "bastion-2.prod.example"),
        host("orders", "db1.orders.example"),
        host("billing", "db1.billing.example"),
        host("pages", "website.example"),
        host("ledger", "cash-1.example"),
        entry("other", Some("box.example"), &["cash-1"], &[], &[]),
    ])
    .unwrap();
    let check = |text: &str, expected: &[&str]| {
        let mut scan = inventory.scan();
        scan.feed(text.as_bytes());
        assert_eq!(scan.finish().iter().map(shown).collect::<Vec<_>>(), expected, "in {text:?}");
    };
    check("ssh ops@bastion-2", &["host_name bastion-2 of jump"]);
    check("Host BASTION-2:22", &["host_name bastion-2 of jump"]);
    check("bastion-2.prod.example", &["host_name bastion-2.prod.example of jump"]);
    check("bastion-2.elsewhere.example xbastion-2 bastion-22", &[]);
    // It may be either; an ordinary word; what somebody else is called.
    check("db1 website", &[]);
    check("cash-1", &["alias cash-1 of other"]);
}
