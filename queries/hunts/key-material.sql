-- Commands that read keys, password files or the credentials of clouds and clusters.
-- attack: T1552.004, T1552.001
-- read: What was read must be changed, whoever read it: the answer has crossed, and its words are not kept.
select time, root, actor, target, text, decision, session
from events
where kind = 'acted' and class in ('command', 'shell') and time >= $since
  and regexp_like(text, '(\.ssh/|id_(rsa|ed25519|ecdsa)|/etc/shadow|\.aws/credentials|\.kube/config|\.pgpass|\.netrc|serviceaccount/token)', 'i')
order by time, session
