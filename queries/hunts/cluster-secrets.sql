-- Secrets of a cluster, read over its API.
-- attack: T1552.007
-- read: Controllers read their own again and again; a list over all namespaces is somebody collecting.
select time, root, actor, target, text, decision, session
from events
where kind = 'acted' and class in ('api', 'request') and time >= $since
  and regexp_like(text, '^GET /api/v1/(namespaces/[^/ ]+/)?secrets', 'i')
order by time, session
