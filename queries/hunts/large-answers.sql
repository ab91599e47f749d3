-- Sessions that took away more than so many bytes.
-- attack: T1213.006
-- param: bytes = 1000000000; bytes that count as many
-- read: Compare with what the same identity takes on other days; backups and exports are meant to be large.
select s.session, s.root, s.actor, s.target, s.bytes_out, s.actions, s.opened, s.closed
from sessions s
where s.bytes_out >= cast($bytes as bigint) and s.closed >= $since
order by s.bytes_out desc, s.session
