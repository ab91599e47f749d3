-- Targets that a delegate opened and that the identity behind it never opened by itself.
-- attack: T1078.004
-- read: What an agent reaches beyond its person is what its person could not have shown it.
select d.root, d.actor, d.target, d.protocol, count(*) as sessions, min(d.time) as first, max(d.time) as last
from session_facts d
left join (select distinct root, target from session_facts where state = 'open' and root = actor) o
  on o.root = d.root and o.target = d.target
where d.state = 'open' and d.root <> d.actor and d.time >= $since and o.target is null
  and d.root in (select root from session_facts where state = 'open' and root = actor)
group by d.root, d.actor, d.target, d.protocol
order by first, d.root, d.actor, d.target
