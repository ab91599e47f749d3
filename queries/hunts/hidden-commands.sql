-- Commands that hide what they run: decoded, evaluated, or given to an interpreter as text.
-- attack: T1027.010
-- read: Decode the text and read it. Configuration management encodes too, and always the same.
select time, root, actor, target, text, decision, session
from events
where kind = 'acted' and class in ('command', 'shell') and time >= $since
  and regexp_like(text, '(base64\s+(-d|--decode)|\beval\b|xxd\s+-r|(python3?|perl|ruby)\s+-(c|e)\b|openssl\s+enc)', 'i')
order by time, session
