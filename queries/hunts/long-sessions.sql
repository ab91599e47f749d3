-- Sessions that stayed open for long.
-- attack: T1133
-- param: hours = 12; hours that count as long
-- read: Connection pools of services are meant to; a shell that is open over night belongs to somebody who can come back.
select distinct session, root, actor, target, protocol, opened, closed,
       (to_unixtime(closed) - to_unixtime(opened)) / 3600 as hours, actions
from session_facts
where state = 'closed' and closed >= $since
  and to_unixtime(closed) - to_unixtime(opened) >= cast($hours as bigint) * 3600
order by hours desc, session
