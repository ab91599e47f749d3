-- Sessions that ask the catalogue about many different things: somebody looks around.
-- attack: T1082
-- param: minimum = 3; different questions that count as many
-- read: A new tool does so once; the same identity on one system after the other is a search.
select session, root, actor, target, count(distinct text) as questions, min(time) as first, max(time) as last
from events
where kind = 'acted' and class = 'statement' and time >= $since
  and regexp_like(text, '\b(information_schema|pg_catalog|pg_class|pg_tables|pg_attribute|pg_database)\b', 'i')
group by session, root, actor, target
having count(distinct text) >= cast($minimum as bigint)
order by questions desc, session
