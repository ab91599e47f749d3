//! The part of a proof that looks at every row: its columns are read back from the lake's files, made the bytes that were
//! hashed when it was written, and hashed. The sort by number and the walk along the chain come on top.

use crate::meter::Meter;
use interdict_schemas::lake::{self, Table, links};
use parquet::arrow::arrow_reader::{ArrowReaderMetadata, ArrowReaderOptions, ParquetRecordBatchReaderBuilder};
use std::path::Path;
use std::sync::Arc;

pub(crate) fn prove(folder: &Path) {
    let days = std::fs::read_dir(folder.join("lake").join(Table::Events.name())).expect("a table");
    let days = days.map(|day| day.expect("a day").path()).filter(|day| !day.ends_with("_delta_log"));
    let files = days.flat_map(|day| std::fs::read_dir(day).expect("files").map(|file| file.expect("a file").path()));
    let (meter, mut hashed, mut reading) = (Meter::start(), 0_u32, 0.0);
    for file in files {
        let began = meter.read()[1];
        let file = std::fs::File::open(file).expect("opens");
        let found = ArrowReaderMetadata::load(&file, ArrowReaderOptions::new()).expect("parquet");
        let group = found.metadata().row_group(0);
        let has_dictionary = |leaf| group.column(leaf).dictionary_page_offset().is_some();
        let schema = lake::read_as(Table::Events, found.schema(), has_dictionary).expect("the table's columns");
        let options = ArrowReaderOptions::new().with_schema(Arc::new(schema));
        let found = ArrowReaderMetadata::try_new(Arc::clone(found.metadata()), options).expect("a schema");
        let reader = ParquetRecordBatchReaderBuilder::new_with_metadata(file, found);
        let batches: Vec<_> =
            reader.with_batch_size(8_192).build().expect("a reader").map(|batch| batch.expect("rows")).collect();
        reading += meter.read()[1] - began;
        for batch in batches {
            links(Table::Events, &batch, |link| hashed += u32::from(link.record.is_some()));
        }
    }
    let [clock, processor] = meter.read();
    println!("{clock} {processor} {reading} {hashed}");
}
