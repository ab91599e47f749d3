-- Sessions that took away more than so many bytes.
-- attack: T1213.006
-- param: bytes = 1000000000; bytes that count as many
-- read: Compare with what the same identity takes on other days; backups and exports are meant to be large.
select distinct session, root, actor, target, bytes_out, actions, opened, closed
from session_facts
where state = 'closed' and bytes_out >= cast($bytes as bigint) and closed >= $since
order by bytes_out desc, session
