//! `interdict export case`: the archive of an alert, and whether one is what was signed.

use crate::cli::{self, Usage};
use crate::settings::Settings;
use crate::{lake, verify};
use anyhow::{Context as _, bail};
use interdict_bus::Signer;
use interdict_queries::case::{self, Seal};
use interdict_queries::{Outfile, neutral};
use std::fs::File;
use std::io::Write as _;
use std::path::{Path, PathBuf};

/// What is asked for.
pub(crate) struct Arguments {
    pub(crate) alert: Option<String>,
    pub(crate) check: Option<PathBuf>,
    pub(crate) key: Option<String>,
    pub(crate) out: Option<PathBuf>,
    pub(crate) lake: Option<PathBuf>,
    pub(crate) settings: interdict_queries::Settings,
}

/// The key of the local log, or one of its own.
struct Key(Signer);

impl Seal for Key {
    fn key(&self) -> [u8; 32] {
        self.0.key()
    }

    fn sign(&self, bytes: &[u8]) -> [u8; 64] {
        self.0.seal(bytes)
    }
}

pub(crate) async fn run(args: Arguments, config: &Path) -> anyhow::Result<bool> {
    if let Some(archive) = &args.check {
        return check(archive, args.key.as_deref());
    }
    let Some(alert) = args.alert else { return Err(Usage("name the alert".to_owned()).into()) };
    let Some(out) = args.out else {
        return Err(Usage("name the archive with --out, such as --out case.tar.zst".to_owned()).into());
    };
    let key = open(args.key.map(PathBuf::from), config)?;
    let options = verify::believed(args.lake.is_none().then_some(config))?;
    let engine = lake::open_with(args.lake, config, args.settings)?;
    let snapshot = engine.snapshot().await?;
    let below = out.parent().filter(|folder| !folder.as_os_str().is_empty()).unwrap_or(Path::new("."));
    let file = Outfile::private(&out)?;
    let (made, file) = if out.extension().is_some_and(|ending| ending == "zst") {
        let packed = zstd::Encoder::new(file, 3)?;
        let (made, packed) = case::export(&snapshot, &alert, options, &key, below, packed).await?;
        (made, packed.finish()?)
    } else {
        case::export(&snapshot, &alert, options, &key, below, file).await?
    };
    file.finish()?;
    let case::Case { sessions, absent, files, whole } = made;
    let mut told = std::io::stderr();
    writeln!(told, "{files} files about {sessions} sessions, signed with {}", interdict_schemas::Digest(key.key()))?;
    if absent > 0 {
        writeln!(told, "of {absent} of the sessions the lake holds nothing any more")?;
    }
    if !whole {
        writeln!(told, "the lake is not whole in the time of the case: verify.json in it says where")?;
    }
    lake::say_left_out(&snapshot)?;
    Ok(true)
}

/// The key that signs. It is not made here: who signs is to be known before.
fn open(key: Option<PathBuf>, config: &Path) -> anyhow::Result<Key> {
    let path = match key {
        Some(key) => key,
        None => Settings::load(config)?.case_key,
    };
    if !path.is_file() {
        bail!(
            "there is no key {}: name one with --key or lake.case_key_file; `(umask 077; openssl rand -hex 32 > FILE)` makes one",
            path.display()
        );
    }
    Ok(Key(Signer::open(&path)?))
}

fn check(archive: &Path, key: Option<&str>) -> anyhow::Result<bool> {
    let key = key.map(cli::key_or_file).transpose().map_err(|error| Usage(format!("--key: {error}")))?;
    let file = File::open(archive).with_context(|| format!("cannot read {}", archive.display()))?;
    let found = case::check(file, key).with_context(|| format!("cannot read {}", archive.display()))?;
    let mut out = std::io::stdout();
    for fault in &found.faults {
        writeln!(out, "{}", neutral(fault))?;
    }
    if !found.faults.is_empty() {
        writeln!(out, "{} is not the case that was signed", archive.display())?;
        return Ok(false);
    }
    let (alert, by) = (neutral(&found.alert), neutral(&found.key));
    writeln!(out, "whole: {} files about alert {alert}, signed with {by}", found.files)?;
    if key.is_none() {
        writeln!(out, "nobody vouched for that key: give the one you trust with --key")?;
    }
    Ok(key.is_some())
}
