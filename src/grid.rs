//! Rows that a command makes itself, as a table for people. What stands in them was typed by others and is made safe
//! for a terminal.

use interdict_queries::neutral;

/// A table with these columns.
pub(crate) fn grid<const N: usize>(columns: [&str; N], rows: impl IntoIterator<Item = [String; N]>) -> String {
    let mut table = comfy_table::Table::new();
    table.load_style(comfy_table::presets::UTF8_FULL_CONDENSED);
    table.set_content_arrangement(comfy_table::ContentArrangement::Dynamic);
    table.set_header(columns);
    for row in rows {
        table.add_row(row.map(|cell| neutral(&cell).into_owned()));
    }
    table.to_string()
}
