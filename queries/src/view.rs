//! What a table is called in SQL, and the views that show the newest fact of each thing instead of all facts.

use interdict_schemas::lake::Table;

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
pub(crate) fn all() -> Vec<(&'static str, String)> {
    vec![
        // How a session ended outranks that it was opened, in whatever order the facts were read.
        newest(Table::Sessions, "session", "case state when 'open' then 0 else 1 end desc, bus_offset desc"),
        newest(Table::Alerts, "id", "revision desc, bus_offset desc"),
        newest(Table::Verdicts, "id", "bus_offset desc"),
        newest(Table::Resolutions, "alert", "bus_offset desc"),
        ("touches", TOUCHES.to_owned()),
        ("today", TODAY.to_owned()),
        ("failed_admissions", FAILED_ADMISSIONS.to_owned()),
        ("session_chains", SESSION_CHAINS.to_owned()),
        ("first_edges", FIRST_EDGES.to_owned()),
    ]
}

/// Who touched which table, path or program, how and how often.
const TOUCHES: &str = "select root, actor, target, object, verb, count(*) as times, \
     sum(case decision when 'deny' then 1 else 0 end) as denied, min(time) as first, max(time) as last \
     from (select root, actor, target, verb, decision, time, unnest(objects) as object from events \
           where kind = 'acted') \
     group by root, actor, target, object, verb";

/// What each identity did in the last 24 hours.
const TODAY: &str = "select root, actor, count(distinct session) as sessions, count(distinct target) as targets, \
     sum(case kind when 'acted' then 1 else 0 end) as actions, \
     sum(case when decision = 'deny' then 1 else 0 end) as denied, \
     sum(case kind when 'refused' then 1 else 0 end) as refused, \
     sum(coalesce(cardinality(disclosures), 0)) as learned, min(time) as first, max(time) as last \
     from events where time >= now() - interval '24 hours' group by root, actor";

/// Sessions that were not admitted.
const FAILED_ADMISSIONS: &str = "select time, session, root, actor, source_address, target, protocol, account, \
     reason, detail, verdict from session_facts where state = 'refused'";

/// Sessions with their delegation in one line, and the alerts that have them in their chain.
const SESSION_CHAINS: &str = "select s.session, s.opened, s.closed, s.state, \
     array_to_string(s.chain, ' > ') as delegation, s.source_address, s.source_target, s.target, s.protocol, \
     s.account, s.actions, s.denied, h.alerts, h.risk \
     from sessions s left join (select hop['session'] as session, count(distinct id) as alerts, max(risk) as risk \
       from (select id, risk, unnest(chain) as hop from alerts) group by hop['session']) h on h.session = s.session";

/// The first session of each root to each target under each account.
const FIRST_EDGES: &str = "select root, target, protocol, account, time as first, session, actor, source_address, \
     sessions from (select root, target, protocol, account, time, session, actor, source_address, \
       row_number() over (partition by root, target, protocol, account order by time, session) as nth, \
       count(*) over (partition by root, target, protocol, account) as sessions \
       from session_facts where state = 'open') where nth = 1";

fn newest(table: Table, key: &str, order: &str) -> (&'static str, String) {
    let schema = table.schema();
    let columns: Vec<String> = schema.fields().iter().map(|field| format!("\"{}\"", field.name())).collect();
    let columns = columns.join(", ");
    let sql = format!(
        "select {columns} from (select *, row_number() over (partition by {key} order by {order}) as newest_first \
         from {}) where newest_first = 1",
        facts(table)
    );
    (table.name(), sql)
}
