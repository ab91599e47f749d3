//! Handles of statements: the statement itself, with the values for its parameters if there are any. The server keeps
//! nothing of a statement between calls, so nothing need be forgotten, and any server of the lake can answer.

use crate::serve::refusal::{Kind, Refusal};
use crate::serve::statement::MAX_TEXT;
use arrow::array::RecordBatch;
use arrow_flight::error::FlightError;
use datafusion::common::ParamValues;
use datafusion::scalar::ScalarValue;
use prost::Message;
use prost::bytes::Bytes;

/// The most bytes of values.
const MAX_VALUES: usize = 1 << 20;

/// A statement and its values.
#[derive(Clone, PartialEq, Message)]
pub(super) struct Ticket {
    /// The statement.
    #[prost(string, tag = "1")]
    pub(super) text: String,
    /// One row of values as an Arrow IPC stream; empty if there are none.
    #[prost(bytes = "vec", tag = "2")]
    pub(super) values: Vec<u8>,
}

impl Ticket {
    pub(super) fn new(text: String) -> Self {
        Self { text, values: Vec::new() }
    }

    pub(super) fn handle(&self) -> Bytes {
        self.encode_to_vec().into()
    }

    pub(super) fn read(handle: &[u8]) -> Result<Self, Refusal> {
        let wrong = || Refusal::new(Kind::Protocol, "this is no handle of a statement of this server");
        if handle.len() > MAX_TEXT + MAX_VALUES + 64 {
            return Err(wrong());
        }
        Self::decode(handle).map_err(|_| wrong())
    }

    /// The same statement with these values for its parameters.
    pub(super) fn bind(mut self, batches: &[RecordBatch]) -> Result<Self, Refusal> {
        let wrong = |words: &str| Refusal::new(Kind::Value, words);
        let [row] = batches.iter().filter(|batch| batch.num_rows() > 0).collect::<Vec<_>>()[..] else {
            return Err(wrong("values for one run of the statement are taken at a time"));
        };
        if row.num_rows() != 1 {
            return Err(wrong("one row of values is taken at a time"));
        }
        let write = || {
            let mut writer = arrow::ipc::writer::StreamWriter::try_new(Vec::new(), &row.schema())?;
            writer.write(row)?;
            writer.into_inner()
        };
        self.values = write().map_err(|_| wrong("the values cannot be kept"))?;
        if self.values.len() > MAX_VALUES {
            return Err(wrong("the values are too large"));
        }
        Ok(self)
    }

    /// The values in order; `None` if none were bound.
    pub(super) fn parameters(&self) -> Result<Option<ParamValues>, Refusal> {
        if self.values.is_empty() {
            return Ok(None);
        }
        let wrong = |_| Refusal::new(Kind::Value, "the values for the parameters cannot be read");
        let mut reader = arrow::ipc::reader::StreamReader::try_new(self.values.as_slice(), None).map_err(wrong)?;
        let Some(row) = reader.next() else { return Ok(None) };
        let row = row.map_err(wrong)?;
        let values = row.columns().iter().map(|column| ScalarValue::try_from_array(column, 0));
        let values = values.collect::<Result<Vec<_>, _>>();
        values.map(|values| Some(values.into())).map_err(|error| Refusal::new(Kind::Value, error.strip_backtrace()))
    }
}

/// What comes instead of values.
pub(super) fn unreadable(error: &FlightError) -> Refusal {
    Refusal::new(Kind::Value, format!("the values cannot be read: {error}"))
}
