//! Views of what people ask most: who touched what, who goes where, who was not let in.

use super::View;

/// Who touched which table, path or program, how and how often.
pub(super) static TOUCHES: View = View {
    name: "touches",
    row: "an identity and a table, path or program that it touched",
    from: "(select root, actor, target, verb, decision, time, unnest(objects) as object from events \
            where kind = 'acted') group by root, actor, target, object, verb",
    columns: &[
        ("root", "root", "the person or workload at the start of the chain"),
        ("actor", "actor", "who acted"),
        ("target", "target", "on which target"),
        ("object", "object", "the table, path or program"),
        ("verb", "verb", "what was done to it"),
        ("times", "count(*)", "how often"),
        ("denied", "sum(case decision when 'deny' then 1 else 0 end)", "of these, how often policy denied it"),
        ("first", "min(time)", "when first"),
        ("last", "max(time)", "when last"),
    ],
};

/// What each identity did in the last 24 hours.
pub(super) static TODAY: View = View {
    name: "today",
    row: "an identity that did something in the last 24 hours",
    from: concat!(judged!(), " where time >= now() - interval '24 hours' group by root, actor"),
    columns: &[
        ("root", "root", "the person or workload at the start of the chain"),
        ("actor", "actor", "who acted"),
        ("sessions", "count(distinct session)", "sessions, those that were refused too"),
        ("targets", "count(distinct target)", "targets"),
        ("actions", "sum(case kind when 'acted' then 1 else 0 end)", "actions"),
        ("denied", "sum(case when decision = 'deny' then 1 else 0 end)", "of these, denied by policy"),
        ("refused", "sum(case when is_refused then 1 else 0 end)", "sessions that were not admitted"),
        (
            "learned",
            "cast(sum(coalesce(cardinality(disclosures), 0)) as bigint)",
            "names, addresses and credentials it was taught",
        ),
        ("first", "min(time)", "its first event"),
        ("last", "max(time)", "its last event"),
    ],
};

/// Sessions that were not admitted.
pub(super) static FAILED_ADMISSIONS: View = View {
    name: "failed_admissions",
    row: "a session that was not admitted",
    from: concat!("session_facts where state = 'refused' or (state = 'closed' and ", turned_away!(), ")"),
    columns: &[
        ("time", "time", "when"),
        ("session", "session", "id of the session"),
        ("root", "root", "the person or workload at the start of the chain"),
        ("actor", "actor", "who asked"),
        ("source_address", "source_address", "from where"),
        ("target", "target", "for which target"),
        ("protocol", "protocol", "how it is spoken to"),
        ("account", "account", "the account that would have been used"),
        ("reason", "reason", "a stable word: why"),
        ("detail", "detail", "in words"),
        ("verdict", "verdict", "id of the verdict that refused it, if one did"),
    ],
};

/// Sessions with their delegation in one line, and the alerts that have them in their chain.
pub(super) static SESSION_CHAINS: View = View {
    name: "session_chains",
    row: "a session, its delegation and its alerts",
    from: "sessions s left join (select hop['session'] as session, count(distinct id) as alerts, max(risk) as risk \
             from (select id, risk, unnest(chain) as hop from alerts) group by hop['session']) h \
           on h.session = s.session",
    columns: &[
        ("session", "s.session", "id of the session"),
        ("opened", "s.opened", "when it was opened"),
        ("closed", "s.closed", "when it ended"),
        ("state", "s.state", "open, refused or closed"),
        ("delegation", "array_to_string(s.chain, ' > ')", "all principals, root first"),
        ("source_address", "s.source_address", "from where"),
        ("source_target", "s.source_target", "the protected target that the peer is"),
        ("target", "s.target", "to which target"),
        ("protocol", "s.protocol", "how it is spoken to"),
        ("account", "s.account", "the account used there"),
        ("actions", "s.actions", "actions of the whole session"),
        ("denied", "s.denied", "of these, denied"),
        ("alerts", "h.alerts", "alerts that have it in their chain"),
        ("risk", "h.risk", "the highest risk among them"),
    ],
};

/// The first session of each root to each target under each account.
pub(super) static FIRST_EDGES: View = View {
    name: "first_edges",
    row: "a root's first session to a target under an account",
    from: concat!(
        "(select root, target, protocol, account, time, session, actor, source_address, \
              row_number() over (partition by root, target, protocol, account order by time, session) as nth, \
              count(*) over (partition by root, target, protocol, account) as sessions from ",
        admitted!(),
        ") where nth = 1"
    ),
    columns: &[
        ("root", "root", "the person or workload at the start of the chain"),
        ("target", "target", "the target"),
        ("protocol", "protocol", "how it is spoken to"),
        ("account", "account", "the account used there"),
        ("first", "time", "when that session was opened"),
        ("session", "session", "its id"),
        ("actor", "actor", "who acted in it"),
        ("source_address", "source_address", "where it came from"),
        ("sessions", "sessions", "how many there were since, with this one"),
    ],
};

/// Who goes where, as what. A session that was recorded and then not admitted ends by a verdict or at the barrier without
/// a byte; it counts as refused, like one that was refused at once.
pub(super) static EDGES: View = View {
    name: "edges",
    row: "a root, an account and a target that it was at, or was refused at",
    from: concat!(
        "(select root, account, target, protocol, session, coalesce(opened, time) as began, time, \
              state = 'refused' or (state = 'closed' and ",
        turned_away!(),
        ") as refused from session_facts) group by root, account, target, protocol"
    ),
    columns: &[
        ("root", "root", "the person or workload at the start of the chain"),
        ("account", "account", "the account on the target; null where none was chosen"),
        ("target", "target", "the target"),
        ("protocol", "protocol", "how it is spoken to"),
        ("first", "min(began)", "when its first session was opened or refused"),
        ("last", "max(time)", "when its newest session was opened, refused or closed"),
        ("sessions", "count(distinct session)", "sessions, those that were refused too"),
        (
            "refused",
            "count(distinct case when refused then session end)",
            "of these, not admitted: by policy, a verdict or the barrier",
        ),
    ],
};
