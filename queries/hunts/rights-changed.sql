-- Accounts made, rights given or memberships changed through a database session.
-- attack: T1098
-- read: Whoever gives rights to the account it came with, or makes an account that it then uses, has prepared a way back.
select time, root, actor, target, account, text, decision, session
from events
where kind = 'acted' and class = 'statement' and time >= $since
  and regexp_like(text, '^\s*(grant|revoke|(create|alter|drop)\s+(role|user|group))\b', 'i')
order by time, session
