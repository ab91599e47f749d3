-- Commands on one host that open a connection to another: hops that may go round the gateway.
-- attack: T1021.004
-- read: The next host should appear as a session from this one shortly after. If none does, the hop went past the gateway.
select e.time, e.root, e.actor, e.target, e.text, e.session
from events e
where e.kind = 'acted' and e.class in ('command', 'shell') and e.time >= $since
  and regexp_like(e.text, '(^|[;&|]\s*|\bsudo\s+)(ssh|scp|rsync|sftp|psql|mysql|kubectl)\s', 'i')
order by e.time, e.session
