-- Commands that fetch something and run it, or bring in a tool.
-- attack: T1105
-- read: Installers do the same. An address nobody else fetched from is what tells them apart.
select time, root, actor, target, text, decision, session
from events
where kind = 'acted' and class in ('command', 'shell') and time >= $since
  and regexp_like(text, '\b(curl|wget|fetch)\b.*(\|\s*(sudo\s+)?(ba|z|da)?sh\b|-o\s|-O\s|chmod)', 'i')
order by time, session
