//! Events by the names of Google Security Operations' Unified Data Model, each path of a UDM event a column.

use super::View;

/// One UDM event an event. What UDM repeats is a list.
pub(super) static EVENTS: View = View {
    name: "udm_events",
    row: "an event, as one of Google's Unified Data Model",
    from: judged!(),
    columns: &[
        ("metadata.event_timestamp", "time", "`time`"),
        (
            "metadata.event_type",
            "case when kind = 'opened' or is_refused then 'USER_LOGIN' when kind = 'closed' then 'USER_LOGOUT' \
             when kind = 'resulted' then 'GENERIC_EVENT' \
             when class = 'command' then 'PROCESS_LAUNCH' when class = 'request' then 'NETWORK_HTTP' \
             when class = 'forward' then 'NETWORK_CONNECTION' \
             when class = 'file' then case verb when 'read' then 'FILE_READ' when 'create' then 'FILE_CREATION' \
               when 'delete' then 'FILE_DELETION' else 'FILE_MODIFICATION' end \
             when verb = 'read' then 'USER_RESOURCE_ACCESS' when verb = 'create' then 'USER_RESOURCE_CREATION' \
             when verb = 'delete' then 'USER_RESOURCE_DELETION' \
             when verb in ('update', 'define') then 'USER_RESOURCE_UPDATE_CONTENT' else 'GENERIC_EVENT' end",
            "by `kind`, `class` and `verb`",
        ),
        ("metadata.product_event_type", "kind", "`kind`"),
        ("metadata.product_log_id", "id", "`id`"),
        ("metadata.product_name", "'interdict'", "always interdict"),
        ("metadata.vendor_name", "'interdict'", "always interdict"),
        ("metadata.description", "coalesce(text, decision_reason, detail)", "`text`, or why"),
        ("principal.user.userid", "root", "`root`"),
        ("principal.user.group_identifiers", "\"groups\"", "`groups`"),
        ("principal.administrative_domain", "issuer", "`issuer`"),
        (
            "principal.application",
            "case when actor <> root then actor end",
            "`actor`, where it is another than the root",
        ),
        (
            "principal.ip",
            "case when source_address is not null then make_array(source_address) end",
            "`source_address`",
        ),
        ("principal.port", "source_port", "`source_port`"),
        (
            "principal.hostname",
            "coalesce(source_host, source_target, source_address)",
            "`source_host`, `source_target`, or the address",
        ),
        ("target.user.userid", "account", "`account`"),
        ("target.application", "target", "`target`"),
        ("target.ip", "case when target_address is not null then make_array(target_address) end", "`target_address`"),
        ("target.port", "target_port", "`target_port`"),
        ("target.hostname", "coalesce(target_host, target)", "`target_host`, or `target`"),
        (
            "target.resource.name",
            "case when class in ('statement', 'api') then coalesce(objects[1], \"database\") end",
            "the first of the `objects` of a statement or an API's call, or its `database`",
        ),
        (
            "target.resource.resource_type",
            "case when class = 'statement' then case when cardinality(objects) > 0 then 'TABLE' else 'DATABASE' end end",
            "TABLE or DATABASE, of a statement",
        ),
        ("target.resource.resource_subtype", "class", "`class`"),
        (
            "target.process.command_line",
            "case when class in ('command', 'shell') then text end",
            "`text` of a command",
        ),
        (
            "target.url",
            "case when class = 'request' then nullif(split_part(text, ' ', 2), '') end",
            "the path and query of a request",
        ),
        (
            "target.file.full_path",
            "case when class = 'file' then objects[1] end",
            "the first of a file operation's `objects`",
        ),
        (
            "network.application_protocol",
            "case protocol when 'ssh' then 'SSH' when 'http' then 'HTTP' when 'kubernetes' then 'HTTPS' \
             when 'smb' then 'SMB' when 'kerberos' then 'KRB5' when 'rpc' then 'DCERPC' when 'rdp' then 'RDP' \
             else 'UNKNOWN_APPLICATION_PROTOCOL' end",
            "by `protocol`, where UDM has a name for it",
        ),
        ("network.session_id", "session", "`session`"),
        ("network.sent_bytes", "bytes_in", "`bytes_in`"),
        ("network.received_bytes", "bytes_out", "`bytes_out`"),
        (
            "network.http.method",
            "case when class = 'request' then nullif(split_part(text, ' ', 1), '') end",
            "the first word of a request's `text`",
        ),
        (
            "network.http.response_code",
            "case when class = 'request' then try_cast(code as int) end",
            "`code` of a request's result",
        ),
        ("intermediary.hostname", "proxy", "`proxy`"),
        (
            "security_result.action",
            "case when is_refused or decision = 'deny' then make_array('BLOCK') \
             when kind = 'opened' or decision = 'allow' then make_array('ALLOW') end",
            "BLOCK or ALLOW, where something was decided",
        ),
        (
            "security_result.summary",
            "coalesce(reason, decision_reason, status)",
            "`reason`, `decision_reason`, or `status`",
        ),
        ("security_result.description", "detail", "`detail`"),
        (
            "security_result.rule_id",
            "coalesce(verdict, policies[1])",
            "`verdict`, or the first of the `policies` that decided",
        ),
        (
            "extensions.auth.type",
            "case when kind in ('opened', 'refused', 'closed') then 'SSO' end",
            "always SSO, of a session",
        ),
        (
            "extensions.auth.mechanism",
            "case when kind in ('opened', 'refused', 'closed') then make_array('REMOTE') end",
            "always REMOTE, of a session",
        ),
    ],
};
