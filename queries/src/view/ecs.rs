//! Events by the names of the Elastic Common Schema 9. What ECS has no name for stands under `interdict.`, as ECS asks of
//! fields of one's own.

use super::View;

/// One document an event.
pub(super) static EVENTS: View = View {
    name: "ecs_events",
    row: "an event, as a document of the Elastic Common Schema",
    from: judged!(),
    columns: &[
        ("@timestamp", "time", "`time`"),
        ("ecs.version", "'9.0.0'", "the version whose names these are"),
        ("message", "coalesce(text, decision_reason, detail)", "`text`, or why"),
        ("event.id", "id", "`id`"),
        ("event.kind", "'event'", "always event"),
        (
            "event.category",
            "case when kind in ('opened', 'refused', 'closed') then make_array('authentication', 'session') \
             when class = 'statement' then make_array('database') \
             when class in ('command', 'shell') then make_array('process') \
             when class = 'forward' then make_array('network') when class = 'request' then make_array('web') \
             when class = 'file' then make_array('file') else make_array('api') end",
            "authentication and session for sessions; by `class`: database, process, network, web, file, api",
        ),
        (
            "event.type",
            "case when kind in ('opened', 'refused') then make_array('start') when kind = 'closed' then make_array('end') \
             when kind = 'resulted' and class in ('command', 'shell', 'forward') then make_array('end') \
             when kind = 'resulted' then make_array('info') \
             when class = 'forward' then make_array('connection', case decision when 'deny' then 'denied' else 'allowed' end) \
             when class in ('command', 'shell') then make_array(case decision when 'deny' then 'info' else 'start' end) \
             when class = 'api' and decision = 'deny' then make_array('denied') \
             when class = 'request' then make_array('access') when verb = 'read' then make_array('access') \
             when class in ('api', 'file') and verb = 'create' then make_array('creation') \
             when class in ('api', 'file') and verb = 'delete' then make_array('deletion') \
             when verb in ('create', 'update', 'delete', 'define') then make_array('change') \
             else make_array('info') end",
            "start, end, access, change, creation, deletion, connection, allowed, denied or info, by `kind` and `verb`",
        ),
        (
            "event.action",
            "case when kind = 'acted' then concat(class, '-', verb) when kind = 'resulted' then concat(class, '-result') \
             when is_refused then 'session-refused' else concat('session-', kind) end",
            "`class` and `verb`, or what became of the session",
        ),
        (
            "event.outcome",
            "case when is_refused or decision = 'deny' then 'failure' when kind in ('opened', 'closed') then 'success' \
             else coalesce(status, 'unknown') end",
            "failure where it was refused or denied, else `status`",
        ),
        (
            "event.reason",
            "coalesce(reason, decision_reason)",
            "`reason` of a session, `decision_reason` of an action",
        ),
        ("event.code", "code", "`code`"),
        ("event.duration", "duration_us * 1000", "`duration_us`, in nanoseconds"),
        ("event.start", "opened", "`opened`"),
        ("event.sequence", "sequence", "`sequence`"),
        ("event.module", "'interdict'", "always interdict"),
        ("event.dataset", "'interdict.events'", "always interdict.events"),
        ("event.provider", "proxy", "`proxy`"),
        ("user.id", "root", "`root`"),
        ("user.domain", "issuer", "`issuer`"),
        ("user.group.name", "\"groups\"", "`groups`"),
        ("user.effective.name", "account", "`account`: whose privileges are used"),
        ("source.ip", "source_address", "`source_address`"),
        ("source.port", "source_port", "`source_port`"),
        ("source.domain", "source_host", "`source_host`"),
        ("source.bytes", "bytes_in", "`bytes_in`"),
        ("destination.address", "coalesce(target_alias, target_host, target_address)", "what was dialled"),
        ("destination.ip", "target_address", "`target_address`"),
        ("destination.port", "target_port", "`target_port`"),
        ("destination.domain", "target_host", "`target_host`"),
        ("destination.bytes", "bytes_out", "`bytes_out`"),
        ("network.protocol", "protocol", "`protocol`"),
        ("network.bytes", "bytes_in + bytes_out", "`bytes_in` and `bytes_out`"),
        ("service.name", "target", "`target`"),
        ("service.type", "protocol", "`protocol`"),
        ("observer.name", "proxy", "`proxy`"),
        ("observer.product", "'interdict'", "always interdict"),
        ("observer.type", "'proxy'", "always proxy"),
        ("process.command_line", "case when class in ('command', 'shell') then text end", "`text` of a command"),
        (
            "http.request.method",
            "case when class = 'request' then nullif(split_part(text, ' ', 1), '') end",
            "the first word of a request's `text`",
        ),
        (
            "url.path",
            "case when class = 'request' then nullif(split_part(split_part(text, ' ', 2), '?', 1), '') end",
            "the path of a request",
        ),
        (
            "url.query",
            "case when class = 'request' then nullif(split_part(text, '?', 2), '') end",
            "what stands behind its question mark",
        ),
        (
            "http.response.status_code",
            "case when class = 'request' then try_cast(code as bigint) end",
            "`code` of a request's result",
        ),
        ("file.path", "case when class = 'file' then objects[1] end", "the first of a file operation's `objects`"),
        ("rule.id", "policies", "`policies`"),
        (
            "related.user",
            "array_distinct(array_concat(make_array(root, actor), \
             case when account is null then make_array(root) else make_array(account) end))",
            "`root`, `actor` and `account`, each once",
        ),
        ("interdict.session", "session", "`session`"),
        ("interdict.actor", "actor", "`actor`"),
        ("interdict.chain", "chain", "`chain`"),
        ("interdict.action", "action", "`action`: a result has that of what it is the result of"),
        ("interdict.objects", "objects", "`objects`"),
        ("interdict.verdict", "verdict", "`verdict`"),
    ],
};
