-- Commands that remove traces of themselves.
-- attack: T1070
-- read: The recording of the session is in the lake whatever was removed on the host: `interdict replay SESSION`.
select time, root, actor, target, text, decision, session
from events
where kind = 'acted' and class in ('command', 'shell') and time >= $since
  and regexp_like(text, '(history\s+-c|unset\s+HISTFILE|rm\s+.*(/var/log|\.bash_history)|journalctl\s+--vacuum|shred\s|auditctl\s+-e\s*0)', 'i')
order by time, session
