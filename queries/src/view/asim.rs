//! Sessions and actions by the names of Microsoft Sentinel's Advanced Security Information Model. The actor is the root,
//! who is answerable; the target user is the account that is used on the target.

use super::View;

/// One row a session that was opened, refused or closed.
pub(super) static AUTHENTICATION: View = View {
    name: "asim_authentication",
    row: "a session that was opened, refused or closed, by ASIM's Authentication schema",
    from: concat!(judged!(), " where kind in ('opened', 'refused', 'closed')"),
    columns: &[
        ("TimeGenerated", "time", "`time`"),
        ("EventSchema", "'Authentication'", "always Authentication"),
        ("EventSchemaVersion", "'0.1.4'", "the version whose names these are"),
        ("EventVendor", "'interdict'", "always interdict"),
        ("EventProduct", "'interdict'", "always interdict"),
        ("EventCount", "cast(1 as int)", "always 1"),
        ("EventStartTime", "coalesce(opened, time)", "`opened`, or `time`"),
        ("EventEndTime", "time", "`time`"),
        (
            "EventType",
            "case when kind = 'closed' and not is_refused then 'Logoff' else 'Logon' end",
            "Logon, or Logoff of what was admitted and closed",
        ),
        (
            "EventSubType",
            "case when actor <> root then 'AssumeRole' when protocol in ('ssh', 'rdp') then 'RemoteInteractive' \
             else 'Remote' end",
            "AssumeRole where somebody acts for the root, else RemoteInteractive or Remote by `protocol`",
        ),
        ("EventResult", "case when is_refused then 'Failure' else 'Success' end", "Failure of what was not admitted"),
        (
            "EventResultDetails",
            "case when not is_refused then null when reason in ('policy', 'verdict', 'barrier') \
             then 'Logon violates policy' else 'Other' end",
            "Logon violates policy, or Other",
        ),
        ("EventOriginalResultDetails", "reason", "`reason`"),
        ("EventMessage", "detail", "`detail`"),
        ("EventSeverity", "case when is_refused then 'Low' else 'Informational' end", "Low of what was not admitted"),
        ("EventOriginalUid", "id", "`id`"),
        ("EventOriginalType", "kind", "`kind`"),
        ("Dvc", "proxy", "`proxy`"),
        ("DvcAction", "case when is_refused then 'Deny' else 'Allow' end", "Deny of what was not admitted"),
        ("RuleName", "verdict", "`verdict`"),
        ("ActorUserId", "root", "`root`"),
        ("ActorUserIdType", "'Other'", "always Other: the issuer's `sub`"),
        ("ActorUsername", "root", "`root`"),
        ("ActorUsernameType", "'Simple'", "always Simple"),
        (
            "ActorUserType",
            "case root_kind when 'administrator' then 'Admin' when 'workload' then 'Service' when 'agent' then 'Application' \
             else 'Regular' end",
            "Regular, Admin, Service or Application, by `root_kind`",
        ),
        ("ActorScope", "issuer", "`issuer`"),
        ("ActingAppName", "case when actor <> root then actor end", "`actor`, where it is another than the root"),
        ("TargetUsername", "coalesce(account, root)", "`account`; `root` where none was chosen"),
        ("TargetUsernameType", "'Simple'", "always Simple"),
        ("TargetSessionId", "session", "`session`"),
        ("TargetAppName", "target", "`target`"),
        ("TargetAppType", "'Service'", "always Service"),
        ("TargetHostname", "coalesce(target_host, target)", "`target_host`, or `target`"),
        ("TargetIpAddr", "target_address", "`target_address`"),
        ("TargetPortNumber", "target_port", "`target_port`"),
        ("SrcIpAddr", "source_address", "`source_address`"),
        ("SrcPortNumber", "source_port", "`source_port`"),
        ("SrcHostname", "coalesce(source_host, source_target)", "`source_host`, or `source_target`"),
        ("LogonMethod", "'Other'", "always Other: a token"),
        ("LogonProtocol", "protocol", "`protocol`"),
    ],
};

/// One row an action, with what came of it.
pub(super) static AUDIT: View = View {
    name: "asim_audit",
    row: "an action with what came of it, by ASIM's Audit Event schema",
    from: "events e left join (select action, status, code, detail from events where kind = 'resulted') r \
             on r.action = e.action where e.kind = 'acted'",
    columns: &[
        ("TimeGenerated", "e.time", "`time`"),
        ("EventSchema", "'AuditEvent'", "always AuditEvent"),
        ("EventSchemaVersion", "'0.1.2'", "the version whose names these are"),
        ("EventVendor", "'interdict'", "always interdict"),
        ("EventProduct", "'interdict'", "always interdict"),
        ("EventCount", "cast(1 as int)", "always 1"),
        ("EventStartTime", "e.time", "`time`"),
        ("EventEndTime", "e.time", "`time`"),
        (
            "EventType",
            "case e.verb when 'read' then 'Read' when 'create' then 'Create' when 'update' then 'Set' \
             when 'define' then 'Set' when 'delete' then 'Delete' when 'execute' then 'Execute' else 'Other' end",
            "Read, Create, Set, Delete, Execute or Other, by `verb`",
        ),
        ("Operation", "e.text", "`text`"),
        ("EventOriginalType", "e.class", "`class`"),
        (
            "EventResult",
            "case when e.decision = 'deny' then 'Failure' else case coalesce(r.status, e.status) \
             when 'success' then 'Success' when 'failure' then 'Failure' else 'NA' end end",
            "Failure where policy denied it, else by the `status` of its result; NA while nobody knows",
        ),
        ("EventOriginalResultDetails", "coalesce(r.code, e.code)", "`code` of its result"),
        (
            "EventMessage",
            "case when e.decision = 'deny' then e.decision_reason else coalesce(r.detail, e.detail) end",
            "why policy denied it, or `detail` of its result",
        ),
        (
            "EventSeverity",
            "case e.decision when 'deny' then 'Low' else 'Informational' end",
            "Low of what was denied",
        ),
        ("EventOriginalUid", "e.id", "`id`"),
        ("Dvc", "e.proxy", "`proxy`"),
        ("DvcAction", "case e.decision when 'deny' then 'Deny' else 'Allow' end", "`decision`"),
        ("RuleName", "array_to_string(e.policies, ', ')", "`policies`"),
        (
            "Object",
            "coalesce(nullif(array_to_string(e.objects, ', '), ''), e.target)",
            "`objects`; `target` where it names none",
        ),
        ("ObjectType", "'Other'", "always Other"),
        ("ActorUserId", "e.root", "`root`"),
        ("ActorUserIdType", "'Other'", "always Other: the issuer's `sub`"),
        ("ActorUsername", "e.root", "`root`"),
        ("ActorUsernameType", "'Simple'", "always Simple"),
        ("ActorScope", "e.issuer", "`issuer`"),
        ("ActorSessionId", "e.session", "`session`"),
        (
            "ActingAppName",
            "case when e.actor <> e.root then e.actor end",
            "`actor`, where it is another than the root",
        ),
        ("TargetAppName", "e.target", "`target`"),
        ("TargetAppType", "'Service'", "always Service"),
        ("TargetHostname", "coalesce(e.target_host, e.target)", "`target_host`, or `target`"),
        ("TargetIpAddr", "e.target_address", "`target_address`"),
        ("TargetPortNumber", "e.target_port", "`target_port`"),
        ("SrcIpAddr", "e.source_address", "`source_address`"),
        ("SrcPortNumber", "e.source_port", "`source_port`"),
        ("SrcHostname", "coalesce(e.source_host, e.source_target)", "`source_host`, or `source_target`"),
    ],
};
