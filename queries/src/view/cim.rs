//! Sessions and changes by the names of Splunk's Common Information Model. The source user is the root, who is
//! answerable; the user is the account that is used on the target.

use super::View;

/// One row a session that was opened, or not admitted.
pub(super) static AUTHENTICATION: View = View {
    name: "cim_authentication",
    row: "a session that was opened, or not admitted, by CIM's model Authentication",
    from: concat!(judged!(), " where kind = 'opened' or is_refused"),
    columns: &[
        ("_time", "time", "`time`"),
        (
            "action",
            "case when is_refused then 'failure' else 'success' end",
            "success, or failure of what was not admitted",
        ),
        ("app", "protocol", "`protocol`"),
        ("authentication_method", "'token'", "always token"),
        ("authentication_service", "issuer", "`issuer`"),
        ("dest", "coalesce(target_host, target_address, target)", "`target_host`, its address, or `target`"),
        ("reason", "detail", "`detail`"),
        (
            "signature",
            "case when is_refused then concat('session refused: ', reason) else 'session opened' end",
            "what happened, with the `reason` of a refusal",
        ),
        ("signature_id", "coalesce(reason, 'opened')", "`reason`, or opened"),
        ("src", "coalesce(source_host, source_address)", "`source_host`, or its address"),
        ("src_user", "root", "`root`"),
        ("src_user_id", "root", "`root`"),
        ("src_user_type", "root_kind", "`root_kind`"),
        ("user", "coalesce(account, root)", "`account`; `root` where none was chosen"),
        ("user_agent", "case when actor <> root then actor end", "`actor`, where it is another than the root"),
        ("user_id", "coalesce(account, root)", "the same as user"),
        ("vendor_product", "'interdict'", "always interdict"),
        ("session_id", "session", "`session`, by its name in CIM's other models"),
    ],
};

/// One row an action that changes something, with what came of it.
pub(super) static CHANGE: View = View {
    name: "cim_change",
    row: "an action that changes something, with what came of it, by CIM's model Change",
    from: "events e left join (select action, status, code, detail from events where kind = 'resulted') r \
             on r.action = e.action \
           where e.kind = 'acted' and e.verb in ('create', 'update', 'delete', 'define')",
    columns: &[
        ("_time", "e.time", "`time`"),
        (
            "action",
            "case e.verb when 'create' then 'created' when 'delete' then 'deleted' when 'update' then 'updated' \
             else 'modified' end",
            "created, updated, deleted, or modified of what is defined, by `verb`",
        ),
        ("change_type", "e.class", "`class`"),
        ("command", "e.text", "`text`"),
        ("dest", "coalesce(e.target_host, e.target_address, e.target)", "`target_host`, its address, or `target`"),
        ("dvc", "e.proxy", "`proxy`"),
        (
            "object",
            "coalesce(e.objects[1], e.\"database\", e.target)",
            "the first of the `objects`, `database`, or `target`",
        ),
        (
            "object_category",
            "case e.class when 'statement' then 'table' when 'file' then 'file' when 'api' then 'resource' else 'other' end",
            "table, file, resource or other, by `class`",
        ),
        ("object_path", "nullif(array_to_string(e.objects, ', '), '')", "`objects`"),
        (
            "status",
            "case when e.decision = 'deny' then 'failure' else coalesce(r.status, e.status, 'unknown') end",
            "failure where policy denied it, else the `status` of its result; unknown while nobody knows",
        ),
        (
            "result",
            "case when e.decision = 'deny' then e.decision_reason else coalesce(r.detail, e.detail) end",
            "why policy denied it, or `detail` of its result",
        ),
        ("result_id", "coalesce(r.code, e.code)", "`code` of its result"),
        ("src", "coalesce(e.source_host, e.source_address)", "`source_host`, or its address"),
        ("src_user", "e.root", "`root`"),
        ("user", "coalesce(e.account, e.root)", "`account`; `root` where none was chosen"),
        ("user_agent", "case when e.actor <> e.root then e.actor end", "`actor`, where it is another than the root"),
        ("vendor_product", "'interdict'", "always interdict"),
        ("session_id", "e.session", "`session`, by its name in CIM's other models"),
    ],
};
