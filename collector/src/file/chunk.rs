//! The pages of a column while they are written, and what the file says of them.

use super::bounds::{self, Bounds};
use super::page::Rows;
use super::repeated::Repeated;
use bytes::Bytes;
use parquet::basic::{BoundaryOrder, Compression, Encoding, PageType, Type};
use parquet::bloom_filter::Sbbf;
use parquet::column::page::{CompressedPage, Page, PageWriter as _};
use parquet::column::writer::ColumnCloseResult;
use parquet::errors::{ParquetError, Result};
use parquet::file::metadata::{ColumnChunkMetaData, ColumnIndexBuilder, OffsetIndexBuilder, PageEncodingStats};
use parquet::file::properties::EnabledStatistics;
use parquet::file::statistics::{Statistics, ValueStatistics};
use parquet::file::writer::SerializedPageWriter;
use zstd::bulk::Compressor;

/// The share of wrong answers that a bloom filter gives.
const WRONG: f64 = 0.01;

/// The pages of a column while they are written.
pub(super) struct Chunk<'a, 'b, 'z> {
    column: &'a Repeated,
    pages: SerializedPageWriter<'b, Vec<u8>>,
    /// None where the column is left as it is.
    zstd: Option<&'a mut Compressor<'z>>,
    dictionary_at: Option<i64>,
    data_at: Option<i64>,
    compressed: usize,
    uncompressed: usize,
    levels: usize,
    nulls: usize,
    count: i32,
    bounds: Bounds<'a>,
    order: bounds::Order<'a>,
    columns: ColumnIndexBuilder,
    offsets: OffsetIndexBuilder,
}

impl<'a, 'b, 'z> Chunk<'a, 'b, 'z> {
    pub(super) fn new(
        column: &'a Repeated,
        pages: SerializedPageWriter<'b, Vec<u8>>,
        zstd: Option<&'a mut Compressor<'z>>,
    ) -> Self {
        Self {
            column,
            pages,
            zstd,
            dictionary_at: None,
            data_at: None,
            compressed: 0,
            uncompressed: 0,
            levels: 0,
            nulls: 0,
            count: 0,
            bounds: Bounds::default(),
            order: bounds::Order::default(),
            columns: ColumnIndexBuilder::new(Type::BYTE_ARRAY),
            offsets: OffsetIndexBuilder::new(),
        }
    }

    fn compress(&mut self, bytes: &[u8]) -> Result<Bytes> {
        let Some(zstd) = &mut self.zstd else { return Ok(Bytes::copy_from_slice(bytes)) };
        Ok(zstd.compress(bytes).map_err(|error| ParquetError::External(Box::new(error)))?.into())
    }

    fn put(&mut self, page: Page, size: usize) -> Result<(i64, i32)> {
        let spec = self.pages.write_page(CompressedPage::new(page, size))?;
        self.compressed += spec.compressed_size;
        self.uncompressed += spec.uncompressed_size;
        Ok((signed(spec.offset as usize), i32::try_from(spec.compressed_size).unwrap_or(i32::MAX)))
    }

    pub(super) fn dictionary(&mut self) -> Result<()> {
        let dictionary = &self.column.dictionary;
        let page = Page::DictionaryPage {
            buf: self.compress(dictionary.page())?,
            num_values: u32::try_from(dictionary.len()).unwrap_or(u32::MAX),
            encoding: Encoding::PLAIN,
            is_sorted: false,
        };
        self.dictionary_at = Some(self.put(page, dictionary.page().len())?.0);
        Ok(())
    }

    pub(super) fn page(&mut self, rows: Rows<'a>) -> Result<()> {
        let (count, levels, nulls, bounds) = (rows.rows, rows.levels, rows.nulls, rows.bounds);
        let encoding = encoding(rows.is_of_dictionary());
        let body = rows.body();
        let page = Page::DataPage {
            buf: self.compress(&body)?,
            num_values: u32::try_from(levels).unwrap_or(u32::MAX),
            encoding,
            def_level_encoding: Encoding::RLE,
            rep_level_encoding: Encoding::RLE,
            statistics: None,
        };
        let (at, size) = self.put(page, body.len())?;
        self.data_at.get_or_insert(at);
        self.offsets.append_offset_and_size(at, size);
        self.offsets.append_row_count(signed(count));
        let [low, high] = bounds.short();
        self.columns.append(bounds.is_empty(), low.0, high.0, signed(nulls));
        self.order.add(&bounds);
        self.bounds.join(&bounds);
        self.levels += levels;
        self.nulls += nulls;
        self.count += 1;
        Ok(())
    }

    pub(super) fn close(mut self, is_dictionary: bool) -> Result<ColumnCloseResult> {
        let column = self.column;
        let encoding = encoding(is_dictionary);
        let mut encodings = vec![Encoding::RLE, encoding];
        let mut pages = vec![PageEncodingStats { page_type: PageType::DATA_PAGE, encoding, count: self.count }];
        if is_dictionary {
            let (page_type, encoding) = (PageType::DICTIONARY_PAGE, Encoding::PLAIN);
            pages.insert(0, PageEncodingStats { page_type, encoding, count: 1 });
            encodings.push(encoding);
        }
        let mut metadata = ColumnChunkMetaData::builder(column.of.clone())
            .set_compression(if self.zstd.is_some() { super::zstd() } else { Compression::UNCOMPRESSED })
            .set_encodings(encodings)
            .set_page_encoding_stats(pages)
            .set_total_compressed_size(signed(self.compressed))
            .set_total_uncompressed_size(signed(self.uncompressed))
            .set_num_values(signed(self.levels))
            .set_dictionary_page_offset(self.dictionary_at)
            .set_data_page_offset(self.data_at.unwrap_or_default());
        if column.statistics != EnabledStatistics::None {
            let [(low, is_least), (high, is_most)] = self.bounds.short();
            let bound = |bytes: Vec<u8>| (!self.bounds.is_empty()).then(|| bytes.into());
            let nulls = Some(self.nulls as u64);
            let found = ValueStatistics::new(bound(low), bound(high), None, nulls, false)
                .with_min_is_exact(is_least)
                .with_max_is_exact(is_most);
            metadata = metadata.set_statistics(Statistics::ByteArray(found));
        }
        let bloom_filter = column.is_sought.then(|| {
            let distinct = column.dictionary.len();
            let mut filter = Sbbf::new_with_ndv_fpp(distinct.max(1) as u64, WRONG)?;
            let numbers = 0..u32::try_from(distinct).unwrap_or(u32::MAX);
            numbers.for_each(|number| filter.insert(column.dictionary.text(number)));
            Ok::<_, ParquetError>(filter)
        });
        self.columns.set_boundary_order(match self.order.is() {
            Some(true) => BoundaryOrder::ASCENDING,
            Some(false) => BoundaryOrder::DESCENDING,
            None => BoundaryOrder::UNORDERED,
        });
        let is_indexed = column.statistics == EnabledStatistics::Page;
        Ok(ColumnCloseResult {
            bytes_written: self.compressed as u64,
            rows_written: column.rows as u64,
            metadata: metadata.build()?,
            bloom_filter: bloom_filter.transpose()?,
            column_index: if is_indexed { Some(self.columns.build()?) } else { None },
            offset_index: Some(self.offsets.build()),
        })
    }
}

const fn encoding(is_dictionary: bool) -> Encoding {
    if is_dictionary { Encoding::RLE_DICTIONARY } else { Encoding::DELTA_BYTE_ARRAY }
}

fn signed(size: usize) -> i64 {
    i64::try_from(size).unwrap_or(i64::MAX)
}
