//! What a table is called in SQL, and the views: those that show the newest fact of each thing instead of all facts, those
//! that answer what people ask most, and those that name everything as another standard does. A view holds nothing, so
//! that it cannot differ from what is stored. `queries/VIEWS.md` is the columns as a page; a test keeps the two together.

/// Events, and whether a session was not admitted by them: refused at once, or recorded as opened and then, before a byte
/// went through, ended by a verdict or at the barrier.
macro_rules! judged {
    () => {
        concat!(
            "(select *, kind = 'refused' or (kind = 'closed' and ",
            turned_away!(),
            ") as is_refused from events)"
        )
    };
}

/// Of how a session ended: it was recorded as opened, and judged before its target was dialled.
macro_rules! turned_away {
    () => {
        "coalesce(reason in ('verdict', 'barrier') and actions = 0 and bytes_in = 0 and bytes_out = 0, false)"
    };
}

/// Facts that a session was opened, but for those that were turned away.
macro_rules! admitted {
    () => {
        concat!(
            "(select * from session_facts o where state = 'open' and not exists (\
               select 1 from session_facts where session = o.session and state = 'closed' and ",
            turned_away!(),
            "))"
        )
    };
}

pub(crate) use admitted;
pub(crate) use turned_away;

mod asim;
mod cim;
mod ecs;
mod history;
mod lazy;
#[cfg(test)]
mod page;
mod trouble;
mod udm;

pub(crate) use lazy::catalogues;

use interdict_schemas::lake::Table;

/// A column of a view: its name, the expression that it is, and what it means.
pub(crate) type Column = (&'static str, &'static str, &'static str);

/// A view.
#[derive(Debug)]
struct View {
    name: &'static str,
    /// What one row is.
    #[cfg_attr(not(test), expect(dead_code, reason = "the page tells it"))]
    row: &'static str,
    /// Where the rows come from: what follows `from`.
    from: &'static str,
    columns: &'static [Column],
}

impl View {
    fn sql(&self) -> String {
        let columns: Vec<_> =
            self.columns.iter().map(|(name, expression, _)| format!("{expression} as \"{name}\"")).collect();
        format!("select {} from {}", columns.join(", "), self.from)
    }
}

/// Those with columns of their own, in the order in which one may name another.
static VIEWS: [&View; 14] = [
    &history::TOUCHES,
    &history::TODAY,
    &history::FAILED_ADMISSIONS,
    &history::SESSION_CHAINS,
    &history::FIRST_EDGES,
    &history::EDGES,
    &trouble::APPROVALS,
    &trouble::GAPS,
    &ecs::EVENTS,
    &asim::AUTHENTICATION,
    &asim::AUDIT,
    &udm::EVENTS,
    &cim::AUTHENTICATION,
    &cim::CHANGE,
];

/// The name under which all rows of a table stand.
pub(crate) const fn facts(table: Table) -> &'static str {
    match table {
        Table::Sessions => "session_facts",
        Table::Alerts => "alert_revisions",
        Table::Verdicts => "verdict_records",
        Table::Resolutions => "resolution_records",
        Table::Events | Table::Disclosures | Table::Recordings | Table::Checkpoints => table.name(),
    }
}

/// The views: name and definition.
fn all() -> Vec<(&'static str, String)> {
    let newest = [
        // How a session ended outranks that it was opened, in whatever order the facts were read. By its id alone: an imported
        // log may name who acts, or where to, otherwise at the end than at the start, and a session is one row.
        newest(Table::Sessions, "session", "case state when 'open' then 0 else 1 end desc, bus_offset desc"),
        newest(Table::Alerts, "id", "revision desc, bus_offset desc"),
        newest(Table::Verdicts, "id", "bus_offset desc"),
        newest(Table::Resolutions, "alert", "bus_offset desc"),
    ];
    newest.into_iter().chain(VIEWS.iter().map(|view| (view.name, view.sql()))).collect()
}

fn newest(table: Table, key: &str, order: &str) -> (&'static str, String) {
    let schema = table.schema();
    let column = |name: &str| match name {
        "state" if table == Table::Sessions => {
            format!("case when state = 'closed' and {} then 'refused' else state end as state", turned_away!())
        }
        name => format!("\"{name}\""),
    };
    let columns: Vec<String> = schema.fields().iter().map(|field| column(field.name())).collect();
    let columns = columns.join(", ");
    let sql = format!(
        "select {columns} from (select *, row_number() over (partition by {key} order by {order}) as newest_first \
         from {}) where newest_first = 1",
        facts(table)
    );
    (table.name(), sql)
}
