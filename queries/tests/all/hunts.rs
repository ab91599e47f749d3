//! Every hunt finds in the story what its golden file says.

use crate::fixture::{csv, story};
use interdict_queries::hunt;
use std::path::Path;

#[tokio::test]
async fn hunts_find_what_they_found() {
    let lake = story().await;
    let engine = lake.engine();
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("hunts");
    for hunt in hunt::ALL {
        let found = csv(engine.sql(hunt.sql).await.unwrap_or_else(|error| panic!("{}: {error}", hunt.name))).await;
        let golden = folder.join(hunt.name).with_extension("golden");
        if std::env::var_os("INTERDICT_BLESS").is_some() {
            std::fs::write(&golden, &found).expect("golden file is writable");
        }
        let expected =
            std::fs::read_to_string(&golden).unwrap_or_else(|error| panic!("{}: {error}", golden.display()));
        assert_eq!(found, expected, "{}", hunt.name);
        assert!(found.lines().count() > 1, "{} finds nothing in the story", hunt.name);
        assert!(!hunt.summary().is_empty(), "{}", hunt.name);
    }
    let files = std::fs::read_dir(&folder).expect("folder").filter_map(Result::ok).map(|entry| entry.path());
    let statements = files.filter(|path| path.extension().is_some_and(|extension| extension == "sql"));
    assert_eq!(statements.count(), hunt::ALL.len(), "every file is in the list");
    assert_eq!(hunt::find("pivots").map(|hunt| hunt.name), Some("pivots"));
    assert_eq!(hunt::find("no such"), None);
}
