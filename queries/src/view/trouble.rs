//! Views of what waits for a person, and of what is not there that should be.

use super::View;

/// Verdicts that hold, and what a person decided. A hold is lifted by taking its verdict back, which says who did it, or
/// by finding its alert benign, upon which the detector takes it back; it is denied by finding the alert malicious.
pub(super) static APPROVALS: View = View {
    name: "approvals",
    row: "a verdict that holds sessions until a person approves",
    // The bus keeps the newest record of a verdict, so where nobody collected in between there is only its revocation.
    from: "(select *, row_number() over (partition by id order by revoked, bus_offset) as nth from verdict_records \
              where effect = 'hold' and mode = 'enforce') h \
           left join (select *, row_number() over (partition by id order by bus_offset) as nth from verdict_records \
              where revoked) g on g.id = h.id and g.nth = 1 \
           left join resolutions r on r.alert = h.alert and r.time >= h.time \
           left join (select verdict, count(distinct session) as attempts, max(time) as last_attempt \
              from session_facts where verdict is not null group by verdict) s on s.verdict = h.id \
           where h.nth = 1",
    columns: &[
        ("verdict", "h.id", "id of the verdict that holds"),
        ("asked", "h.time", "when it was given"),
        ("asked_by", "h.author", "a detection's name, or a person's"),
        ("root", "h.scope_root", "whom it holds: this root"),
        ("actor", "h.scope_actor", "this actor"),
        ("session", "h.scope_session", "this session"),
        ("source", "h.scope_source", "sessions from this target"),
        ("target", "h.scope_target", "sessions to this target"),
        ("alert", "h.alert", "id of the alert that it belongs to"),
        ("reason", "h.reason", "why, in words"),
        ("until", "h.until", "when it ends by itself"),
        ("attempts", "coalesce(s.attempts, 0)", "sessions that it has refused"),
        ("last_attempt", "s.last_attempt", "when the newest of them was"),
        (
            "state",
            "case when g.id is not null then 'granted' when r.finding = 'malicious' then 'denied' \
             when h.until <= now() then 'expired' else 'waiting' end",
            "waiting, granted, denied or expired",
        ),
        (
            "decided",
            "case when g.id is not null and g.author = h.author and r.finding = 'benign' then r.time \
             when g.id is not null then g.time when r.finding = 'malicious' then r.time end",
            "when a person decided",
        ),
        (
            "decided_by",
            "case when g.id is not null and g.author = h.author and r.finding = 'benign' then r.author \
             when g.id is not null then g.author when r.finding = 'malicious' then r.author end",
            "who",
        ),
        (
            "note",
            "case when g.id is not null or r.finding = 'malicious' then r.note end",
            "what they said of the alert",
        ),
    ],
};

/// Holes. Imported rows are left out: they count the lines of a file, not the records of a log.
pub(super) static GAPS: View = View {
    name: "gaps",
    row: "a hole in what a gateway recorded",
    from: "(with numbered as ( \
               select 'events' as what, proxy, spool, sequence, time from events \
               where spool is not null and bus_partition < 2147483647 \
               union all \
               select 'recordings' as what, proxy, spool, sequence, time from recordings where spool is not null), \
             beside as (select *, lag(sequence) over w as earlier, lag(time) over w as earlier_time from numbered \
               window w as (partition by what, spool order by sequence)), \
             ends as (select what, spool, max(proxy) as proxy, max(sequence) as newest, max(time) as newest_time \
               from numbered group by what, spool), \
             pieces as (select session, target, time, \"index\", lag(\"index\") over w as earlier, \
                 lag(time) over w as earlier_time, proxy, spool from recordings \
               window w as (partition by session order by \"index\")) \
           select what, proxy, spool, cast(null as varchar) as session, coalesce(earlier, 0) + 1 as first, \
             sequence - 1 as last, earlier_time as after, time as before, \
             case when earlier is null then 'head' else 'between' end as reason \
           from beside where sequence > coalesce(earlier, 0) + 1 \
           union all \
           select e.what, e.proxy, e.spool, null, e.newest + 1, c.last, e.newest_time, c.time, 'tail' \
           from ends e join (select log, chain, max(last) as last, max(time) as time from checkpoints \
               group by log, chain) c \
             on c.log = e.spool and c.chain = concat('interdict.', e.what) and c.last > e.newest \
           union all \
           select 'recording', proxy, spool, session, coalesce(earlier, -1) + 1, \"index\" - 1, earlier_time, time, \
             'pieces' from pieces where \"index\" > coalesce(earlier, -1) + 1 \
           union all \
           select 'session', proxy, spool, session, null, null, opened, closed, 'unended' \
           from session_facts where state = 'closed' and reason = 'lost')",
    columns: &[
        ("what", "what", "events or recordings: numbers of a log; recording: pieces of a terminal; session: its end"),
        ("proxy", "proxy", "the gateway"),
        ("spool", "spool", "id of its log"),
        ("session", "session", "the session, of a recording or a session's end"),
        ("first", "first", "the first number that is missing"),
        ("last", "last", "the last"),
        ("missing", "last - first + 1", "how many are missing; null where nobody can know"),
        ("after", "after", "time of what stands before the hole"),
        ("before", "before", "time of what stands behind it; of a tail, when its end was signed"),
        (
            "reason",
            "reason",
            "between: lost, since what stands around it is here; head: retention, or lost; tail: signed for and not here, \
             or not yet; pieces: of a recording; unended: the gateway's process ended while the session lived",
        ),
    ],
};
