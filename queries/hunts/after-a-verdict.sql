-- Sessions that opened while a verdict was to stop their root: a gateway that did not hear of it.
-- attack: T1562
-- read: There must be none. If there is one, that gateway was cut off and its target fails open.
select s.time, s.session, s.root, s.actor, s.target, v.id as verdict, v.time as given, v.until
from session_facts s join verdicts v on v.scope_root = s.root
where s.state = 'open' and s.time >= $since and v.effect = 'stop' and v.mode = 'enforce' and not v.revoked
  and s.time > v.time and s.time < v.until
  and (v.scope_target is null or v.scope_target = s.target)
  and (v.scope_actor is null or v.scope_actor = s.actor)
  and (v.scope_source is null) and (v.scope_session is null)
order by s.time, s.session
