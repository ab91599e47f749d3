-- Single statements that returned more rows than a person reads.
-- attack: T1213.006
-- param: minimum = 100000; rows that count as many
-- read: The statement stands beside it. A table read whole by somebody who never did is worth a question.
select r.time, r.root, r.actor, r.target, r.rows, a.text, a.session
from events r join events a on a.action = r.action and a.kind = 'acted' and a.session = r.session
where r.kind = 'resulted' and r.rows >= cast($minimum as bigint) and r.time >= $since
order by r.rows desc, r.time
