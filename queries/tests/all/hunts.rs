//! Every hunt finds what was planted for it, as its golden file says, and nothing where there is only routine.

use crate::fixture::{csv, story};
use crate::hunted::{clean, planted};
use interdict_queries::hunt::{self, Hunt};
use interdict_schemas::Time;
use std::path::{Path, PathBuf};

const EVER: Time = Time(0);

fn folder() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("hunts")
}

#[tokio::test]
async fn hunts_find_what_was_planted_and_nothing_else() {
    let (planted, clean) = (planted().await, clean().await);
    let planted_state = planted.engine().snapshot().await.expect("reads");
    let clean_state = clean.engine().snapshot().await.expect("reads");
    let mut wrong = Vec::new();
    for hunt in hunt::ALL {
        let run = async |lake| {
            let rows = hunt.run(lake, EVER, &[]).await;
            csv(rows.unwrap_or_else(|error| panic!("{}: {error}", hunt.name))).await
        };
        let found = run(&planted_state).await;
        let golden = folder().join(hunt.name).with_extension("golden");
        if std::env::var_os("INTERDICT_BLESS").is_some() {
            std::fs::write(&golden, &found).expect("golden file is writable");
        }
        let expected =
            std::fs::read_to_string(&golden).unwrap_or_else(|error| panic!("{}: {error}", golden.display()));
        let routine = run(&clean_state).await;
        let mut tell = |what: String| wrong.push(format!("{} {what}", hunt.name));
        if found != expected {
            tell(format!("finds {found} and not {expected}"));
        }
        if found.lines().count() < 2 {
            tell("finds nothing".to_owned());
        }
        if routine.lines().count() != 1 {
            tell(format!("finds in routine {routine}"));
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

#[tokio::test]
async fn hunt_looks_back_as_far_as_told_with_what_is_set() {
    let story = story().await;
    let lake = story.engine().snapshot().await.expect("reads");
    let found = async |name: &str, since: Time, set: &[(&str, i64)]| {
        let set: Vec<_> = set.iter().map(|(name, value)| ((*name).to_owned(), *value)).collect();
        let rows = hunt::find(name).expect("known").run(&lake, since, &set).await.expect("runs");
        csv(rows).await.lines().count() - 1
    };
    let later = Time(i64::MAX);
    assert_eq!((found("pivots", EVER, &[]).await, found("pivots", later, &[]).await), (2, 0));
    assert_eq!(found("deep-delegation", EVER, &[]).await, 0);
    assert_eq!(found("deep-delegation", EVER, &[("depth", 2)]).await, 2);
    let wrong = hunt::find("deep-delegation").expect("known").run(&lake, EVER, &[("deep".to_owned(), 1)]).await;
    let error = wrong.err().expect("refused").to_string();
    assert_eq!(error, "the hunt deep-delegation has no parameter `deep`; it has depth");
}

#[test]
fn hunts_say_what_they_are() {
    let is_technique = |id: &str| {
        let (number, part) = id.strip_prefix('T').unwrap_or_default().split_once('.').unwrap_or((&id[1..], "001"));
        number.len() == 4 && part.len() == 3 && (number.to_owned() + part).bytes().all(|byte| byte.is_ascii_digit())
    };
    let check = |hunt: &Hunt| {
        assert!(!hunt.summary().is_empty() && !hunt.reading().is_empty(), "{}", hunt.name);
        assert!(hunt.attack().split(", ").all(is_technique), "{}: {}", hunt.name, hunt.attack());
        assert!(hunt.sql.contains("$since"), "{}", hunt.name);
        assert_eq!(hunt.params().count(), hunt.sql.matches("-- param: ").count(), "{}", hunt.name);
        for param in hunt.params() {
            assert!(hunt.sql.contains(&format!("${}", param.name)), "{}: {}", hunt.name, param.name);
        }
    };
    hunt::ALL.iter().for_each(check);
    assert!(hunt::ALL.len() >= 25);
    let files = std::fs::read_dir(folder()).expect("folder").filter_map(Result::ok).map(|entry| entry.path());
    let statements = files.filter(|path| path.extension().is_some_and(|extension| extension == "sql"));
    assert_eq!(statements.count(), hunt::ALL.len(), "every file is in the list");
    assert_eq!(hunt::find("no such"), None);
}
