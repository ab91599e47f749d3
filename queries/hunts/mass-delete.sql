-- Statements that empty or drop what others need: DELETE without a condition, TRUNCATE, DROP.
-- attack: T1485
-- read: Test targets are emptied every day. Anything else that was let through should have a change behind it.
select time, root, actor, target, text, decision, session
from events
where kind = 'acted' and class = 'statement' and time >= $since
  and (regexp_like(text, '^\s*(truncate|drop\s+(table|schema|database|view))\b', 'i')
       or (regexp_like(text, '^\s*delete\s+from\b', 'i') and not regexp_like(text, '\bwhere\b', 'i')))
order by time, session
