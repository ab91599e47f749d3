-- Identities that came back after a long silence.
-- attack: T1078.003
-- param: days = 45; days that count as long
-- read: Leave and seasons explain it. An account whose owner has gone does not come back by itself.
with steps as (
    select root, time, target, session, lag(time) over (partition by root order by time, session) as previous
    from session_facts
    where state = 'open'
)
select root, previous as last_seen, time as back, (to_unixtime(time) - to_unixtime(previous)) / 86400 as days, target, session
from steps
where previous is not null and time >= $since
  and to_unixtime(time) - to_unixtime(previous) >= cast($days as bigint) * 86400
order by days desc, root
