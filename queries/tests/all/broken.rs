//! Files that cannot be read are named, and the rest still answers.

use crate::fixture::{Lake, csv, session, story};
use interdict_queries::replay::{self, Transcript};
use interdict_queries::verify::{self, Part};
use interdict_queries::{Engine, Error, Settings, export};
use interdict_schemas::Protocol;
use parquet::file::reader::{FileReader as _, SerializedFileReader};
use rand::{Rng as _, SeedableRng as _};
use std::fs::{self, File};
use std::path::{Path, PathBuf};

/// What can become of a file.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Damage {
    /// Its pages of one column are garbage.
    Page,
    /// Its end is.
    Footer,
    /// It is not there.
    Gone,
}

impl Damage {
    pub(crate) const ALL: [Self; 3] = [Self::Page, Self::Footer, Self::Gone];

    /// Does it to the first file of a table's day; returns what the file is called below the lake's folder.
    pub(crate) fn to(self, lake: &Path, day: &str) -> String {
        let file = first(&lake.join("events").join(format!("date={day}")));
        match self {
            Self::Page => garble(&file, "root", u64::MAX),
            Self::Footer => {
                let mut bytes = fs::read(&file).expect("reads");
                let end = bytes.len();
                bytes[end - 200..].fill(0xa5);
                fs::write(&file, bytes).expect("writes");
            }
            Self::Gone => fs::remove_file(&file).expect("removes"),
        }
        file.strip_prefix(lake).expect("below").to_str().expect("utf-8").to_owned()
    }
}

fn first(folder: &Path) -> PathBuf {
    let mut files: Vec<_> = fs::read_dir(folder).expect("a day").map(|entry| entry.expect("entry").path()).collect();
    files.sort();
    files.into_iter().find(|file| file.extension().is_some_and(|end| end == "parquet")).expect("a file")
}

/// Makes garbage of the last bytes of a column's pages.
fn garble(file: &Path, column: &str, most: u64) {
    let reader = SerializedFileReader::new(File::open(file).expect("opens")).expect("a footer");
    let mut bytes = fs::read(file).expect("reads");
    let group = reader.metadata().row_groups().last().expect("rows");
    let chunk = group.columns().iter().find(|chunk| chunk.column_path().string() == column).expect("the column");
    let (start, length) = chunk.byte_range();
    let end = usize::try_from(start + length).expect("small");
    let from = end - usize::try_from(length.min(most)).expect("small");
    bytes[from..end].fill(0xff);
    fs::write(file, bytes).expect("writes");
}

pub(crate) fn skipping(lake: &Lake) -> Engine {
    let settings = Settings { skip_broken: true, ..Settings::default() };
    Engine::open(lake.path().to_str().expect("path"), settings).expect("opens")
}

async fn answer(engine: &Engine, sql: &str) -> Result<usize, Error> {
    let rows = engine.sql(sql).await?.collect().await?;
    Ok(rows.iter().map(arrow::array::RecordBatch::num_rows).sum())
}

#[tokio::test]
async fn a_broken_file_is_named_and_the_rest_answers() {
    for damage in Damage::ALL {
        let lake = story().await;
        let broken = damage.to(lake.path(), "2026-03-02");
        let engine = lake.engine();
        for sql in ["select root from events", "select id from events where root = 'user:dana' order by id"] {
            let error = answer(&engine, sql).await.expect_err("one file is broken");
            let Error::File { file, .. } = &error else { panic!("{damage:?}: {error:?}") };
            assert_eq!(*file, broken, "{damage:?}: {sql}");
            assert!(error.to_string().contains("--skip-broken"), "{error}");
        }
        // Whatever does not need it.
        assert_eq!(answer(&engine, "select root from events where date > date '2026-03-02'").await.ok(), Some(8));
        assert_eq!(answer(&engine, "select session from sessions").await.ok(), Some(5));
        let engine = skipping(&lake);
        let snapshot = engine.snapshot().await.expect("reads");
        let sql = "select date, count(distinct root) as n from events group by date";
        assert_eq!(csv(snapshot.sql(sql).await.expect("plans")).await, "date,n\n2026-03-04,1\n", "{damage:?}");
        let left_out = snapshot.left_out();
        assert_eq!(left_out.keys().collect::<Vec<_>>(), [&broken], "{damage:?}");
        assert!(left_out.values().all(|why| !why.is_empty()), "{left_out:?}");
    }
}

