//! The shape of the source: what no compiler checks. Each rule names the file that breaks it and what to do.

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};

const LONGEST: usize = 400;
/// Files that may be longer, and why.
const LONG: &[(&str, &str)] = &[
    ("src/cli.rs", "a table: every command and its options"),
    ("schemas/tests/ocsf.rs", "a table: cases of one format"),
];
/// Crates that know of nobody but the contracts and the log.
const APART: [&str; 4] = ["proxy", "collector", "detector", "queries"];
/// File names that say nothing.
const VAGUE: [&str; 8] = ["util", "utils", "common", "helper", "helpers", "manager", "misc", "types"];

fn root() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
}

/// All files below a folder whose names end so, but for what is built.
fn files(below: &Path, ending: &str) -> Vec<PathBuf> {
    let mut found = Vec::new();
    let mut folders = vec![below.to_path_buf()];
    while let Some(folder) = folders.pop() {
        for entry in fs::read_dir(&folder).expect("the source can be read") {
            let path = entry.expect("an entry").path();
            let name = path.file_name().unwrap_or_default().to_string_lossy().into_owned();
            if path.is_dir()
                && !path.is_symlink()
                && !name.starts_with('.')
                && name != "target"
                && name != "node_modules"
            {
                folders.push(path);
            } else if name.ends_with(ending) {
                found.push(path);
            }
        }
    }
    found.sort();
    assert!(!found.is_empty(), "no *{ending} below {}", below.display());
    found
}

fn name(path: &Path) -> String {
    path.strip_prefix(root()).unwrap_or(path).display().to_string()
}

fn check(rule: &str, ending: &str, broken: impl Fn(&Path, &str) -> Option<String>) {
    let wrong: Vec<String> = files(root(), ending)
        .iter()
        .filter_map(|path| {
            let text = fs::read_to_string(path).ok()?;
            broken(path, &text).map(|what| format!("{}: {what}", name(path)))
        })
        .collect();
    assert!(wrong.is_empty(), "{rule}:\n{}", wrong.join("\n"));
}

#[test]
fn each_file_says_what_it_owns() {
    check("a file opens with `//!`", ".rs", |_, text| (!text.starts_with("//!")).then(|| "does not".into()));
}

#[test]
fn files_are_small() {
    check("a file has at most 400 lines; split it by noun", ".rs", |path, text| {
        let lines = text.lines().count();
        let is_known = LONG.iter().any(|(known, _)| *known == name(path));
        match (lines > LONGEST, is_known) {
            (true, false) => Some(format!("{lines} lines")),
            (false, true) => Some("is short by now: take it off the list".into()),
            _ => None,
        }
    });
}

#[test]
fn files_have_names_that_say_something() {
    check("a file is named after its noun", ".rs", |path, _| {
        let stem = path.file_stem()?.to_string_lossy().into_owned();
        VAGUE.contains(&&*stem).then(|| format!("`{stem}` could hold anything"))
    });
}

#[test]
fn nothing_is_left_unfinished() {
    let marks = ["TO", "FIX"].map(|mark| format!("{mark}{}", if mark == "TO" { "DO" } else { "ME" }));
    let calls = ["todo", "unimplemented", "dbg"].map(|call| format!("{call}!("));
    check("what is committed is finished", ".rs", |_, text| {
        let found = marks.iter().chain(&calls).find(|mark| text.contains(&***mark));
        found.map(|mark| format!("has {mark}"))
    });
}

#[test]
fn parts_know_only_the_contracts() {
    for one in APART {
        let manifest = fs::read_to_string(root().join(one).join("Cargo.toml")).expect("a manifest");
        // What tests need is no part of the product.
        let product = manifest.split("[dev-dependencies]").next().unwrap_or_default();
        for other in APART.iter().filter(|other| **other != one) {
            assert!(
                !product.contains(&format!("interdict-{other}")),
                "{one}/Cargo.toml: {one} must not depend on {other}; what both need belongs into schemas or bus"
            );
        }
    }
}

#[test]
fn every_test_is_run() {
    for path in files(root(), "Cargo.toml") {
        let manifest = fs::read_to_string(&path).expect("a manifest");
        assert!(!manifest.contains("\ntest = false"), "{}: leaves out tests that stand beside code", name(&path));
    }
}

#[test]
fn detections_name_no_protocol() {
    let protocols = ["Protocol::Ssh", "Protocol::Postgres", "Protocol::Http", "Protocol::Kubernetes"];
    for path in files(&root().join("detector/src/detection"), ".rs") {
        let text = fs::read_to_string(&path).expect("a detection");
        let found = protocols.iter().find(|protocol| text.contains(**protocol));
        assert!(found.is_none(), "{}: names {}; ask the event what it is instead", name(&path), found.unwrap_or(&""));
    }
}

#[test]
fn each_detection_is_told_in_the_readme() {
    let readme = fs::read_to_string(root().join("README.md")).expect("README.md");
    for path in files(&root().join("detector/src/detection"), ".rs") {
        let stem = path.file_stem().unwrap_or_default().to_string_lossy().into_owned();
        assert!(stem == "mod" || readme.contains(&format!("`{stem}`")), "README.md does not tell of {stem}");
    }
}

#[test]
fn paths_in_the_documents_exist() {
    for document in ["README.md", "ARCHITECTURE.md"] {
        let text = fs::read_to_string(root().join(document)).expect("a document");
        let mut missing = BTreeMap::new();
        for (at, line) in text.lines().enumerate() {
            for quoted in line.split('`').skip(1).step_by(2) {
                let is_path = quoted.contains('/')
                    && !quoted.contains(|c: char| c.is_whitespace() || "<>*{$:,()[]".contains(c))
                    && [
                        "src/",
                        "proxy/",
                        "bus/",
                        "schemas/",
                        "collector/",
                        "cluster/",
                        "detector/",
                        "queries/",
                        "deploy/",
                        "benches/",
                        "tests/",
                    ]
                    .iter()
                    .any(|top| quoted.starts_with(top));
                if is_path && !root().join(quoted).exists() {
                    missing.insert(at + 1, quoted);
                }
            }
        }
        assert!(missing.is_empty(), "{document}: lines and paths that do not exist: {missing:?}");
    }
}

#[test]
fn documents_speak_of_no_machine() {
    let words = ["/root/", "/home/", "/work/"];
    for ending in [".md", ".toml", ".sh", ".yaml", ".sql", ".py"] {
        check("no path of anybody's machine", ending, |_, text| {
            words.iter().find(|word| text.contains(**word)).map(|word| format!("has {word}"))
        });
    }
}
