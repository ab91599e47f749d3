//! Text beside the rows that can teach: errors, notices, notifications and the names of columns.

use super::{BETWEEN, Down, Fault, Fields};

impl Down {
    /// Gathers what an ErrorResponse or NoticeResponse says.
    pub(super) fn said(&mut self, body: &[u8]) -> Result<(), Fault> {
        let mut fields = Fields::new(b'N', body);
        while fields.u8().map_err(Fault::target)? != 0 {
            self.text.push(BETWEEN);
            self.text.extend_from_slice(fields.string().map_err(Fault::target)?);
        }
        self.text.push(BETWEEN);
        Ok(())
    }

    pub(super) fn notified(&mut self, body: &[u8]) -> Result<(), Fault> {
        let mut fields = Fields::new(b'A', body);
        fields.u32().map_err(Fault::target)?;
        for _ in 0..2 {
            self.text.push(BETWEEN);
            self.text.extend_from_slice(fields.string().map_err(Fault::target)?);
        }
        self.text.push(BETWEEN);
        Ok(())
    }

    /// The names of columns: a view can be given one that is data.
    pub(super) fn headings(&mut self, body: &[u8]) -> Result<(), Fault> {
        /// Bytes of a column's description after its name.
        const REST: usize = 18;
        let mut fields = Fields::new(b'T', body);
        for _ in 0..fields.u16().map_err(Fault::target)? {
            self.text.push(BETWEEN);
            self.text.extend_from_slice(fields.string().map_err(Fault::target)?);
            fields.take(REST).map_err(Fault::target)?;
        }
        self.text.push(BETWEEN);
        Ok(())
    }
}
