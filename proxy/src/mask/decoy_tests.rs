//! Claims about the scheme: what is minted is read back wherever it stands, and nothing else ever is.

use super::*;
use proptest::prelude::*;

const FORMS: [Form; 3] = [Form::Base62, Form::Base32, Form::Hex];

fn keys(text: &str) -> Keys {
    Keys::parse(text).expect("keys")
}

fn one() -> Keys {
    keys(&"0f".repeat(KEY))
}

fn origin() -> impl Strategy<Value = Origin> {
    (any::<u128>(), any::<u32>(), any::<u32>(), any::<u16>()).prop_map(|(session, target, field, variant)| Origin {
        session,
        target,
        field,
        variant,
    })
}

fn form() -> impl Strategy<Value = Form> {
    prop::sample::select(&FORMS[..])
}

/// What an alphabet's digits could write and the scheme never does.
fn alphabet(form: Form) -> impl Strategy<Value = String> {
    prop::collection::vec(prop::sample::select(form.alphabet()), form.digits())
        .prop_map(|digits| String::from_utf8(digits).expect("ASCII"))
}

/// What counts; the variant gives way where a core would begin like a JWT.
fn plain(origin: Origin) -> Origin {
    Origin { variant: 0, ..origin }
}

fn told(keys: &Keys, text: &str) -> Vec<Origin> {
    keys.find(text.as_bytes()).into_iter().map(|found| found.origin).collect()
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 2_000, ..ProptestConfig::default() })]

    #[test]
    fn what_is_minted_is_read_back(origin in origin(), form in form()) {
        let core = one().mint(origin, form);
        prop_assert_eq!(core.len(), form.digits());
        prop_assert!(core.bytes().all(|byte| form.alphabet().contains(&byte)));
        prop_assert_eq!(one().read(core.as_bytes(), form).map(plain), Some(plain(origin)));
        prop_assert_eq!(one().mint(origin, form), core, "the same bytes make the same decoy");
    }

    #[test]
    fn it_is_found_wherever_it_stands(origin in origin(), form in form(), before in "[ -~]{0,60}", after in "[ -~]{0,60}") {
        let core = one().mint(origin, form);
        for (left, right) in [(" ", " "), ("='", "'"), ("ghp_", ""), ("//user:", "@host"), ("k3", ""), ("", "Z9"), ("", ".internal")] {
            let text = format!("{before} {left}{core}{right} {after}");
            let found = one().find(text.as_bytes());
            prop_assert_eq!(found.len(), 1, "{}", text);
            prop_assert_eq!((plain(found[0].origin), found[0].form), (plain(origin), form));
            prop_assert_eq!(&text[found[0].range.clone()], core.as_str());
        }
        if form == Form::Base32 {
            let told: Vec<_> = told(&one(), &core.to_ascii_uppercase()).into_iter().map(plain).collect();
            prop_assert_eq!(told, [plain(origin)], "case does not count in host names");
        }
    }

    #[test]
    fn altered_decoys_never_fire(origin in origin(), form in form(), at in any::<prop::sample::Index>(), to in any::<prop::sample::Index>()) {
        let core = one().mint(origin, form);
        let at = at.index(core.len());
        let mut other = core.clone().into_bytes();
        other[at] = form.alphabet()[to.index(form.alphabet().len())];
        if other != core.as_bytes() {
            prop_assert_eq!(one().find(&other), []);
        }
        let mut shorter = core.clone();
        shorter.remove(at);
        prop_assert_eq!(told(&one(), &shorter), []);
        let reversed: String = core.chars().rev().collect();
        prop_assert_eq!(told(&one(), &reversed), []);
        prop_assert_eq!(told(&keys(&"f0".repeat(KEY)), &core), [], "another gateway's key");
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 40_000, ..ProptestConfig::default() })]

    // Three strings a case: 120,000 random strings of the very lengths and alphabets that decoys have.
    #[test]
    fn random_strings_never_fire(digits in alphabet(Form::Base62), label in alphabet(Form::Base32), hex in alphabet(Form::Hex)) {
        for text in [digits, label, hex] {
            prop_assert_eq!(one().find(text.as_bytes()), [], "{}", text);
        }
    }

    #[test]
    fn arbitrary_bytes_never_fire_nor_panic(bytes in prop::collection::vec(any::<u8>(), 0..300)) {
        prop_assert_eq!(one().find(&bytes), []);
    }
}

#[test]
fn all_keys_are_accepted_and_the_first_mints() {
    let (old, new) = ("11".repeat(KEY), "22".repeat(KEY));
    let origin = Origin { session: 7, target: 1, field: 2, variant: 3 };
    let minted = keys(&old).mint(origin, Form::Base62);
    let both = keys(&format!("# rotated\n{new}\n\n{old}\n"));
    assert_eq!(told(&both, &minted), [origin]);
    assert_eq!(both.mint(origin, Form::Base62), keys(&new).mint(origin, Form::Base62));
    assert_eq!(told(&keys(&new), &minted), []);
}

#[test]
fn key_files_are_checked() {
    let check = |text: &str, expected: Error| assert_eq!(Keys::parse(text).err(), Some(expected), "{text}");
    check("", Error::Count(0));
    check("# nothing\n", Error::Count(0));
    check("00", Error::Line(1));
    check(&format!("{}\n{}", "00".repeat(KEY), "0g".repeat(KEY)), Error::Line(2));
    check(&format!("{}\n", "00".repeat(KEY)).repeat(MAX_KEYS + 1), Error::Count(MAX_KEYS + 1));
    assert!(Keys::parse(&generate()).is_ok());
    assert_ne!(generate(), generate());
}

#[test]
fn decoys_look_random_in_every_place() {
    for form in FORMS {
        let cores: Vec<String> = (0..400)
            .map(|number| one().mint(Origin { session: number, target: 1, field: 1, variant: 0 }, form))
            .collect();
        for place in 0..form.digits() {
            let seen: std::collections::BTreeSet<u8> = cores.iter().map(|core| core.as_bytes()[place]).collect();
            assert!(seen.len() * 10 >= form.alphabet().len() * 9, "{form:?} has {} digits at {place}", seen.len());
        }
    }
}
