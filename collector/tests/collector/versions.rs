//! Lakes of other builds: an older one is read, written on and compacted with all its rows; what a newer one added is
//! left as it is. `lakes/v0` was written by the build before files were made without Delta's own writer.

use crate::memory::{Memory, Shared};
use crate::say::{self, NOON};
use crate::{collect, crash, lake, patient};
use arrow::array::Array as _;
use deltalake::kernel::engine::arrow_conversion::TryIntoKernel as _;
use deltalake::kernel::{DataType, StructField, StructType};
use deltalake::operations::create::CreateBuilder;
use interdict_collector::Lake;
use interdict_collector::maintain::Keeper;
use interdict_schemas::lake::Table;
use std::path::Path;
use std::sync::Arc;

/// Events, sessions and disclosures of `lakes/v0`.
const STANDING: [usize; 3] = [21, 14, 4];

async fn counts(folder: &Path) -> [usize; 3] {
    let mut counts = [0; 3];
    for (count, table) in counts.iter_mut().zip([Table::Events, Table::Sessions, Table::Disclosures]) {
        *count = lake::rows(folder, table).await;
    }
    counts
}

async fn compacted(folder: &Path, table: Table) -> u64 {
    let place = Lake::parse(folder, Path::new("")).expect("a place");
    let mut keeper = Keeper::open(&place, table).await.expect("opens").expect("is there");
    keeper.compact(2).await.expect("compacted").rows
}

fn log(sequences: std::ops::RangeInclusive<u64>) -> Shared {
    let log = Shared(Arc::new(Memory::new(1)));
    for sequence in sequences {
        log.0.stamped(0, &say::event("root", sequence, NOON), "s", sequence);
    }
    log
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_lake_of_the_build_before_is_read_and_written_on() {
    let folder = tempfile::tempdir().expect("folder");
    let folder = folder.path();
    crash::copy(&Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/lakes/v0"), folder);
    assert_eq!(counts(folder).await, STANDING);
    let before = lake::events(folder).await;
    collect(patient(folder, 3), log(1..=12)).await.expect("collected");
    let [events, sessions, disclosures] = STANDING;
    assert_eq!(counts(folder).await, [events + 12, sessions + 6, disclosures + 8]);
    assert!(compacted(folder, Table::Events).await > 12);
    let mut after = lake::events(folder).await;
    assert_eq!(after.len(), events + 12);
    after.retain(|row| before.contains(row));
    assert_eq!(after.len(), before.len(), "each row of before stands as it was");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_new_column_breaks_no_old_file_and_no_old_writer() {
    // A table as an older build made it, without `presented`, and as a newer one might, with a column more.
    for (without, with) in [(Some("presented"), None), (None, Some("of_tomorrow"))] {
        let folder = tempfile::tempdir().expect("folder");
        let folder = folder.path();
        let schema: StructType = Table::Events.schema().as_ref().try_into_kernel().expect("a schema");
        let mut fields: Vec<StructField> =
            schema.fields().filter(|field| Some(field.name().as_str()) != without).cloned().collect();
        fields.extend(with.map(|name| StructField::new(name, DataType::STRING, true)));
        std::fs::create_dir_all(folder.join("events")).expect("folder");
        CreateBuilder::new()
            .with_location(folder.join("events").to_str().expect("plain"))
            .with_columns(fields)
            .with_partition_columns(["date"])
            .await
            .expect("a table");
        collect(patient(folder, 2), log(1..=10)).await.expect("collected");
        assert_eq!(lake::events(folder).await.len(), 10);
        assert_eq!(compacted(folder, Table::Events).await, 10);
        let events = lake::events(folder).await;
        assert_eq!(events.len(), 10);
        if let Some(name) = with {
            let files = lake::files(folder, Table::Events).await;
            let column = files[0].column_by_name(name).expect("the newer build's column stays");
            assert_eq!(column.null_count(), 10);
        }
    }
}
