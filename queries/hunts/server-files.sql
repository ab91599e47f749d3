-- Statements that reach out of the database: programs, files of the server, foreign servers.
-- attack: T1059
-- read: COPY with PROGRAM runs a command on the database's host, and what it does there no session records.
select time, root, actor, target, text, decision, session
from events
where kind = 'acted' and class = 'statement' and time >= $since
  and regexp_like(text, '(\bcopy\b.*\bprogram\b|pg_read_(binary_)?file|pg_ls_dir|lo_(im|ex)port|dblink|create\s+extension)', 'i')
order by time, session
