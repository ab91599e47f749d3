//! Claims about planting and recognising.

use super::*;
use crate::rig;

const SESSION: &str = "01KB0000000000000000000002";

fn decoys(extra: &str) -> (tempfile::TempDir, Decoys) {
    let folder = tempfile::tempdir().expect("folder");
    std::fs::write(folder.path().join("policy.cedar"), "").expect("policy");
    let text = format!(
        "[identity]\nissuer = \"i\"\njwks_file = \"keys.json\"\naudience = \"a\"\n[policy]\npath = \"policy.cedar\"\n\
         [[target]]\nname = \"api\"\nprotocol = \"http\"\nlisten = \"127.0.0.1:0\"\naddress = \"127.0.0.1:9\"\n{extra}"
    );
    let config = Config::parse(&text, &folder.path().join("interdict.toml")).expect("config");
    let decoys = Decoys::new(&config).expect("decoys");
    (folder, decoys)
}

const RULE: &str = "[[mask]]\ntarget = \"api\"\njson = \"token\"\nshape = \"token\"\nprefix = \"ghp_\"\n";

fn plant(decoys: &Decoys, value: &str) -> String {
    let rules = decoys.rules("api").expect("rules");
    let mut planter = decoys.planter(SESSION, &rig::identity());
    let decoy = planter.plant(&rules[0], value.as_bytes());
    assert_eq!(planter.take()[0].value, fingerprint(&decoy));
    decoys.remember(&mut planter);
    decoy
}

fn used(place: DecoyPlace) -> DecoyUse {
    DecoyUse { session: SESSION.into(), field: "token".into(), target: "api".into(), place }
}

#[test]
fn a_decoy_tells_its_origin_wherever_it_is_presented() {
    let (_folder, decoys) = decoys(RULE);
    let decoy = plant(&decoys, "real");
    assert!(decoy.starts_with("ghp_") && decoy.len() == 4 + 49, "{decoy}");
    assert_eq!(plant(&decoys, "real"), decoy);
    assert_ne!(plant(&decoys, "another"), decoy, "rows do not look alike");
    for text in [decoy.clone(), format!("Bearer {decoy}"), format!("curl -H 'X-Api-Key: {decoy}' a")] {
        assert_eq!(decoys.recognise(text.as_bytes(), DecoyPlace::Header), [used(DecoyPlace::Header)], "{text}");
    }
    assert_eq!(decoys.blotted(&format!("a {decoy} b")), "a ghp_[decoy] b");
    assert_eq!(decoys.recognise(b"Bearer eyJhbGciOiJFUzI1NiJ9.e30.c2ln", DecoyPlace::Header), []);
}

#[test]
fn whoever_shares_the_key_recognises_without_the_rules() {
    let (folder, first) = decoys(RULE);
    let decoy = plant(&first, "real");
    let key = folder.path().join("data/decoy_key");
    let mode = std::os::unix::fs::PermissionsExt::mode(&std::fs::metadata(&key).expect("key").permissions());
    assert_eq!(mode & 0o777, 0o600);
    let (_other, second) = decoys(&format!("[gateway]\ndecoy_key_file = \"{}\"\n", key.display()));
    let told = second.recognise(decoy.as_bytes(), DecoyPlace::Password);
    assert_eq!((told[0].session.as_str(), told[0].target.as_str()), (SESSION, "api"));
    assert!(told[0].field.starts_with('#'), "{told:?}");
    let (_stranger, third) = decoys("");
    assert_eq!(third.recognise(decoy.as_bytes(), DecoyPlace::Password), []);
}

#[test]
fn a_use_by_nobody_known_is_told_of_the_decoys_own_root() {
    let (_folder, decoys) = decoys(RULE);
    let source = Source { address: Some([10, 0, 0, 9].into()), ..Source::default() };
    let presented = [used(DecoyPlace::Password)];
    assert_eq!(decoys.suspect(&presented, &source).root().id, "unknown:10.0.0.9");
    plant(&decoys, "real");
    assert_eq!(decoys.suspect(&presented, &source), rig::identity());
}

#[test]
fn remembered_sessions_are_bounded() {
    let mut sessions = Sessions::default();
    for session in 0..(MAX_SESSIONS as u128 * 2) {
        sessions.insert(session, rig::identity());
        assert!(sessions.find(session).is_some());
    }
    assert!(sessions.young.len() + sessions.old.len() <= MAX_SESSIONS);
}
