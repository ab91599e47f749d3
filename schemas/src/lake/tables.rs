//! Which tables have rows of a record.

use super::Table;
use crate::Message;
use crate::wire::About;

const _: () = assert!(Table::ALL.len() <= u8::BITS as usize, "each table has a bit");

/// Some of the tables, a bit each.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Tables(u8);

impl Tables {
    /// Those that have rows of a record that says this.
    #[must_use]
    pub fn of(about: &About<'_>) -> Self {
        let tables: &[Table] = match about {
            About::Event { is_of_session, discloses, .. } => match (is_of_session, discloses) {
                (false, false) => &[Table::Events],
                (true, false) => &[Table::Events, Table::Sessions],
                (false, true) => &[Table::Events, Table::Disclosures],
                (true, true) => &[Table::Events, Table::Sessions, Table::Disclosures],
            },
            About::Other(other) => match other {
                Message::Chunk(_) => &[Table::Recordings],
                Message::Alert(_) => &[Table::Alerts],
                Message::Verdict(_) => &[Table::Verdicts],
                Message::Resolution(_) => &[Table::Resolutions],
                Message::Checkpoint(_) => &[Table::Checkpoints],
                Message::Event(_) | Message::Judged(_) => &[],
            },
        };
        tables.iter().copied().collect()
    }

    /// Whether this table is one of them.
    #[must_use]
    pub const fn has(self, table: Table) -> bool {
        self.0 & 1 << table as u8 != 0
    }

    /// Whether there are none.
    #[must_use]
    pub const fn is_empty(self) -> bool {
        self.0 == 0
    }
}

impl FromIterator<Table> for Tables {
    fn from_iter<I: IntoIterator<Item = Table>>(tables: I) -> Self {
        Self(tables.into_iter().fold(0, |bits, table| bits | 1 << table as u8))
    }
}
