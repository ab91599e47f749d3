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

/// Bytes that compression must save in a column. Whoever reads a page of it sets up a decompressor first, which costs as
/// much as reading so many bytes; and of sixty columns most are small.
const WORTH: usize = 16 << 10;

/// The pages of a column, which are written once it is known whether they are compressed.
pub(super) struct Chunk<'a, 'z> {
    column: &'a Repeated,
    /// None where it is not worth its while.
    zstd: Option<&'a mut Compressor<'z>>,
    dictionary: Option<Body>,
    pages: Vec<(Body, Said)>,
    levels: usize,
    nulls: usize,
    bounds: Bounds<'a>,
    order: bounds::Order<'a>,
    columns: ColumnIndexBuilder,
}

/// The bytes of a page.
struct Body {
    plain: Bytes,
    /// Where it was tried.
    compressed: Option<Bytes>,
}

/// What is said of a page beside its bytes.
struct Said {
    rows: usize,
    levels: usize,
}

/// Where pages were written.
struct Written<'b> {
    to: SerializedPageWriter<'b, Vec<u8>>,
    is_compressed: bool,
    /// With what stands before each page, and what that would be if no page were compressed.
    size: usize,
    plain: usize,
}

impl Body {
    fn new(plain: Vec<u8>, zstd: Option<&mut Compressor<'_>>) -> Result<Self> {
        let compressed = zstd.map(|zstd| zstd.compress(&plain)).transpose();
        let compressed = compressed.map_err(|error| ParquetError::External(Box::new(error)))?.map(Bytes::from);
        Ok(Self { plain: plain.into(), compressed })
    }

    fn saved(&self) -> isize {
        let compressed = self.compressed.as_ref().unwrap_or(&self.plain);
        self.plain.len().cast_signed() - compressed.len().cast_signed()
    }
}

impl Written<'_> {
    /// Where it begins, and its size.
    fn put(&mut self, body: Body, page: impl FnOnce(Bytes) -> Page) -> Result<(i64, i32)> {
        let size = body.plain.len();
        let bytes = body.compressed.filter(|_| self.is_compressed).unwrap_or(body.plain);
        let spec = self.to.write_page(CompressedPage::new(page(bytes), size))?;
        self.size += spec.compressed_size;
        self.plain += spec.uncompressed_size;
        Ok((signed(spec.offset as usize), i32::try_from(spec.compressed_size).unwrap_or(i32::MAX)))
    }
}

impl<'a, 'z> Chunk<'a, 'z> {
    pub(super) fn new(column: &'a Repeated, zstd: &'a mut Compressor<'z>) -> Self {
        Self {
            column,
            zstd: (column.size() >= WORTH).then_some(zstd),
            dictionary: None,
            pages: Vec::new(),
            levels: 0,
            nulls: 0,
            bounds: Bounds::default(),
            order: bounds::Order::default(),
            columns: ColumnIndexBuilder::new(Type::BYTE_ARRAY),
        }
    }

    pub(super) fn dictionary(&mut self) -> Result<()> {
        self.dictionary = Some(Body::new(self.column.dictionary.page().to_vec(), self.zstd.as_deref_mut())?);
        Ok(())
    }

    pub(super) fn page(&mut self, rows: Rows<'a>) -> Result<()> {
        let (count, levels, nulls, bounds) = (rows.rows, rows.levels, rows.nulls, rows.bounds);
        self.pages.push((Body::new(rows.body(), self.zstd.as_deref_mut())?, Said { rows: count, levels }));
        let [low, high] = bounds.short();
        self.columns.append(bounds.is_empty(), low.0, high.0, signed(nulls));
        self.order.add(&bounds);
        self.bounds.join(&bounds);
        self.levels += levels;
        self.nulls += nulls;
        Ok(())
    }

    /// Writes the column.
    pub(super) fn close(mut self, to: SerializedPageWriter<'_, Vec<u8>>) -> Result<ColumnCloseResult> {
        let column = self.column;
        let bodies = self.dictionary.iter().chain(self.pages.iter().map(|(body, _)| body));
        let is_worth_it = bodies.map(Body::saved).sum::<isize>() >= WORTH.cast_signed();
        let compression = if is_worth_it { column.compression } else { Compression::UNCOMPRESSED };
        let is_compressed = compression != Compression::UNCOMPRESSED;
        let mut written = Written { to, is_compressed, size: 0, plain: 0 };

        let is_dictionary = self.dictionary.is_some();
        let encoding = if is_dictionary { Encoding::RLE_DICTIONARY } else { Encoding::PLAIN };
        let dictionary_at = self.dictionary.take().map(|body| {
            let num_values = u32::try_from(column.dictionary.len()).unwrap_or(u32::MAX);
            written.put(body, |buf| Page::DictionaryPage {
                buf,
                num_values,
                encoding: Encoding::PLAIN,
                is_sorted: false,
            })
        });
        let dictionary_at = dictionary_at.transpose()?.map(|(at, _)| at);
        let (mut data_at, mut offsets) = (None, OffsetIndexBuilder::new());
        let count = i32::try_from(self.pages.len()).unwrap_or(i32::MAX);
        for (body, Said { rows, levels }) in self.pages {
            let (at, size) = written.put(body, |buf| Page::DataPage {
                buf,
                num_values: u32::try_from(levels).unwrap_or(u32::MAX),
                encoding,
                def_level_encoding: Encoding::RLE,
                rep_level_encoding: Encoding::RLE,
                statistics: None,
            })?;
            data_at.get_or_insert(at);
            offsets.append_offset_and_size(at, size);
            offsets.append_row_count(signed(rows));
        }

        let mut pages = vec![PageEncodingStats { page_type: PageType::DATA_PAGE, encoding, count }];
        if is_dictionary {
            let (page_type, encoding) = (PageType::DICTIONARY_PAGE, Encoding::PLAIN);
            pages.insert(0, PageEncodingStats { page_type, encoding, count: 1 });
        }
        let mut metadata = ColumnChunkMetaData::builder(column.of.clone())
            .set_compression(compression)
            .set_encodings(vec![Encoding::PLAIN, Encoding::RLE, encoding])
            .set_page_encoding_stats(pages)
            .set_total_compressed_size(signed(written.size))
            .set_total_uncompressed_size(signed(written.plain))
            .set_num_values(signed(self.levels))
            .set_dictionary_page_offset(dictionary_at)
            .set_data_page_offset(data_at.unwrap_or_default());
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
            bytes_written: written.size as u64,
            rows_written: column.rows as u64,
            metadata: metadata.build()?,
            bloom_filter: bloom_filter.transpose()?,
            column_index: if is_indexed { Some(self.columns.build()?) } else { None },
            offset_index: Some(offsets.build()),
        })
    }
}

fn signed(size: usize) -> i64 {
    i64::try_from(size).unwrap_or(i64::MAX)
}
