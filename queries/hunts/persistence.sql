-- Commands that leave something behind which runs or lets in later.
-- attack: T1053.003, T1098.004
-- read: Ask for the change that it belongs to; then look at who else uses what was left.
select time, root, actor, target, text, decision, session
from events
where kind = 'acted' and class in ('command', 'shell') and time >= $since
  and regexp_like(text, '(crontab|authorized_keys|systemctl\s+enable|/etc/cron|\.bashrc|\.profile|rc\.local|\bat\s+now\b)', 'i')
order by time, session
