-- Statements that list the database's accounts, roles or password hashes.
-- attack: T1087, T1003
-- read: Administrators' tools read roles when they connect; pg_shadow and pg_authid hold hashes and are read by hardly anybody.
select time, root, actor, target, account, text, decision, session
from events
where kind = 'acted' and class = 'statement' and time >= $since
  and regexp_like(text, '\b(pg_shadow|pg_authid|pg_roles|pg_user|pg_auth_members)\b', 'i')
order by time, session
