-- Shells and commands inside a cluster's pods.
-- attack: T1609
-- read: Whoever is in a pod has the pod's service account: look for what that account did next.
select time, root, actor, target, text, decision, session
from events
where kind = 'acted' and class in ('api', 'request') and time >= $since
  and regexp_like(text, '/pods/[^/ ]+/(exec|attach|portforward|ephemeralcontainers)', 'i')
order by time, session
