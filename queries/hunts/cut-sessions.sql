-- Sessions that a verdict ended while they lived, and what they had done until then.
-- attack: T1021
-- read: Start with the verdict's alert, then replay the session: what it had reached is known by now to somebody.
select s.session, s.root, s.actor, s.target, s.closed, s.actions, s.bytes_out, s.verdict, s.detail
from sessions s
where s.state = 'closed' and s.reason = 'verdict' and s.closed >= $since
order by s.closed, s.session