#[tokio::test]
async fn nothing_is_left_out_of_a_whole_lake_and_a_mistake_is_no_files() {
    let lake = story().await;
    let snapshot = skipping(&lake).snapshot().await.expect("reads");
    let rows = snapshot.sql("select id from events").await.expect("plans").collect().await.expect("rows");
    assert_eq!(rows.iter().map(arrow::array::RecordBatch::num_rows).sum::<usize>(), 14);
    for sql in [
        "select cast(root as int) from events",
        "select id from events where root = 'user:dana' and cast(root as int) = 1",
    ] {
        let error = match snapshot.sql(sql).await {
            Ok(rows) => rows.collect().await.expect_err(sql),
            Err(error) => error,
        };
        assert!(!matches!(error, Error::File { .. }), "{sql}: {error:?}");
    }
    assert!(snapshot.left_out().is_empty());
}

#[tokio::test]
async fn a_file_answers_whole_or_not_at_all() {
    let mut lake = Lake::new();
    let one = session("s1", &["user:dana"], "cmdb", Protocol::Postgres, 0);
    // So many that rows come of it before the damage is met.
    lake.write((0..30_000).map(|nth| one.acted(&format!("a{nth}"), nth / 1000, "select 1", None))).await;
    garble(&first(&lake.path().join("events/date=2026-03-02")), "id", 100);
    let mut rows = lake.engine().sql("select id from events").await.expect("plans");
    assert!(rows.next().await.expect("whole so far").is_some());
    let error = loop {
        match rows.next().await {
            Ok(Some(_)) => {}
            Ok(None) => panic!("the damage was not met"),
            Err(error) => break error,
        }
    };
    assert!(matches!(error, Error::File { .. }), "{error:?}");
    assert_eq!(answer(&skipping(&lake), "select id from events").await.ok(), Some(0));
    // Nothing is wrong with the others of its columns.
    assert_eq!(answer(&skipping(&lake), "select text from events").await.ok(), Some(30_000));
}

#[tokio::test]
async fn replays_and_exports_name_it_and_go_on_too() {
    let lake = story().await;
    let broken = Damage::Page.to(lake.path(), "2026-03-04");
    let export = async |engine: &Engine| {
        let snapshot = engine.snapshot().await.expect("reads");
        let told = export::events(&snapshot, &Part::All, &mut Vec::new()).await;
        (told, snapshot)
    };
    let (told, _) = export(&lake.engine()).await;
    assert!(matches!(told, Err(Error::File { file, .. }) if file == broken));
    let (told, snapshot) = export(&skipping(&lake)).await;
    assert_eq!((told.ok(), snapshot.left_out().len()), (Some(6), 1));
    let mut out = Vec::new();
    let transcript = Transcript::open(&snapshot, "s0").await.expect("opens");
    replay::print(transcript, &mut out).await.expect("prints");
    assert!(String::from_utf8_lossy(&out).contains("select host from hosts"));
    let transcript = Transcript::open(&lake.engine().snapshot().await.expect("reads"), "s2").await;
    let error = replay::print(transcript.expect("opens"), &mut Vec::new()).await.expect_err("broken");
    assert!(error.to_string().contains(&broken), "{error}");
}

#[tokio::test]
async fn whatever_bytes_change_the_file_is_named() {
    let lake = story().await;
    let file = first(&lake.path().join("events/date=2026-03-02"));
    let whole = fs::read(&file).expect("reads");
    let mut chance = rand::rngs::StdRng::seed_from_u64(7);
    let mut named = 0;
    for nth in 0..300 {
        let mut bytes = whole.clone();
        // One bit of the footer, of which there are some that the reader panics at.
        if nth % 2 == 0 {
            let footer = bytes.len() - footer(&bytes)..bytes.len();
            bytes[chance.random_range(footer)] ^= 1 << chance.random_range(0..8);
        } else {
            let from = chance.random_range(0..bytes.len());
            let end = (from + chance.random_range(1..40)).min(bytes.len());
            bytes[from..end].iter_mut().for_each(|byte| *byte = chance.random());
        }
        fs::write(&file, &bytes).expect("writes");
        let read = answer(&lake.engine(), "select * from events").await;
        match &read {
            Ok(_) => {}
            Err(Error::File { .. }) => named += 1,
            Err(error) => panic!("change {nth}: {error:?}"),
        }
        let rest = answer(&skipping(&lake), "select * from events").await.expect("the other files answer");
        assert_eq!(rest, read.unwrap_or(8), "change {nth}");
        if nth % 10 == 0 {
            let report = verify::verify(&lake.engine(), &verify::Options::default()).await.expect("a proof");
            assert_eq!((report.files.altered, report.is_whole()), (1, false), "change {nth}: {report}");
        }
    }
    assert!(named > 50, "{named}");
}

/// Bytes of a file's footer, with its length and the magic number.
fn footer(file: &[u8]) -> usize {
    let [.., a, b, c, d, _, _, _, _] = file else { panic!("no file of Parquet") };
    8 + usize::try_from(u32::from_le_bytes([*a, *b, *c, *d])).expect("small")
}
