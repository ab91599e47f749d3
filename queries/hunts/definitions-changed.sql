-- Changes of tables, functions and other definitions.
-- attack: T1505.001
-- read: Migrations come from a pipeline and in bulk; a single one by a person or an agent is worth reading.
select time, root, actor, actor_kind, target, text, decision, session
from events
where kind = 'acted' and verb = 'define' and decision = 'allow' and time >= $since
order by time, session
