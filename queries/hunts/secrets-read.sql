-- Actions that touch what is named like a secret.
-- attack: T1552
-- read: Whether it was let through stands under decision; a masked column leaves as a decoy, so look for its use.
select time, root, actor, target, verb, text, decision, session
from events
where kind = 'acted' and time >= $since
  and regexp_like(text, '(password|passwd|secret|credential|api_?key|private_?key|access_?token)', 'i')
order by time, session
