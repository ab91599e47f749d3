-- Forwards through a session to somewhere else.
-- attack: T1572
-- read: The other end stands in the text. One that is a target of its own was reached round the gateway's eyes.
select time, root, actor, target, text, decision, session
from events
where kind = 'acted' and class = 'forward' and time >= $since
order by time, session
