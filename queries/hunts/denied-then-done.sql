-- Actions that policy denied to an identity and that it then did on another target or by other words.
-- attack: T1078
-- param: seconds = 3600; seconds within which the other way was found
-- read: Read both texts: whoever was refused and found another way knew what it wanted.
select d.root, d.actor, d.target as refused_at, d.text as refused, o.target as done_at, o.text as done,
       d.time as refused_time, o.time as done_time, o.session
from events d join events o on o.root = d.root and o.verb = d.verb and o.time > d.time
where d.kind = 'acted' and d.decision = 'deny' and o.kind = 'acted' and o.decision = 'allow' and d.time >= $since
  and o.verb in ('define', 'delete', 'execute', 'update', 'create')
  and to_unixtime(o.time) - to_unixtime(d.time) <= cast($seconds as bigint)
order by done_time, o.session
